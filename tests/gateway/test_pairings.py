"""Pairing as a family does it: a factory-fresh device in real MicroPython, the real gateway, its page, and a button."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from littlefs import LittleFS

from protocol import cbor, coap, faults, labels
from protocol.sentences import sentence
from simulator.air import wifi
from simulator.air.ble import Air
from simulator.house import Device, House
from tests.firmware.living import CACHE, FLASH_BYTES, said, until
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import Browser, browser
from tools import build, provision
from tools.micropython import find

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
SETTINGS = {"climate_ms": 1000, "retry_ms": 200}


def new_device(
    house: House,
    name: str,
    coap_port: int,
    label: bytes,
    kind: str = "babyphone",
    instead: dict[str, str] | None = None,
    radio: str = "wifi",
    **chosen: object,
) -> Device:
    """Put a device as it leaves the workshop into the house; it is not switched on. instead: sources that are its own; chosen: settings."""
    port = house.reserve_port(name)
    settings = {**SETTINGS, "calibration": house.calibration(name, kind), "radio": radio, **chosen}
    made = provision.provision(kind, name, ("127.0.0.1", port), settings=settings, label=label)
    interpreter = find(CACHE)
    assert interpreter is not None
    files = build.files(kind, CACHE, build.simulated(interpreter.word_bits), instead)
    image = house._directory / f"{name}.image"
    build.write_image(image, {**build.installed(files), **made.files}, FLASH_BYTES)
    return house.add(name, kind, image, ("127.0.0.1", coap_port))


def bluetooth(air: Air | None) -> str:
    """Return the table of a gateway that is on this air."""
    return "" if air is None else f'[ble]\nbackend = "simulator.air.backend"\naddress = "127.0.0.1:{air.port}"\n'


@asynccontextmanager
async def home(folder: Path, air: Air | None = None) -> AsyncIterator[tuple[Gateway, Browser, House, int]]:
    """A gateway whose page somebody is signed in to, and a house; air: the Bluetooth of both."""
    folder.mkdir(exist_ok=True)
    interpreter = find(CACHE)
    assert interpreter is not None
    async with (
        gateway(configure(folder, bluetooth(air))) as running,
        browser(running) as page,
        House(folder / "house", interpreter.command, seed=3, air=air) as house,
    ):
        await page.set_up()
        try:
            yield running, page, house, int((await running.event("gateway.ready"))["coap_port"])
        except BaseException:
            for device in house.devices.values():
                print(*device.console, sep="\n")
            print(*running.events[-12:], sep="\n")
            raise


async def shows(page: Browser, text: str, timeout_s: float = 60.0, language: str = "en") -> str:
    """Return the pairing page once it has a text."""
    async with asyncio.timeout(timeout_s):
        while True:
            answer = await page.client.get(f"/{language}/pair")
            assert answer.status_code == 200
            if text in answer.text.replace("&#39;", "'"):
                return answer.text
            await asyncio.sleep(0.1)


def digits(text: str) -> str:
    """Return the six digits on a page."""
    found = re.search(r'class="number">(\d{3} \d{3})<', text)
    assert found is not None, text
    return found[1]


async def paired(page: Browser, house: House, device: Device, label: bytes, name: str = "", **form: str) -> None:
    """Do what a person does, from the label to the page that says so; form: what else they type."""
    await until(lambda: device.display[1] == "press to pair me", 60)
    assert (await page.post("/en/pair", code=labels.write_secret(label), name=name, **form)).status_code == 303
    house.press(device)
    code = digits(await shows(page, "same digits"))
    await until(lambda: device.display == (code, "same? press me"), 60)
    house.press(device)
    assert (await page.post("/en/pair/answer", said="same")).status_code == 303
    await until(lambda: device.display[1] == "paired", 60)


async def paired_after_a_cut(page: Browser, house: House, device: Device, label: bytes, name: str, idle: str, **form: str) -> None:
    """Pair a device whose power is going to be cut: what is there then is all or nothing, and pairing again heals it. idle: its words."""
    await device.start()
    await until(lambda: device.display[1] == "press to pair me", 60)
    assert (await page.post("/en/pair", code=labels.write_secret(label), name=name, **form)).status_code == 303
    house.press(device)
    await shows(page, "same digits")
    house.press(device)
    await page.post("/en/pair/answer", said="same")
    await until(lambda: not device.powered or device.display[1] == "paired", 60)
    if device.powered:
        await device.cut_power()
    device.cut_power_at_flash_operation(0)
    await device.restore_power()
    await until(lambda: device.display[1] in ("press to pair me", idle), 60)
    if device.display[1] == "press to pair me":
        assert name not in str((await page.state())["devices"])
        await paired(page, house, device, label, name, **form)


async def readings_of(page: Browser, kid: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await page.state())["readings"]
    return [each for each in found if kid in (None, each["kid"])]


def flash(device: Device, change: dict[str, object] | None = None) -> dict[str, Any]:
    """Return settings and identity on a device's flash, read by another LittleFS than its own; change: put into the settings before."""
    held = bytearray(device.image.read_bytes())
    system = LittleFS(
        mount=False, block_size=4096, block_count=len(held) // 4096, read_size=32, prog_size=32, cache_size=128, lookahead_size=32
    )
    system.context.buffer[:] = held
    system.mount()
    found: dict[str, Any] = {}
    for name in ("settings.cbor", "identity.cbor"):
        with system.open(name, "rb") as file:
            found[name] = cbor.decode(file.read())
    if change is not None:
        with system.open("settings.cbor", "wb") as file:
            file.write(cbor.encode({**found["settings.cbor"], **change}))
        device.image.write_bytes(bytes(system.context.buffer))
    return found


