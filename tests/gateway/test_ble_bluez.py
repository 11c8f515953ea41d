"""The production path of Bluetooth: plain bleak on BlueZ's D-Bus interface, on python-dbusmock's template of it and a bus of our own."""

import asyncio
import contextlib
import hmac
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.devices import Device
from gateway.edges.ble import Bonds, Near, Nearby
from gateway.edges.buffer import Buffer
from gateway.edges.way import Way
from protocol import frames, nearby
from tests.gateway.ground import device as some_device

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's packages are this one's
ADAPTER, DEVICE = "/org/bluez/hci0", "/org/bluez/hci0/dev_F0_00_00_00_00_01"
SERVICE, OUTBOX, INBOX = f"{DEVICE}/service0010", f"{DEVICE}/service0010/char0011", f"{DEVICE}/service0010/char0013"
MOCK = "org.freedesktop.DBus.Mock"
BUS = """<busconfig><type>system</type><keep_umask/><listen>unix:tmpdir=/tmp</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


def dbusmock_is_there() -> bool:
    return subprocess.run([SYSTEM_PYTHON, "-c", "import dbusmock"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not dbusmock_is_there(), reason="python3-dbusmock is missing: ./foyer test installs it"),
    # dbus-fast leaves the sockets of a bus to the collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def bus_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A system bus of our own with BlueZ's template on it."""
    (tmp_path / "bus.xml").write_text(BUS, encoding="utf-8")
    command = ["dbus-daemon", f"--config-file={tmp_path}/bus.xml", "--nofork", "--nopidfile", "--print-address=1"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    address = daemon.stdout.readline().strip()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    mock = subprocess.Popen(
        [SYSTEM_PYTHON, "-m", "dbusmock", "--system", "--template", "bluez5"], env={**os.environ}, stdout=subprocess.DEVNULL
    )
    yield address
    for process in (mock, daemon):
        process.terminate()
        process.wait()
    daemon.stdout.close()


class BlueZ:
    """The template, turned from outside."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    async def call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> list[object]:
        message = Message(destination="org.bluez", path=path, interface=interface, member=member, signature=signature, body=list(body))
        reply = await self._bus.call(message)
        assert reply is not None
        assert reply.message_type is MessageType.METHOD_RETURN, reply.body
        return list(reply.body)

    async def until_there(self) -> None:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(AssertionError):
                    await self.call("/org/bluez", "org.freedesktop.DBus.Introspectable", "Introspect")
                    return
                await asyncio.sleep(0.05)

    async def update(self, path: str, interface: str, **properties: Variant) -> None:
        await self.call(path, MOCK, "UpdateProperties", "sa{sv}", interface, properties)

    async def written(self) -> list[bytes]:
        """Return what was written to the inbox."""
        (calls,) = await self.call(INBOX, MOCK, "GetMethodCalls", "s", "WriteValue")
        return [bytes(arguments[0].value) for _, arguments in calls]  # type: ignore[attr-defined]

    async def make_home(self, device: Device) -> None:
        """An adapter, and a device beside it that says that readings wait."""
        await self.call("/org/bluez", "org.bluez.Mock", "AddAdapter", "ss", "hci0", "home")
        roles = Variant("as", ["central", "peripheral"])  # the template is older than they are
        await self.call(ADAPTER, MOCK, "AddProperty", "ssv", "org.bluez.Adapter1", "Roles", roles)
        tagged = nearby.tag(device.pairing, b"abc", lambda key, data: hmac.digest(key, data, "sha256"))
        said = nearby.encode(device.kind, nearby.WAITING, b"abc", tagged)
        heard = {  # not the template's AddDevice: its dictionaries are none
            "Address": Variant("s", "F0:00:00:00:00:01"),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", "F0-00-00-00-00-01"),
            "Adapter": Variant("o", ADAPTER),
            "UUIDs": Variant("as", [nearby.SERVICE]),
            "ManufacturerData": Variant("a{qv}", {nearby.COMPANY: Variant("ay", said)}),
            "RSSI": Variant("n", -50),
            **{name: Variant("b", False) for name in ("Paired", "Bonded", "Connected", "Trusted", "Blocked", "LegacyPairing")},
            "ServicesResolved": Variant("b", True),
        }
        does = [["Connect", "Connected", "True"], ["Disconnect", "Connected", "False"], ["Pair", "Paired", "True"]]
        methods = [
            [name, "", "", f"self.UpdateProperties('org.bluez.Device1', {{'{what}': dbus.Boolean({value})}})"] for name, what, value in does
        ]
        await self.call("/org/bluez", MOCK, "AddObject", "ssa{sv}a(ssss)", DEVICE, "org.bluez.Device1", heard, methods)
        own = {"UUID": Variant("s", nearby.SERVICE), "Device": Variant("o", DEVICE), "Primary": Variant("b", True)}
        await self.call("/org/bluez", MOCK, "AddObject", "ssa{sv}a(ssss)", SERVICE, "org.bluez.GattService1", own, [])
        for path, uuid, flags in ((OUTBOX, nearby.OUTBOX, ["notify"]), (INBOX, nearby.INBOX, ["write-without-response", "write"])):
            value = {
                "UUID": Variant("s", uuid),
                "Service": Variant("o", SERVICE),
                "Flags": Variant("as", flags),
                "Value": Variant("ay", b""),
                "MTU": Variant("q", 185),
            }
            methods = [["StartNotify", "", "", ""], ["StopNotify", "", "", ""], ["WriteValue", "aya{sv}", "", ""]]
            await self.call("/org/bluez", MOCK, "AddObject", "ssa{sv}a(ssss)", path, "org.bluez.GattCharacteristic1", value, methods)

    async def advertise(self) -> None:
        """Be heard again and again."""
        for strength in range(60, 10_000):
            await self.update(DEVICE, "org.bluez.Device1", RSSI=Variant("n", -(strength % 40) - 40))
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def bluez(address: str) -> AsyncIterator[BlueZ]:
    async with asyncio.timeout(30):
        bus = await MessageBus(bus_address=address).connect()
    try:
        made = BlueZ(bus)
        await made.until_there()
        yield made
    finally:
        bus.disconnect()


@contextlib.asynccontextmanager
async def a_way(folder: Path) -> AsyncIterator[Way]:
    buffer = await Buffer.open(folder / "home.db", 64)
    try:
        yield Way(buffer)
    finally:
        await buffer.close()


async def test_a_visit_on_bluez_bonds_says_ready_and_takes_what_comes(bus_address: str, tmp_path: Path) -> None:
    """bleak's own backend finds the device by its tag, connects, pairs, listens and writes; notified fragments become a message."""
    device = some_device(b"kid!")
    came: asyncio.Queue[bytes] = asyncio.Queue()
    bonds = Bonds(tmp_path / "bonds.json")

    def take(datagram: bytes, _who: Near) -> None:
        came.put_nowait(datagram)

    async with bluez(bus_address) as house, a_way(tmp_path) as way:
        await house.make_home(device)
        door = Nearby(lambda: [device], take, bonds, way, structlog.get_logger())
        running = [asyncio.create_task(door.run()), asyncio.create_task(house.advertise())]
        try:
            async with asyncio.timeout(60):
                while nearby.READY not in await house.written():
                    await asyncio.sleep(0.1)
                message = bytes(range(200))
                for fragment in frames.split(message, 0, 185 - nearby.HEADER_BYTES):
                    await house.update(OUTBOX, "org.bluez.GattCharacteristic1", Value=Variant("ay", fragment))
                assert await came.get() == message
                while len(await house.written()) < 2:  # that it is whole
                    await asyncio.sleep(0.1)
            assert (await house.written())[1][:3] == bytes((0, 0xFF, 0xFF))
            assert bonds.has(device)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def test_without_an_adapter_the_gateway_says_so_and_goes_on(bus_address: str, tmp_path: Path) -> None:
    """BlueZ is there and has no adapter: "ble_off" is counted and nothing ends."""
    device = some_device(b"kid!")
    async with bluez(bus_address), a_way(tmp_path) as way:
        door = Nearby(lambda: [device], lambda _datagram, _who: None, Bonds(tmp_path / "bonds.json"), way, structlog.get_logger())
        running = asyncio.create_task(door.run())
        try:
            async with asyncio.timeout(60):
                while not way.counts["ble_off"]:
                    await asyncio.sleep(0.1)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
