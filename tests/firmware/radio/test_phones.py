"""Phones beside a device: the Bluetooth SIG's services of real firmware, read by a Bumble host that knows nothing of ours.

The layouts are decoded here from the specifications, not by the code that made them.
"""

import asyncio
import contextlib
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bumble import att, hci
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt_client import CharacteristicProxy
from bumble.keys import MemoryKeyStore
from bumble.profiles.device_information_service import DeviceInformationServiceProxy

from protocol import commands
from simulator.air.ble import Air
from simulator.house import House
from simulator.people.person import Person
from tests.firmware.living import until
from tests.gateway.test_ble_devices import an_air
from tests.gateway.test_pages import Browser
from tests.gateway.test_pairings import flash, home, kid_of_only_device, new_device, paired
from tests.simulator.air.hosts import a_host

PERSON = Person("Ada", 61.3)
WEIGHT_SCALE, BODY, ENVIRONMENT, BLOOD_PRESSURE = 0x181D, 0x181B, 0x181A, 0x1810
TEMPERATURE, HUMIDITY, PRESSURE = 0x2A6E, 0x2A6F, 0x2A35
MEASUREMENT, FEATURE, CONTROL, INDEX, LANGUAGE = 0x2A9D, 0x2A9E, 0x2A9F, 0x2A9A, 0x2AA2
REGISTER, CONSENT, DELETE = 1, 2, 3
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Phone:
    """A phone of the household: an independent GATT client."""

    def __init__(self, host: Device) -> None:
        self.host = host
        host.keystore = MemoryKeyStore()
        self.connection: Connection | None = None
        self.values: dict[int, CharacteristicProxy[bytes]] = {}
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.measured: asyncio.Queue[bytes] = asyncio.Queue()
        self.peer: Peer | None = None

    async def find(self, service: int) -> hci.Address:
        """Return the address of a device that advertises a service."""
        found: asyncio.Future[hci.Address] = asyncio.get_running_loop().create_future()

        def heard(said: Advertisement) -> None:
            listed = [
                each
                for kind in (
                    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                )
                for group in said.data.get_all(kind)
                for each in (group if isinstance(group, list) else [group])
            ]
            if UUID.from_16_bits(service) in listed and not found.done():
                found.set_result(said.address)

        self.host.on("advertisement", heard)
        await self.host.start_scanning(legacy=True, active=True)
        try:
            return await asyncio.wait_for(found, 60)
        finally:
            self.host.remove_listener("advertisement", heard)
            await self.host.stop_scanning(legacy=True)

    async def connect(self, service: int) -> None:
        """Connect to such a device and look at all it has."""
        while True:
            try:
                self.connection = await self.host.connect(await self.find(service), timeout=10)
                break
            except (TimeoutError, BaseBumbleError):
                continue  # another was there first
        self.peer = Peer(self.connection)
        await self.peer.request_mtu(185)
        await self.peer.discover_services()
        for each in self.peer.services:
            for value in await each.discover_characteristics():
                if len(value.uuid.uuid_bytes) == 2:
                    self.values[int.from_bytes(value.uuid.uuid_bytes, "little")] = value

    async def listen(self, measurement: int = MEASUREMENT) -> None:
        """Subscribe to responses and measurements."""
        await self.values[CONTROL].subscribe(self.answers.put_nowait, prefer_notify=False)
        await self.values[measurement].subscribe(self.measured.put_nowait, prefer_notify=False)

    async def ask(self, *request: int) -> bytes:
        """Write to the control point; return its response."""
        await self.values[CONTROL].write_value(bytes(request), with_response=True)
        return await asyncio.wait_for(self.answers.get(), 30)

    async def read(self, value: int) -> bytes:
        return await self.values[value].read_value()

    async def refused(self, value: int) -> int:
        """Return the ATT error with which a value is not read."""
        with pytest.raises(att.ATT_Error) as error:
            await self.read(value)
        return int(error.value.error_code)


@asynccontextmanager
async def a_phone(air: Air, name: str, address: str) -> AsyncIterator[Phone]:
    async with a_host(air, name, address) as host:
        yield Phone(host)


async def choose(page: Browser, kid: str, phones: int) -> None:
    """Turn phones on or off at the gateway's page, as its owner does."""
    answer = await page.post(f"/en/devices/{kid}/orders", kind=str(commands.CHOOSE), language="0", phones=str(phones))
    assert answer.status_code == 303