async def held(device: Device, house: House, seconds: float, words: str) -> None:
    """Hold the button for so long; return when the device says so."""
    house.press(device, seconds)
    await until(lambda: device.display[1] == words, seconds + 20)


async def kid_of_only_device(page: Browser) -> str:
    """Return the key id of the one device that a home counts, once there is one."""
    async with asyncio.timeout(30):
        while not (found := (await page.state())["devices"]):
            await asyncio.sleep(0.2)
    assert len(found) == 1
    return str(found[0]["kid"])


async def move(device: Device, coap_port: int) -> None:
    """Carry a device to where another gateway has the address that its own had."""
    relay = device.relay
    assert relay._far is not None
    relay._far.close()
    loop = asyncio.get_running_loop()
    relay._far, _ = await loop.create_datagram_endpoint(lambda: wifi._Side(relay._from_gateway), remote_addr=("127.0.0.1", coap_port))


async def arrived(page: Browser, kid: str, more_than: int = 0) -> int:
    """Return how many readings of a key there are, once there are more than so many."""
    async with asyncio.timeout(40):
        while (count := len(await readings_of(page, kid))) <= more_than:
            await asyncio.sleep(0.2)
    return count


async def test_a_reset_device_belongs_to_whoever_pairs_it_next_and_to_nobody_else(tmp_path: Path) -> None:
    """As it left the workshop it is paired: label, button, the same digits on both ends, both say so, and its reading arrives.

    Reset and paired again at home: new keys, everything receipted is there once, nothing more comes with the old ones. Then a second home
    types its label: the device says that it has a home, and goes on as before.
    """
    label = secrets.token_bytes(16)
    async with home(tmp_path / "one") as (running, page, house, port):
        device = new_device(house, "nursery", port, label)
        network = {name: flash(device)["settings.cbor"][name] for name in ("ssid", "password", "gateway", "climate_ms", "retry_ms")}
        await device.start()
        await paired(page, house, device, label, "Nest")
        old = await kid_of_only_device(page)
        await arrived(page, old)
        assert [(each["kind"], each["name"]) for each in (await page.state())["devices"]] == [("babyphone", "Nest")]
        assert running.count("pairing.completed") == 1
        assert not list((tmp_path / "one/data/enrolments").glob("*.staged"))
        assert "Code de l’étiquette" in await shows(page, "Associé. L’appareil appartient à ce foyer.", language="fr")
        assert not said(device, "Traceback")
        house.press(device, 10.6)
        await until(lambda: said(device, "home forgotten") and said(device, "fault code=5"), 40)
        await until(lambda: device.board.button.level(device.board.clock.now_s(), 0.0) == 1, 10)  # the finger is off it
        await device.cut_power()
        kept = len(await readings_of(page, old))
        left = flash(device, network)
        assert sorted(left["identity.cbor"]) == ["label", "serial"]
        assert not {"ssid", "password", "gateway"} & set(left["settings.cbor"])
        await device.restore_power()
        await paired(page, house, device, label)
        async with asyncio.timeout(30):
            while (new := await kid_of_only_device(page)) == old:
                await asyncio.sleep(0.2)
        await arrived(page, new)
        rows = await readings_of(page)
        assert len(rows) == len({(row["kid"], row["sequence"]) for row in rows})
        assert len([row for row in rows if row["kid"] == old]) == kept
        assert [each["name"] for each in (await page.state())["devices"]] == ["Nest"]
        async with home(tmp_path / "two") as (_, others, _, other_port):
            await move(device, other_port)
            assert (await others.post("/fr/pair", code=labels.write_secret(label))).status_code == 303
            await held(device, house, 4.0, "not paired")
            await shows(others, sentence(faults.PAIRING_HAS_HOME, "fr"), language="fr")
            assert (await others.state())["devices"] == []
            await until(lambda: device.display[1] != "not paired", 20)
        assert flash(device)["identity.cbor"]["kid"].hex() == new


