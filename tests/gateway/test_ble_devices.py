"""Real firmware in real MicroPython over Bluetooth: paired at the gateway's page, and on whichever radio there is."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol import labels
from simulator.air.ble import Air
from simulator.people.person import Person
from tests.firmware.living import said, until
from tests.gateway.test_pages import Browser
from tests.gateway.test_pairings import arrived, flash, home, kid_of_only_device, new_device, paired, readings_of

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