@pytest.mark.parametrize("radio", [pytest.param("wifi", marks=pytest.mark.long), "ble"])
async def test_a_scale_tells_a_bonded_phone_with_consent_what_it_weighs(tmp_path: Path, radio: str) -> None:
    """Off until the owner turns it on; then a phone bonds in the window, registers with a code, and has the weight by the specification.
    Nothing without bond, without consent, or with a wrong code; and the home has its reading all the same.
    """
    label = secrets.token_bytes(16)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        device = new_device(house, "bathroom", coap_port, label, "scale", radio=radio)
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await until(lambda: device.display[1] == "step on", 60)
        async with a_phone(air, "phone", "F0:00:00:00:00:0A") as phone:
            if radio == "ble":
                assert device.bluetooth is not None
                assert not [each for each in device.bluetooth._values.values() if len(each.characteristic.uuid.uuid_bytes) == 2]
            else:
                assert device.bluetooth is not None
                assert device.bluetooth.address == ""
            await choose(page, kid, 1)
            await phone.connect(WEIGHT_SCALE)
            assert BODY in {
                int.from_bytes(each.uuid.uuid_bytes[:2], "little") for each in phone.peer.services if len(each.uuid.uuid_bytes) == 2
            }
            assert await phone.refused(FEATURE) in (0x05, 0x0F)
            await phone.connection.pair()
            assert struct.unpack("<I", await phone.read(FEATURE))[0] >> 1 & 1 == 1  # several users
            information = phone.peer.create_service_proxy(DeviceInformationServiceProxy)
            assert await information.manufacturer_name.read_value() == "Foyer"
            assert await information.model_number.read_value() == "scale"
            await phone.listen()
            assert await phone.refused(LANGUAGE) == 0x80
            assert await phone.ask(REGISTER, *struct.pack("<H", 4711)) == bytes((0x20, REGISTER, 1, 0))
            assert await phone.ask(CONSENT, 0, *struct.pack("<H", 1234)) == bytes((0x20, CONSENT, 5))
            assert await phone.read(INDEX) == b"\xff"
            await house.step_on(device, PERSON, 9.0)
            await until(lambda: device.display[0].endswith("kg"), 60)
            assert phone.measured.empty()
            assert await phone.ask(CONSENT, 0, *struct.pack("<H", 4711)) == bytes((0x20, CONSENT, 1))
            flags, steps, user = struct.unpack("<BHB", await asyncio.wait_for(phone.measured.get(), 30))
            assert (flags, user) == (0b100, 0xFF)
            assert steps * 0.005 == pytest.approx(PERSON.weight_kg, abs=0.05)
            assert (await phone.read(INDEX), await phone.read(LANGUAGE)) == (b"\0", b"en")
            assert await phone.ask(DELETE) == bytes((0x20, DELETE, 1))
            assert await phone.ask(CONSENT, 0, *struct.pack("<H", 4711)) == bytes((0x20, CONSENT, 3))
            assert await phone.ask(9) == bytes((0x20, 9, 2))
            await phone.connection.disconnect()
            await until(lambda: device.display[1] == "arrived", 60)
        assert flash(device)["settings.cbor"]["phones"] == 1


@pytest.mark.long
async def test_a_room_is_read_by_bonded_phones_only_and_none_bonds_outside_the_window(tmp_path: Path) -> None:
    """A babyphone's temperature and humidity as Environmental Sensing has them; after a power cut the phone that is bonded still reads
    them, and another that would bond is refused and cut off.
    """
    label = secrets.token_bytes(16)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        device = new_device(house, "nursery", coap_port, label, "babyphone")
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await choose(page, kid, 1)
        async with a_phone(air, "parent's", "F0:00:00:00:00:0A") as phone, a_phone(air, "thief's", "F0:00:00:00:00:0B") as thief:
            await phone.connect(ENVIRONMENT)
            assert await phone.refused(TEMPERATURE) == 0x0F
            await phone.connection.pair()
            await the_room(phone, house)
            await phone.connection.disconnect()
            await device.cut_power()
            await device.restore_power()
            await thief.connect(ENVIRONMENT)
            ended = asyncio.Event()
            thief.connection.on("disconnection", lambda _: ended.set())
            with contextlib.suppress(BaseBumbleError, asyncio.CancelledError):
                await thief.connection.pair()
                assert await thief.refused(TEMPERATURE) == 0x05
            await asyncio.wait_for(ended.wait(), 30)
            await phone.connect(ENVIRONMENT)
            await phone.connection.encrypt()
            await the_room(phone, house)
            await phone.connection.disconnect()


async def the_room(phone: Phone, house: House) -> None:
    """Wait until a phone reads the room as it is."""
    async with asyncio.timeout(60):
        while True:
            try:
                Cel, percent = struct.unpack("<h", await phone.read(TEMPERATURE)), struct.unpack("<H", await phone.read(HUMIDITY))
                break
            except (att.ATT_Error, struct.error):  # the device has not measured yet
                await asyncio.sleep(0.1)
    truth = house.look()["nursery"]
    assert Cel[0] / 100 == pytest.approx(float(str(truth["room_Cel"])), abs=0.5)
    assert percent[0] / 100 == pytest.approx(float(str(truth["room_percent"])), abs=3)


@pytest.mark.long
async def test_a_cuff_tells_a_phone_the_pressure(tmp_path: Path) -> None:
    """Its Bluetooth gives way while it measures; the phone comes again, consents again and is told, in millimetres of mercury."""
    label = secrets.token_bytes(16)
    somebody = Person("Ada", 61.3, 120.0, 78.0, 64.0, seed=5)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        device = new_device(house, "cuff", coap_port, label, "cuff", radio="ble")
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await choose(page, kid, 1)
        async with a_phone(air, "phone", "F0:00:00:00:00:0A") as phone:
            await phone.connect(BLOOD_PRESSURE)
            await phone.connection.pair()
            await phone.listen(PRESSURE)
            assert await phone.ask(REGISTER, *struct.pack("<H", 7)) == bytes((0x20, REGISTER, 1, 0))
            await house.wrap_and_press("cuff", somebody)
            await until(lambda: "/" in device.display[0], 120)
            await phone.connect(BLOOD_PRESSURE)
            await phone.connection.encrypt()
            await phone.listen(PRESSURE)
            assert await phone.ask(CONSENT, 0, *struct.pack("<H", 7)) == bytes((0x20, CONSENT, 1))
            flags, systolic, diastolic, _, pulse, user, _ = struct.unpack("<BHHHHBH", await asyncio.wait_for(phone.measured.get(), 30))
            assert (flags, user) == (0b11100, 0xFF)
            assert (systolic, diastolic, pulse) == (pytest.approx(120, abs=6), pytest.approx(78, abs=6), pytest.approx(64, abs=3))
            assert f"{systolic}/{diastolic}" == device.display[0]