class Neighbour(asyncio.DatagramProtocol):
    """A gateway that answers every hello and does not know the label."""

    def __init__(self) -> None:
        self.hellos: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        message = coap.decode(data)
        self.hellos.append(message.payload)
        forged = cbor.encode({1: secrets.token_bytes(16), 2: secrets.token_bytes(8)})
        answer = coap.Message(coap.ACK, coap.CHANGED, message.message_id, message.token, (), forged)
        self._transport.sendto(coap.encode(answer), address)  # type: ignore[attr-defined]


async def test_a_neighbours_gateway_gets_five_tries_and_nothing(tmp_path: Path) -> None:
    """It answers at once and every time; after five the device gives up and says so, its flash as it was, no two hellos alike."""
    interpreter = find(CACHE)
    assert interpreter is not None
    transport, neighbour = await asyncio.get_running_loop().create_datagram_endpoint(Neighbour, ("127.0.0.1", 0))
    async with House(tmp_path / "house", interpreter.command, seed=3) as house:
        device = new_device(house, "nursery", transport.get_extra_info("sockname")[1], secrets.token_bytes(16))
        before = flash(device)
        await device.start()
        await until(lambda: device.display[1] == "press to pair me", 60)
        assert neighbour.hellos == [], "without its button it says nothing to anybody"
        house.press(device)
        await until(lambda: device.display == (f"! {faults.PAIRING_TOO_MANY}", "not paired"), 30)
        assert len([line for line in device.console if f"code={faults.PAIRING_NOT_THIS_HOME}" in line]) == 5
        assert flash(device) == before
        nonces = [cbor.decode(hello)[1] for hello in neighbour.hellos]  # type: ignore[index]
        assert len(set(nonces)) == 5
        await until(lambda: device.display[1] == "press to pair me", 30)
    transport.close()


class Silent(Neighbour):
    """A network in which nobody was given the label."""

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        self.hellos.append(coap.decode(data).payload)


async def test_a_window_that_nobody_answers_closes_and_is_opened_by_the_button_alone(tmp_path: Path) -> None:
    """After its two minutes (two seconds here) the device says that it is too late and is silent; only another press speaks again."""
    interpreter = find(CACHE)
    assert interpreter is not None
    short = {}
    for name, there, here in (
        ("protocol/pairing.py", "WINDOW_MS, MOST_TRIES = 120_000, 5", "WINDOW_MS, MOST_TRIES = 2_000, 5"),
        ("firmware/pairing.py", "exchange.Timing(1000, 2, 5000)", "exchange.Timing(200, 1, 1000)"),
    ):
        source = (build.ROOT / name).read_text(encoding="utf-8")
        assert there in source
        short[name] = source.replace(there, here)
    transport, network = await asyncio.get_running_loop().create_datagram_endpoint(Silent, ("127.0.0.1", 0))
    async with House(tmp_path / "house", interpreter.command, seed=3) as house:
        port = transport.get_extra_info("sockname")[1]
        device = new_device(house, "nursery", port, secrets.token_bytes(16), instead=short)
        before = flash(device)
        await device.start()
        await until(lambda: device.display[1] == "press to pair me", 60)
        house.press(device)
        await until(lambda: device.display == (f"! {faults.PAIRING_TOO_LATE}", "not paired"), 60)
        said = len(network.hellos)
        assert said > 0
        await until(lambda: device.display[1] == "press to pair me", 60)
        await asyncio.sleep(1)
        assert len(network.hellos) == said, "between two windows it says nothing"
        house.press(device)
        await until(lambda: len(network.hellos) > said, 60)
        assert flash(device) == before
    transport.close()


async def cut_while_pairing(folder: Path, cuts: list[tuple[int, int]]) -> None:
    """Cut the power at flash operations of a pairing's end, one pairing after the other; each time what is there is all or nothing."""
    label = secrets.token_bytes(16)
    async with home(folder) as (_, page, house, port):
        for number, (operation, torn_percent) in enumerate(cuts):
            device = new_device(house, f"nursery{number}", port, label)
            device.cut_power_at_flash_operation(operation, torn_percent)
            await paired_after_a_cut(page, house, device, label, f"Nest {number}", "in the room")
            async with asyncio.timeout(40):
                while len((await page.state())["devices"]) <= number:
                    await asyncio.sleep(0.2)
            kid = next(each["kid"] for each in (await page.state())["devices"] if each["name"] == f"Nest {number}")
            await arrived(page, kid)
            await device.cut_power()


async def test_a_power_cut_while_the_home_is_written_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Torn in a flash operation; pairing again, where it is needed, heals it."""
    await cut_while_pairing(tmp_path, [(3, 50)])


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("torn_percent", [0, 50, 100])
async def test_power_cuts_at_every_flash_operation_of_a_pairing(tmp_path: Path, torn_percent: int) -> None:
    """The same at each of the first dozen operations, torn at nothing, half and all."""
    await cut_while_pairing(tmp_path, [(operation, torn_percent) for operation in range(1, 13)])
