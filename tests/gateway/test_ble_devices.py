"""Real firmware in real MicroPython over Bluetooth: paired at the gateway's page, and on whichever radio there is."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from gateway.edges.ble import Bonds, Near, Nearby
from protocol import cbor, coap, faults, labels
from protocol.sentences import sentence
from simulator.air import backend
from simulator.air.ble import Air
from simulator.house import House
from simulator.people.person import Person
from tests.firmware.living import CACHE, said, until
from tests.gateway.test_pages import Browser
from tests.gateway.test_pairings import (
    arrived,
    digits,
    flash,
    held,
    home,
    kid_of_only_device,
    new_device,
    paired,
    paired_after_a_cut,
    readings_of,
    shows,
)
from tools.micropython import find

PERSON = Person("Ada", 61.3)
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@contextlib.asynccontextmanager
async def an_air() -> AsyncIterator[Air]:
    air = Air(seed=3)
    await air.open()
    air.throughput_bit_per_s = 200_000.0
    try:
        yield air
    finally:
        await air.close()


async def test_a_device_is_paired_over_bluetooth_and_its_readings_come_that_way(tmp_path: Path) -> None:
    """Label, button and digits as over Wi-Fi; the bond is kept with the pairing, and no reading, label or key was said in clear."""
    label = secrets.token_bytes(16)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        air.record = []
        device = new_device(house, "bathroom", coap_port, label, "scale", radio="ble")
        device.wifi = False
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await house.step_on(device, PERSON, 9.0)
        await arrived(page, kid)
        fields = flash(device)["identity.cbor"]
        hidden = (
            label,
            fields["pairing"],
            fields["kid"],
            fields["gateway_key"][1:33],
            fields["link_public"][1:33],
            fields["serial"].encode(),
        )
        whole = b"\0".join(air.record)
        assert [each for each in hidden if each in whole] == []
        assert device.relay.carried == 0


async def test_a_device_learns_the_wifi_in_its_pairing_and_comes_home_that_way(tmp_path: Path) -> None:
    """One that has both radios and no network is paired over Bluetooth, is told the home's Wi-Fi in it, and its weight comes over that;
    whoever heard it all, even inside the links, has neither name nor password, and the home keeps neither.
    """
    label, name, password = secrets.token_bytes(16), "Les Tilleuls " + secrets.token_hex(4), secrets.token_hex(16)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        air.record = []
        device = new_device(house, "bathroom", coap_port, label, "scale", radio="both", ssid="", password="")
        await device.start()
        written = labels.write_secret(label)
        wrong = await page.post("/en/pair", code=written, wifi=name, wifi_password="tilleul")
        assert (wrong.status_code, "its password 8 to 63" in wrong.text) == (400, True)
        assert [typed in wrong.text for typed in (written, name, "tilleul")] == [True, True, False]
        await paired(page, house, device, label, wifi=name, wifi_password=password)
        kid = await kid_of_only_device(page)
        await house.step_on(device, PERSON, 9.0)
        await weights(page, kid, 1)
        assert device.relay.carried > 0
        kept = flash(device)["settings.cbor"]
        assert (kept["ssid"], kept["password"]) == (name, password)
        whole = b"\0".join(air.record)
        whole += b"".join(each.read_bytes() for each in (tmp_path / "data").rglob("*") if each.is_file())
        assert name.encode() not in whole
        assert password.encode() not in whole


async def test_a_home_with_another_wifi_tells_it_and_the_device_keeps_its_keys(tmp_path: Path) -> None:
    """The router was replaced: button, label and the new network, over Bluetooth; the next weight comes over that network."""
    label, name, password = secrets.token_bytes(16), "Les Platanes", secrets.token_hex(16)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        device = new_device(house, "bathroom", coap_port, label, "scale", radio="both")
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await until(lambda: device.display[1] == "step on", 60)
        before = flash(device)
        device.station.admits = False
        await house.step_on(device, PERSON, 9.0)
        written = labels.write_secret(label)
        assert (await page.post("/en/pair", code=written, wifi=name, wifi_password=password)).status_code == 303
        await held(device, house, 4.0, "type my code at home")
        code = digits(await shows(page, "same digits", 90))
        await until(lambda: device.display == (code, "same? press me"), 60)
        house.press(device)
        device.station.admits = True  # the new one
        assert (await page.post("/en/pair/answer", said="same")).status_code == 303
        await until(lambda: device.display[1] == "paired", 60)
        await until(lambda: device.display[1] == "step on", 60)
        after = flash(device)
        assert after["identity.cbor"] == before["identity.cbor"]
        settings = {**before["settings.cbor"], "ssid": name, "password": password}
        assert {key: after["settings.cbor"][key] for key in settings} == settings
        carried = device.relay.carried
        await house.step_on(device, PERSON, 9.0)
        await weights(page, kid, 2)
        assert device.relay.carried > carried


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_power_cuts_at_every_flash_operation_of_a_pairing_that_tells_the_wifi(tmp_path: Path) -> None:
    """Torn in half at each of the first fourteen: bond, network and home are there, or pairing again heals it; the weight comes home."""
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        for operation in range(1, 15):
            label, name = secrets.token_bytes(16), f"scale{operation}"
            told = {"wifi": "Les Tilleuls", "wifi_password": "sous le tilleul"}
            device = new_device(house, name, coap_port, label, "scale", radio="both", ssid="", password="")
            device.cut_power_at_flash_operation(operation, 50)
            await paired_after_a_cut(page, house, device, label, name, "step on", **told)
            await until(lambda: device.display[1] == "step on", 60)  # noqa: B023
            await house.step_on(device, PERSON, 9.0)
            kid = flash(device)["identity.cbor"]["kid"].hex()
            await weights(page, kid, 1)
            assert flash(device)["settings.cbor"]["ssid"] == told["wifi"]
            assert [each["name"] for each in (await page.state())["devices"] if each["kid"] == kid] == [name]
            await device.cut_power()


class Forger:
    """A neighbour's gateway: it answers every hello, and does not know the label."""

    def __init__(self) -> None:
        self.hellos: list[bytes] = []

    def take(self, datagram: bytes, who: Near) -> None:
        message = coap.decode(datagram)
        self.hellos.append(message.payload)
        forged = cbor.encode({1: secrets.token_bytes(16), 2: secrets.token_bytes(8)})
        who.carry(coap.encode(coap.Message(coap.ACK, coap.CHANGED, message.message_id, message.token, (), forged)))


