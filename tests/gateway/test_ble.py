"""The devices' Bluetooth door: a real gateway process, bleak, a real stack on a simulated air, and devices of other people's code."""

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiocoap
import cbor2
import pytest

from gateway.edges.ble import Bonds
from protocol import faults
from protocol.sentences import SENTENCES
from simulator.air.ble import Air, cut
from tests.gateway.counterpart import Counterpart, NotIntroduced, Sealed, link
from tests.gateway.ground import device as some_device
from tests.gateway.pocket import Pocket
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import browser

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@contextlib.asynccontextmanager
async def at_home(folder: Path, devices: list[Counterpart], more: str = "", **settings: object) -> AsyncIterator[tuple[Air, Gateway]]:
    """Give an air and a gateway on it that knows these devices."""
    air = Air(seed=5)
    await air.open()
    for name, value in settings.items():
        setattr(air, name, value)
    for each in devices:
        each.enrol(folder / "data")
    table = f'[ble]\nbackend = "simulator.air.backend"\naddress = "127.0.0.1:{air.port}"\n{more}'
    try:
        async with gateway(configure(folder, table)) as home:
            await home.event("gateway.ready")
            yield air, home
    finally:
        await air.close()


def kept(folder: Path) -> list[tuple[bytes, int]]:
    connection = sqlite3.connect(folder / "data/home.db")
    try:
        return connection.execute("SELECT kid, sequence FROM readings ORDER BY reading").fetchall()
    finally:
        connection.close()


async def send_all(pocket: Pocket, sequences: range) -> None:
    """Send readings one after the other as a device does, again until each has its receipt, then say that none waits."""
    due = list(sequences)
    while due:
        await pocket.visited()
        with contextlib.suppress(NotIntroduced, TimeoutError):
            way = Sealed(await asyncio.to_thread(pocket.device.context, pocket.port), pocket.port)
            while due:
                response = await way.post("r", pocket.device.signed(pocket.device.fields(due[0])), 18, 20.0)
                if response.code != aiocoap.CHANGED:
                    break  # what was repeated over another link is a replay: a new introduction, as the firmware does it
                assert cbor2.loads(response.payload)[1] == due[0]
                due.pop(0)
    pocket.waiting = False


@pytest.mark.parametrize("mtu", [23, 185, 247])
async def test_a_reading_over_both_radios_counts_once(tmp_path: Path, mtu: int) -> None:
    """Over Bluetooth it is committed and receipted; the same over UDP gets the receipt again and is not kept twice."""
    device = Counterpart()
    async with at_home(tmp_path, [device]) as (air, home), Pocket(air, device, "scale", mtu).on() as pocket:
        async with link(device, pocket.port) as way:
            message = device.signed(device.fields(1))
            receipt = await way.send(message)
            assert (receipt[1], receipt[2], receipt[4]) == (1, device.digest8(message), 0)
            assert pocket.mtu == mtu
        port = (await home.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way:
            again = await way.send(message)
            assert (again[2], again[4]) == (device.digest8(message), 1)
    assert kept(tmp_path) == [(device.kid, 1)]


async def test_what_was_asked_in_vain_is_not_answered_in_place_of_what_is_asked_now(tmp_path: Path) -> None:
    """A device that began anew several times while nobody heard it is introduced at its first try once it is heard."""
    device = Counterpart(patience_s=0.2)
    async with at_home(tmp_path, [device]) as (air, _), Pocket(air, device, "scale").on() as pocket:
        air.carry_away("scale")
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(device.agree, pocket.port)
        device.patience_s = 60.0
        air.bring_back("scale")
        async with link(device, pocket.port) as way:
            assert (await way.send(device.signed(device.fields(1))))[1] == 1


async def crowd(folder: Path, many: int, each: int) -> None:
    """Let devices of all kinds send so many readings over a lossy air whose links break at random; all must arrive once and in order."""
    chance = random.Random(11)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * many))  # each device waits for its answers in one
    devices = [Counterpart(("scale", "cuff", "babyphone")[number % 3]) for number in range(many)]
    async with at_home(folder, devices, loss=0.05, spill=0.05, throughput_bit_per_s=200_000.0, supervision_s=1.0) as (air, _):

        async def interfere() -> None:
            while True:
                await asyncio.sleep(chance.uniform(3.0, 10.0))
                linked = [radio.name for radio in air.members if radio.le_connections]
                if linked:
                    cut(air, chance.choice(linked))

        async def one(number: int) -> None:
            async with Pocket(air, devices[number], f"device {number}", chance.choice((23, 185, 247))).on() as pocket:
                await send_all(pocket, range(1, each + 1))

        trouble = asyncio.create_task(interfere())
        await asyncio.gather(*(one(number) for number in range(many)))
        trouble.cancel()
        assert air.spilt > 0
    found = kept(folder)
    for device in devices:
        assert [sequence for kid, sequence in found if kid == device.kid] == list(range(1, each + 1))
    assert len(found) == many * each


