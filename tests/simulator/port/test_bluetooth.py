"""MicroPython's `bluetooth` as a program on a device meets it, with a real host at the other end of the air."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from bumble import hci
from bumble.att import ATT_Error
from bumble.core import ProtocolError
from bumble.device import Connection, Device

from simulator.air.ble import Air
from simulator.house import House
from tests.simulator.air.hosts import a_host, an_air, found
from tests.simulator.conftest import MakeImage

OTHER = "F0:00:00:00:00:02"
BEGIN = """
import bluetooth, time, asyncio, gc, machine
VALUE = bluetooth.UUID("7b1ef001-4f6f-4a3e-9d6c-1f2e3d4c5b6a")
ble = bluetooth.BLE()
assert bluetooth.BLE() is ble
secrets = {}
links = []
written = []
def handle(event, data):
    if event == 1:
        links.append(data[0])
        print("linked")
    elif event == 2:
        links.remove(data[0])
        print("unlinked")
    elif event == 3:
        written.append(ble.gatts_read(data[1]))
    elif event == 4:
        return REFUSAL
    elif event == 20:
        print("indicated", data[2])
    elif event == 21:
        print("mtu", data[1])
    elif event == 28:
        print("secured", data[1], data[3])
    elif event == 29:
        kind, index, key = data
        if key is not None:
            return secrets.get((kind, key))
        found = [value for (each, _), value in secrets.items() if each == kind]
        return found[index] if index < len(found) else None
    elif event == 30:
        secrets[data[0], data[1]] = data[2]
        return True
REFUSAL = 0
ble.irq(handle)
ble.config(addr_mode=2, mtu=247, bond=True, le_secure=True, mitm=False, io=3)
ble.active(True)
((value,),) = ble.gatts_register_services(((bluetooth.UUID("7b1ef000-4f6f-4a3e-9d6c-1f2e3d4c5b6a"), ((VALUE, FLAGS),)),))
ble.gap_advertise(30000, b"\\x02\\x01\\x06", resp_data=b"\\x02\\x0a\\x05")
"""

Work = Callable[[Air, Device, Connection, deque[str]], Awaitable[None]]


@pytest.fixture
def with_device(tmp_path: Path, interpreter_command: tuple[str, ...], make_image: MakeImage) -> Callable[[str, Work], list[str]]:
    """Return a function that runs a program on a scale, links a host to it, and lets `work` go on; it returns what the program said."""

    def run(program: str, work: Work, flags: int = 0x1E) -> list[str]:
        async def whole() -> list[str]:
            async with AsyncExitStack() as stack:
                air = await stack.enter_async_context(an_air())
                phone = await stack.enter_async_context(a_host(air, "phone", OTHER))
                house = await stack.enter_async_context(House(tmp_path / "house", interpreter_command, air=air))
                image = make_image({"main.py": BEGIN.replace("FLAGS", str(flags)) + program})
                device = house.add("tried", "scale", image, ("127.0.0.1", 9))
                await device.start()
                connection = await link(phone)
                await asyncio.wait_for(work(air, phone, connection, device.console), 20)
                return list(device.console)

        return asyncio.run(asyncio.wait_for(whole(), 60))

    return run


async def link(phone: Device) -> Connection:
    """Connect to the first thing that advertises."""
    seen: asyncio.Future[hci.Address] = asyncio.get_running_loop().create_future()
    phone.on("advertisement", lambda heard: None if seen.done() else seen.set_result(heard.address))
    await phone.start_scanning(legacy=True)
    address = await asyncio.wait_for(seen, 20)
    await phone.stop_scanning()
    return await phone.connect(address, timeout=10)


async def until(lines: deque[str], wanted: str) -> str:
    while True:
        for line in list(lines):
            if line.startswith(wanted):
                return line
        await asyncio.sleep(0.02)


LOOP = """
async def loop():
    while True:
        await asyncio.sleep_ms(10)
        if written:
            print("got", len(written[-1]), len(written))
asyncio.run(loop())
"""


def test_a_value_of_more_than_20_bytes_is_cut_without_a_word(with_device) -> None:  # type: ignore[no-untyped-def]
    """The stock port's buffers have 20 bytes; only gatts_set_buffer makes them larger."""

    async def work(_air: Air, _phone: Device, connection: Connection, lines: deque[str]) -> None:
        characteristic = await found(connection)
        await characteristic.write_value(bytes(60), with_response=True)
        await until(lines, "got 20 1")

    with_device(LOOP, work)

    async def larger(_air: Air, _phone: Device, connection: Connection, lines: deque[str]) -> None:
        characteristic = await found(connection)
        for _ in range(5):
            await characteristic.write_value(bytes(60), with_response=False)
        await until(lines, "got 60 5")
        assert await until(lines, "mtu") == "mtu 247"

    with_device("ble.gatts_set_buffer(value, 100)\n" + LOOP, larger)


