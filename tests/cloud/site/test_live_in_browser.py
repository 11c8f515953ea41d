"""The whole account store with a real broker and a real browser: register, link, and see readings arrive without a reload.

Screenshots at phone and desktop width, in both languages and both themes, are kept in tests/output/cloud to be looked at.
"""

import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from protocol import linking
from tests import chromium
from tests.cloud.counterpart import Device, Gateway, Person, climate, pressure, weight

OUTPUT = Path(__file__).parents[2] / "output" / "cloud"
# a person's whole way, on a machine that is busy with something else
pytestmark = pytest.mark.timeout(900)
PATIENCE_MS = 120_000
CHART_DAYS = "charts.size && (({min, max}) => (max - min) / 86400)([...charts.values()][0].plots[0].scales.x)"
WIDTHS = {390: 844, 1280: 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(**chromium.started())
        yield made
        made.close()


class Eyes:
    """A browser window that keeps what it saw and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.wrong: list[str] = []

    def page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("requestfailed", self._failed)
        return page

    def _failed(self, request: Request) -> None:
        # what was still loading when its page was left (an icon, the stream of readings) is given up by the browser
        if "/live" not in request.url and request.failure != "net::ERR_ABORTED":
            self.wrong.append(f"{request.url}: {request.failure}")


def keep(page: Page, name: str) -> None:
    """Keep a screenshot at both widths; nothing may be wider than the window."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT.parent / ".gitignore").write_text("*\n")
    for width_px, height_px in WIDTHS.items():
        page.set_viewport_size({"width": width_px, "height": height_px})
        page.wait_for_timeout(60)
        page.screenshot(path=OUTPUT / f"{name}-{width_px}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


def some_weeks(person: Person, scale: Device, cuff: Device) -> list[Any]:
    chance, now_utc_s, rows = random.Random(4), int(time.time()), []
    for day in range(30, 0, -1):
        utc_s = now_utc_s - day * 86_400 + chance.randint(-3000, 3000)
        if day % 9:
            rows.append(person.row(scale, weight(72_400 + 25 * day + int(chance.gauss(0, 300))), utc_s))
        if day % 3 == 0:
            reading = pressure(124 + chance.randint(-6, 14), 80 + chance.randint(-5, 8), 62 + chance.randint(-4, 8))
            rows.append(person.row(cuff, reading, utc_s + 400))
    return rows


def a_night(room: Person, babyphone: Device) -> list[Any]:
    now_utc_s = int(time.time())
    minutes = [minute for minute in range(600, 0, -15) if not 200 < minute < 260]
    readings = [climate(2000 + int(180 * math.sin(minute / 230)), 46 + int(6 * math.cos(minute / 300))) for minute in minutes]
    return [room.row(babyphone, reading, now_utc_s - minute * 60) for minute, reading in zip(minutes, readings, strict=True)]


def test_a_newcomer_registers_links_and_sees_readings_arrive(
    cloud: Any, gateway: Gateway, start: Callable[..., Any], browser: Browser
) -> None:
    """From the first page to weights that appear by themselves, without a reload and with no error in the console."""
    start("--configuration", str(cloud.configuration)).wait_for("cloud.ready")
    person, room, scale, cuff, babyphone = Person("Ada"), Person("Nursery", linking.ROOM), Device(), Device(), Device()
    eyes = Eyes(browser.new_context(locale="en-GB", timezone_id="Europe/Paris"))
    page = eyes.page()

    page.goto(cloud.address)
    keep(page, "landing-en")
    page.click("main a.button")
    page.fill("input[name=email]", "ada@example.org")
    page.fill("input[name=password]", "ashtray velvet horizon")
    page.check("input[name=terms]")
    page.check("input[name=cookies]")
    keep(page, "register-en")
    page.click("main button")
    page.wait_for_selector("[data-recovery-code]")
    keep(page, "recovery-code-en")
    page.click("main button")
    page.wait_for_url("**/home")
    keep(page, "welcome-en")

    page.click("main button")
    code = page.get_attribute("[data-code]", "data-code")
    keep(page, "link-en")
    assert code
    assert gateway.link(code, person) == linking.DONE
    page.wait_for_selector("[data-subject=Ada]", timeout=PATIENCE_MS)
    keep(page, "linked-en")
    page.click("main form button")
    code = page.get_attribute("[data-code]", "data-code")
    assert code
    assert gateway.link(code, room) == linking.DONE
    page.wait_for_selector("[data-subject=Nursery]", timeout=PATIENCE_MS)

    page.goto(f"{cloud.address}/en/home")
    keep(page, "empty-en")
    publish(gateway, cloud, person, some_weeks(person, scale, cuff))
    publish(gateway, cloud, room, a_night(room, babyphone))
    page.wait_for_selector("[data-latest^=climate] .mark.good", timeout=PATIENCE_MS)
    page.wait_for_selector("[data-latest^=weight] .mark.good", timeout=PATIENCE_MS)

    page.goto(f"{cloud.address}/en/weight")
    page.wait_for_selector("canvas")
    before = page.locator("tbody tr").count()
    for grams in (71_830, 71_910, 71_740):
        row = person.row(scale, weight(grams), int(time.time()))
        gateway.publish(person.message([row], cloud.sealing_key))
        page.wait_for_selector(f'tr[data-id="{row.row_id.hex()}"]', timeout=PATIENCE_MS)
        gateway.receipt()
    assert page.locator("tbody tr").count() == before + 3
    assert "71.7" in page.inner_text("[data-latest]")
    # all of the period that its page names, though there are readings of a month: and none is cut off, the newest included
    for name, days in (("week", 7), ("year", 365)):
        page.goto(f"{cloud.address}/en/weight?period={name}")
        page.wait_for_function(f"(({CHART_DAYS}) >= {days}) && (({CHART_DAYS}) < {days * 1.05})")
        assert page.evaluate("(({scales, data}) => scales.x.max > data[0][data[0].length - 1])([...charts.values()][0].plots[0])")
        keep(page, f"weight-{name}-en")
    page.goto(f"{cloud.address}/en/weight")
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"

    for language in ("en", "fr"):
        # test_site_in_browser has the long texts and the log
        for name in ("home", "weight", "pressure", "climate", "account", "take", "reading"):
            if name == "reading":
                page.goto(f"{cloud.address}/{language}/weight")
                page.click("tbody a")
                keep(page, f"reading-{language}")
                continue
            page.goto(f"{cloud.address}/{language}/{name}")
            if name in ("weight", "pressure", "climate"):
                page.wait_for_selector("canvas")
            keep(page, f"{name}-{language}")
    dark = Eyes(browser.new_context(locale="fr-FR", color_scheme="dark", storage_state=eyes.context.storage_state()))
    dark_page = dark.page()
    for name in ("home", "pressure"):
        dark_page.goto(f"{cloud.address}/fr/{name}")
        keep(dark_page, f"{name}-fr-dark")
    assert eyes.wrong == dark.wrong == []

    # signed out in one window, the other notices by itself
    page.goto(f"{cloud.address}/en/account")
    dark_page.goto(f"{cloud.address}/en/home")
    page.click("main > .narrow > form button")
    dark_page.wait_for_url("**/sign-in", timeout=PATIENCE_MS)


def publish(gateway: Gateway, cloud: Any, person: Person, rows: list[Any]) -> None:
    for begin in range(0, len(rows), 50):
        gateway.publish(person.message(rows[begin : begin + 50], cloud.sealing_key))
        gateway.receipt()