@pytest.mark.timeout(400)
async def test_a_mixed_home_delivers_all_once_and_in_order(tmp_path: Path) -> None:
    """Three devices, 18 readings, 5 % of packets lost and 5 % spilt, links cut at random: each arrives once, by device in order."""
    await crowd(tmp_path, 3, 6)


@pytest.mark.long
@pytest.mark.timeout(1500)
async def test_twelve_devices_deliver_a_thousand_readings(tmp_path: Path) -> None:
    """The same with 12 devices and 1,008 readings."""
    await crowd(tmp_path, 12, 84)


async def test_a_device_that_goes_out_of_range_inside_a_fragment_comes_back(tmp_path: Path) -> None:
    """The link ends by its timeout in the middle of an object; when the device is back the reading arrives, once."""
    device = Counterpart()
    async with at_home(tmp_path, [device], supervision_s=0.5) as (air, home), Pocket(air, device, "scale", 23).on() as pocket:
        async with link(device, pocket.port) as way:
            await way.send(device.signed(device.fields(1)))
            air.throughput_bit_per_s = 10_000.0
            sending = asyncio.create_task(way.send(device.signed(device.fields(2))))
            await asyncio.sleep(0.1)
            air.carry_away("scale")
            await asyncio.sleep(1.5)
            air.throughput_bit_per_s = None
            air.bring_back("scale")
            assert (await asyncio.wait_for(sending, 60))[1] == 2
        assert pocket.links >= 2
        assert home.count("reading.committed") == 2
    assert kept(tmp_path) == [(device.kid, 1), (device.kid, 2)]


async def test_a_full_radio_serves_one_after_the_other(tmp_path: Path) -> None:
    """An adapter that has one link left: four devices that all want it are all heard."""
    devices = [Counterpart() for _ in range(4)]
    async with at_home(tmp_path, devices, "visits = 4\n") as (air, _), contextlib.AsyncExitStack() as stack:
        pockets = [await stack.enter_async_context(Pocket(air, device, f"device {number}").on()) for number, device in enumerate(devices)]
        while not (own := [radio for radio in air.members if not radio.name.startswith("device")]):
            await asyncio.sleep(0.05)
        own[0].most_links = 1
        await asyncio.gather(*(send_all(pocket, range(1, 4)) for pocket in pockets))
    assert sorted(kept(tmp_path)) == sorted((device.kid, sequence) for device in devices for sequence in (1, 2, 3))