def test_events_come_inside_a_loop_that_never_gives_way(with_device) -> None:  # type: ignore[no-untyped-def]
    """The stack is another task; a program that computes is interrupted, also between its questions to the bus."""
    program = """
pin = machine.Pin(0, machine.Pin.IN)
n = 0
while len(written) < 20:
    pin.value()
    n += 1
print("saw", len(written), b"".join(written) == bytes(range(20)))
time.sleep(5)
"""

    async def work(_air: Air, _phone: Device, connection: Connection, lines: deque[str]) -> None:
        characteristic = await found(connection)
        for number in range(20):
            await characteristic.write_value(bytes((number,)), with_response=False)
        assert await until(lines, "saw") == "saw 20 True"

    with_device(program, work)


def test_a_read_waits_for_the_firmware(with_device) -> None:  # type: ignore[no-untyped-def]
    """A read request is the handler's to allow, and what it writes then is what is read; a refusal reaches the reader as its number."""

    async def allowed(_air: Air, _phone: Device, connection: Connection, _lines: deque[str]) -> None:
        assert await (await found(connection)).read_value() == b"now"

    with_device("ble.gatts_write(value, b'now')\n" + LOOP, allowed)

    async def refused(_air: Air, _phone: Device, connection: Connection, _lines: deque[str]) -> None:
        with pytest.raises((ATT_Error, ProtocolError)) as failed:
            await (await found(connection)).read_value()
        assert failed.value.error_code == 0x80

    with_device("REFUSAL = 0x80\n" + LOOP, refused)


def test_too_many_notifications_are_refused(with_device) -> None:  # type: ignore[no-untyped-def]
    """Back-pressure: while the stack holds a dozen packets the next one raises ENOMEM, and what it took arrives in order."""
    program = """
while not written:
    time.sleep_ms(5)
sent = full = 0
while sent < 60:
    try:
        ble.gatts_notify(links[0], value, bytes((sent,)) * 100)
        sent += 1
    except OSError as error:
        assert error.errno == 12, error
        full += 1
        time.sleep_ms(2)
print("sent", sent, full > 0)
time.sleep(5)
"""

    async def work(air: Air, _phone: Device, connection: Connection, lines: deque[str]) -> None:
        characteristic = await found(connection)
        got: list[int] = []
        await characteristic.subscribe(lambda data: got.append(data[0]))
        air.throughput_bit_per_s = 200_000.0
        await characteristic.write_value(b"go", with_response=False)
        assert await until(lines, "sent") == "sent 60 True"
        while len(got) < 60:
            await asyncio.sleep(0.01)
        assert got == list(range(60))

    with_device(program, work)


def test_what_needs_encryption_is_refused_without_and_bonds_are_the_firmwares(with_device) -> None:  # type: ignore[no-untyped-def]
    """A value with the encrypted flags needs a paired link; the keys come to the firmware, which hands them back at the next link."""

    async def work(_air: Air, phone: Device, connection: Connection, lines: deque[str]) -> None:
        characteristic = await found(connection)
        with pytest.raises((ATT_Error, ProtocolError)):
            await characteristic.write_value(b"x", with_response=True)
        await connection.pair()
        assert await until(lines, "secured") == "secured True True"
        await characteristic.write_value(b"x", with_response=True)
        await until(lines, "got 1 1")
        await connection.disconnect()
        await until(lines, "unlinked")
        lines.clear()
        again = await link(phone)
        assert again.peer_resolvable_address is not None  # known by its identity behind a random address
        await again.encrypt()
        assert again.is_encrypted
        assert await until(lines, "secured") == "secured True True"

    with_device(LOOP.replace("if written:", "if not links: ble.gap_advertise(30000)\n        if written:"), work, 0x1E | 0x0200 | 0x1000)


def test_a_firmware_that_lost_its_bonds_cannot_be_linked_to_as_before(with_device) -> None:  # type: ignore[no-untyped-def]
    """The other end is told that the key is missing; nothing is paired anew by itself."""

    async def work(_air: Air, phone: Device, connection: Connection, lines: deque[str]) -> None:
        await connection.pair()
        await until(lines, "secured")
        await (await found(connection)).write_value(b"forget", with_response=True)
        await connection.disconnect()
        await until(lines, "unlinked")
        again = await link(phone)
        with pytest.raises(hci.HCI_Error):
            await again.encrypt()
        assert not again.is_encrypted

    forgetful = "if not links:\n            secrets.clear()\n            ble.gap_advertise(30000)\n        if written:"
    with_device(LOOP.replace("if written:", forgetful), work)
