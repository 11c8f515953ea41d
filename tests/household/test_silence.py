"""In the night something dies: the babyphone, the Wi-Fi, or the gateway. Parents hear of it within 30 s each time.

A real babyphone, a real gateway, a push service that stands in for a browser's maker, and a page in a browser.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.async_api import async_playwright, expect

from gateway.edges.link_key import public_half_in
from simulator.house import Device, House
from tests import chromium
from tests.firmware.living import until
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import PASSWORD, Browser, browser
from tests.gateway.test_push import CARRIER, Carrier, Phone, carrier
from tools import build, provision
from tools.micropython import find

pytestmark = [pytest.mark.anyio, pytest.mark.long]
WITHIN_s = 30.0
CACHE = build.ROOT / ".foyer/cache"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Night(NamedTuple):
    running: Gateway
    page: Browser
    babyphone: Device
    service: Carrier
    phone: Phone

    async def told(self) -> str:
        """Wait for the alarm; return what the sleeping phone shows."""
        await self.running.event("alarm.told", timeout_s=WITHIN_s, alarm="no_life", what="begun")
        _, _, body = await self.service.next()
        return self.phone.opened(body)["body"]


@asynccontextmanager
async def night(folder: Path) -> AsyncIterator[Night]:
    """A babyphone that is heard, nobody awake, one phone that asked to be rung."""
    interpreter = find(CACHE)
    assert interpreter is not None
    phone = Phone()
    with carrier() as service:
        key = public_half_in(folder / "data/keys")
        async with gateway(configure(folder, CARRIER)) as running, browser(running) as page:
            port = (await running.event("gateway.ready"))["coap_port"]
            await page.set_up()
            async with House(folder / "devices", interpreter.command, seed=11) as house:
                settings = {"climate_ms": 10_000, "retry_ms": 500, "calibration": house.calibration("crib", "babyphone")}
                made = provision.provision("babyphone", "crib", ("127.0.0.1", house.reserve_port("crib")), key, settings)
                files = build.files("babyphone", CACHE, build.simulated(interpreter.word_bits))
                build.write_image(folder / "image", {**build.installed(files), **made.files}, 256 * 4096)
                provision.enrol(folder / "data/enrolments", made.enrolment)
                await running.event("enrolment.changed", devices=1)
                babyphone = house.add("crib", "babyphone", folder / "image", ("127.0.0.1", port))
                await babyphone.start()
                await running.event("reading.committed", timeout_s=60)
                assert (await page.post("/en/nursery/push", **phone.form(service.address))).status_code == 204
                assert running.count("alarm.told") == 0
                yield Night(running, page, babyphone, service, phone)


async def test_a_babyphone_that_dies_is_missed(tmp_path: Path) -> None:
    """Its plug is pulled: the phone rings within 30 s."""
    async with night(tmp_path) as home:
        began_s = time.monotonic()
        await home.babyphone.cut_power()
        assert (await home.told()).startswith("No sign of life from the babyphone")
        assert time.monotonic() - began_s < WITHIN_s


async def test_a_lost_wifi_is_missed_and_its_return_ends_the_alarm(tmp_path: Path) -> None:
    """The access point dies and comes back: an alarm within 30 s, its end with the next live value, and the device says what it lost."""
    async with night(tmp_path) as home:
        began_s = time.monotonic()
        home.babyphone.wifi = False
        assert (await home.told()).startswith("No sign of life from the babyphone")
        assert time.monotonic() - began_s < WITHIN_s
        await until(lambda: home.babyphone.display[1].startswith("kept, "), 60)
        home.babyphone.wifi = True
        await home.running.event("alarm.told", timeout_s=60, alarm="no_life", what="over")
        await until(lambda: home.babyphone.display[1] == "in the room", 60)


async def test_a_gateway_that_dies_is_missed_by_the_open_page_and_the_device(tmp_path: Path) -> None:
    """A dead gateway can push nothing: the page's own clock rings within 30 s, and the device shows that the home is silent."""
    async with night(tmp_path) as home, async_playwright() as playwright:
        made = await playwright.chromium.launch(**chromium.started("--autoplay-policy=no-user-gesture-required"))
        context = await made.new_context(ignore_https_errors=True, locale="en-GB")
        page = await context.new_page()
        await page.goto(f"https://localhost:{(await home.running.event('gateway.ready'))['page_port']}/en/sign-in")
        await page.get_by_label("Household password").fill(PASSWORD)
        await page.get_by_role("button").last.click()
        await page.get_by_role("link", name="Nursery").first.click()
        await expect(page.locator("[data-life]")).to_contain_text(" s")
        began_s = time.monotonic()
        await home.running.kill()
        await expect(page.locator("[data-alarm=no_life]")).to_be_visible(timeout=WITHIN_s * 1000)
        assert time.monotonic() - began_s < WITHIN_s
        await made.close()
        await until(lambda: home.babyphone.display[1] == "kept, home silent", 60)