@pytest.mark.parametrize("who", ["device", "gateway"])
async def test_a_lost_bond_is_said_and_never_made_anew_in_silence(tmp_path: Path, who: str) -> None:
    """Whichever end lost it: no reading goes over an unsafe link, no new bond is made, and the family has a sentence."""
    device = Counterpart()
    async with at_home(tmp_path, [device]) as (air, home), Pocket(air, device, "scale").on() as pocket:
        await send_all(pocket, range(1, 2))
        while pocket._conn is not None:
            await asyncio.sleep(0.05)
        if who == "device":
            pocket.secrets.clear()
        else:
            (tmp_path / "data/bluetooth/bonds.json").unlink()
        before = dict(pocket.secrets)
        pocket.switch_on()
        pocket.waiting = True
        await home.event("ble.bond_lost", 60, kid=device.kid.hex())
        async with browser(home) as page:
            await page.set_up()
            assert SENTENCES[faults.BOND_LOST]["en"] in (await page.client.get("/en/devices")).text
        await asyncio.sleep(1.0)
        assert pocket.secrets == before
    assert kept(tmp_path) == [(device.kid, 1)]
    assert set(SENTENCES[faults.BOND_LOST]) == {"en", "fr"}


async def test_bluetooth_switched_off_and_on_loses_nothing(tmp_path: Path) -> None:
    """While there is no adapter the gateway says so and lives on; when it is back the device is visited again."""
    device = Counterpart()
    async with at_home(tmp_path, [device]) as (air, home):
        async with Pocket(air, device, "scale").on() as pocket:
            await send_all(pocket, range(1, 2))
        port = air.port
        await air.close()
        await home.event("ble.off", 60)
        await air.open(port)
        async with Pocket(air, device, "scale").on() as again:
            again.secrets = pocket.secrets
            again.switch_on()
            await send_all(again, range(2, 3))
    assert kept(tmp_path) == [(device.kid, 1), (device.kid, 2)]


async def test_a_neighbours_device_is_left_alone(tmp_path: Path) -> None:
    """A device of the same kind that this home does not know is never connected to, however loudly it says that readings wait."""
    ours, theirs = Counterpart(), Counterpart()
    async with (
        at_home(tmp_path, [ours]) as (air, _),
        Pocket(air, theirs, "theirs").on() as stranger,
        Pocket(air, ours, "ours").on() as pocket,
    ):
        await send_all(pocket, range(1, 3))
        assert (stranger.links, pocket.links > 0) == (0, True)


async def test_the_air_shows_no_reading_name_or_number_in_clear(tmp_path: Path) -> None:
    """Everything that is said on the air, even inside enciphered links: no reading, signature, serial number, name, kid or pairing id; and
    after each start another address and another nonce.
    """
    device = Counterpart()
    async with at_home(tmp_path, [device]) as (air, _), Pocket(air, device, "scale").on() as pocket:
        air.record = []
        seen = set()
        for start in range(3):
            await send_all(pocket, range(start + 1, start + 2))
            seen.add(pocket.address)
            while pocket._conn is not None:
                await asyncio.sleep(0.05)
            pocket.switch_on()
            pocket.waiting = True
            await asyncio.sleep(0.3)
        said = b"\0".join(air.record)
    assert len(seen) == 3
    assert len(said) > 2000
    enrolled = device.enrolment()
    message = device.signed(device.fields(1))
    payload = message[message.index(b"\xa8") :][:20] if b"\xa8" in message else message[10:30]
    secret = [payload, (72400).to_bytes(3, "big"), enrolled["serial"].encode(), enrolled["name"].encode(), device.kid, device.pairing]
    assert [
        each for each in (*secret, device.public_key[1:33], device.link_key[1:33], b"The scale", b"Foyer", b"FY-") if each in said
    ] == []
    advertised = {each[-6:] for each in air.record if each.startswith(b"\x02\x01\x06")}
    assert len({each[1:4] for each in advertised}) >= 3


def test_bonds_are_remembered(tmp_path: Path) -> None:
    """What was written down is known after a restart, and a broken file is no bond."""
    path = tmp_path / "bonds.json"
    bonds = Bonds(path)
    bonds.put(some_device(b"kid!"), True)
    assert Bonds(path).has(some_device(b"kid!"))
    assert not Bonds(path).has(some_device(b"kid?"))
    assert json.loads(path.read_text()) == [b"kid!".hex()]
    bonds.put(some_device(b"kid!"), False)
    assert not Bonds(path).has(some_device(b"kid!"))
    path.write_text("{")
    assert not Bonds(path).has(some_device(b"kid!"))
