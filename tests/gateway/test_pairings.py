"""Pairing as a family does it: a factory-fresh device in real MicroPython, the real gateway, its page, and a button."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from protocol import labels
from simulator.house import Device, House
from tests.firmware.living import CACHE, FLASH_BYTES, said, until
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import Browser, browser
from tools import build, provision
from tools.micropython import find

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
SETTINGS = {"climate_ms": 1000, "retry_ms": 200}


def new_device(house: House, name: str, coap_port: int, label: bytes, kind: str = "babyphone", **more: Any) -> Device:
    """Put a device as it leaves the workshop into the house; it is not switched on."""
    port = house.reserve_port(name)
    settings = {**SETTINGS, "calibration": house.calibration(name, kind)}
    made = provision.provision(kind, name, ("127.0.0.1", port), settings=settings, label=label, **more)
    interpreter = find(CACHE)
    assert interpreter is not None
    files = build.files(kind, CACHE, build.simulated(interpreter.word_bits))
    image = house._directory / f"{name}.image"
    build.write_image(image, {**files, **made.files}, FLASH_BYTES)
    return house.add(name, kind, image, ("127.0.0.1", coap_port))


@asynccontextmanager
async def home(folder: Path) -> AsyncIterator[tuple[Gateway, Browser, House, int]]:
    """A gateway whose page somebody is signed in to, and a house."""
    folder.mkdir(exist_ok=True)
    interpreter = find(CACHE)
    assert interpreter is not None
    async with (
        gateway(configure(folder)) as running,
        browser(running) as page,
        House(folder / "house", interpreter.command, seed=3) as house,
    ):
        await page.set_up()
        try:
            yield running, page, house, int((await running.event("gateway.ready"))["coap_port"])
        except BaseException:
            for device in house.devices.values():
                print(*device.console, sep="\n")
            print(*running.events[-12:], sep="\n")
            raise


async def shows(page: Browser, text: str, timeout_s: float = 20.0, language: str = "en") -> str:
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


async def paired(page: Browser, house: House, device: Device, label: bytes, name: str = "") -> None:
    """Do what a person does, from the label to the page that says so."""
    await until(lambda: device.display[1] == "press to pair me", 20)
    assert (await page.post("/en/pair", code=labels.write_secret(label), name=name)).status_code == 303
    house.press(device)
    code = digits(await shows(page, "same digits"))
    await until(lambda: device.display == (code, "same? press me"), 10)
    house.press(device)
    assert (await page.post("/en/pair/answer", said="same")).status_code == 303
    await until(lambda: device.display[1] == "paired", 10)


async def readings_of(page: Browser, kid: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await page.state())["readings"]
    return [each for each in found if kid in (None, each["kid"])]


async def test_a_new_device_is_paired_and_its_reading_arrives(tmp_path: Path) -> None:
    """Label, button, the same six digits on both ends, both say so; it starts anew, introduces itself, and its reading is at home."""
    label = secrets.token_bytes(16)
    async with home(tmp_path) as (running, page, house, port):
        device = new_device(house, "nursery", port, label)
        await device.start()
        await paired(page, house, device, label, "Nest")
        await shows(page, "Paired. The device belongs to this home.")
        async with asyncio.timeout(30):
            while not await readings_of(page):
                await asyncio.sleep(0.2)
        state = await page.state()
        assert [(each["kind"], each["name"]) for each in state["devices"]] == [("babyphone", "Nest")]
        assert {each["kid"] for each in state["readings"]} == {state["devices"][0]["kid"]}
        assert not said(device, "Traceback")
        assert running.count("pairing.completed") == 1
        assert not list((tmp_path / "data/enrolments").glob("*.staged"))
        french = await shows(page, "Associé. L’appareil appartient à ce foyer.", language="fr")
        assert "Code de l’étiquette" in french