class Uncounted:
    """Where a neighbour's gateway counts; nobody reads it."""

    def count(self, _: str) -> None: ...

    def refuse(self, _: str) -> None: ...


async def test_a_neighbours_gateway_on_the_air_gets_five_tries_and_nothing(tmp_path: Path) -> None:
    """It connects first, bonds and answers at once; after five tries the device gives up and says so, its flash as it was."""
    interpreter = find(CACHE)
    assert interpreter is not None
    forger = Forger()
    async with an_air() as air, House(tmp_path / "house", interpreter.command, seed=3, air=air) as house:
        backend.use(f"127.0.0.1:{air.port}", tmp_path / "theirs")
        bonds = Bonds(tmp_path / "bonds.json")
        log = structlog.wrap_logger(structlog.ReturnLogger())
        near = Nearby(list, forger.take, bonds, Uncounted(), log, pairing=lambda: True, backend=backend)  # type: ignore[arg-type]
        running = asyncio.create_task(near.run())
        try:
            device = new_device(house, "bathroom", 1, secrets.token_bytes(16), "scale", radio="ble")
            before = flash(device)
            await device.start()
            await until(lambda: device.display[1] == "press to pair me", 60)
            assert forger.hellos == [], "without its button it says nothing to anybody"
            house.press(device)
            await until(lambda: device.display == (f"! {faults.PAIRING_TOO_MANY}", "not paired"), 90)
            assert len([line for line in device.console if f"code={faults.PAIRING_NOT_THIS_HOME}" in line]) == 5
            await device.cut_power()
            assert flash(device) == before
            assert len({cbor.decode(hello)[1] for hello in forger.hellos}) == 5  # type: ignore[index]
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await backend.close()


@pytest.mark.long
async def test_a_device_that_has_a_home_says_so_to_another_on_the_air(tmp_path: Path) -> None:
    """A second home types its label and its button is held: both say that it has a home; it keeps home, keys and bond, and comes home."""
    label = secrets.token_bytes(16)
    async with an_air() as air, home(tmp_path / "one", air) as (_, page, house, coap_port):
        device = new_device(house, "bathroom", coap_port, label, "scale", radio="ble")
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await house.step_on(device, PERSON, 9.0)
        await weights(page, kid, 1)
        async with home(tmp_path / "two", air) as (_, others, _, _):
            assert (await others.post("/fr/pair", code=labels.write_secret(label))).status_code == 303
            house.press(device, 4.0)
            await shows(others, sentence(faults.PAIRING_HAS_HOME, "fr"), language="fr")
            await until(lambda: said(device, f"fault code={faults.PAIRING_HAS_HOME}"), 60)
            assert (await others.state())["devices"] == []
        assert flash(device)["identity.cbor"]["kid"].hex() == kid
        await until(lambda: device.display[1] == "step on", 60)
        await house.step_on(device, PERSON, 9.0)
        await weights(page, kid, 2)


@pytest.mark.long
async def test_a_wrong_code_over_bluetooth_changes_nothing(tmp_path: Path) -> None:
    """A device whose label nobody typed gets no answer and keeps nothing, and neither does the home."""
    label = secrets.token_bytes(16)
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        device = new_device(house, "bathroom", coap_port, label, "scale", radio="ble")
        await device.start()
        await until(lambda: device.display[1] == "press to pair me", 60)
        before = flash(device)
        assert (await page.post("/en/pair", code=labels.write_secret(secrets.token_bytes(16)))).status_code == 303
        house.press(device)
        await until(lambda: said(device, "fault code=82") or said(device, "fault code=87"), 90)
        assert flash(device) == before
        assert not (await page.state())["devices"]


async def test_bluetooth_stands_in_while_wifi_is_away(tmp_path: Path) -> None:
    """A device with both radios: its readings come over Wi-Fi, over Bluetooth while there is none, each once."""
    label = secrets.token_bytes(16)
    wifi = Path("firmware/radio/wifi.py")
    quick = {str(wifi): wifi.read_text(encoding="utf-8").replace("JOIN_MS = const(15_000)", "JOIN_MS = const(1500)")}
    async with an_air() as air, home(tmp_path, air) as (_, page, house, coap_port):
        device = new_device(house, "bathroom", coap_port, label, "scale", instead=quick, radio="both")
        await device.start()
        await paired(page, house, device, label)
        kid = await kid_of_only_device(page)
        await house.step_on(device, PERSON, 9.0)
        await weights(page, kid, 1)
        device.wifi = False
        carried = device.relay.carried
        await house.step_on(device, PERSON, 9.0)
        await weights(page, kid, 2)
        assert device.relay.carried == carried


async def weights(page: Browser, kid: str, count: int) -> None:
    """Wait until so many weights of a device have arrived, and no more."""
    async with asyncio.timeout(60):
        while len(found := [row for row in await readings_of(page, kid) if row["kind"] == "scale"]) < count:
            await asyncio.sleep(0.2)
    assert len(found) == count
