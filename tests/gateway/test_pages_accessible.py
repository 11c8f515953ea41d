"""WCAG 2.2 AA by axe-core in Chromium, over every page of the gateway: both languages, phone and desktop, light and dark.

Pictures of each page are left in `tests/output/` for people to look at. Every day each page is seen as a phone in English by day and as a
desktop in French by night; `--long` sees every mix. The policy of the page is lifted for axe's own script alone, in this browser.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, async_playwright

from gateway.edges.pages import routes
from tests import chromium
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import PASSWORD, Browser, browser

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
OUTPUT = Path(__file__).parents[1] / "output"
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = {"phone": 390, "desktop": 1280}
SIGNED_OUT = ("sign-in",)
PAGES = ("", "inbox", "readings", "people", "devices", "nursery", "settings", "log", "link/1", "pair", "person/2", "reading/1", "nowhere")


@asynccontextmanager
async def a_lived_in_home(folder: Path) -> AsyncIterator[tuple[Gateway, Browser]]:
    """Every kind of device, one sold, two people, readings in several states, one in the inbox, orders, a room whose child cries."""
    sold = Counterpart("cuff")
    sold.enrol(folder / "data")
    devices = {kind: Counterpart(kind) for kind in ("scale", "cuff", "babyphone")}
    for device in devices.values():
        device.enrol(folder / "data")
    more = '[home_assistant]\nhost = "127.0.0.1"\nport = 9\n'
    async with gateway(configure(folder, more)) as running, browser(running, timeout=30) as page:
        await page.set_up()
        await page.post("/en/people", name="Anna", usual_kg="72.4")
        await page.post("/en/people", name="Ben", usual_kg="84")
        await page.post(f"/en/devices/{sold.kid.hex()}/gone", sure="yes")
        state = await page.state()
        kids = {device["kind"]: device["kid"] for device in state["devices"]}
        await page.post(f"/en/devices/{kids['cuff']}", used_by=state["people"][0]["subject"])
        await page.post(f"/en/devices/{kids['scale']}/orders", kind=6, language=1, unit=0)
        await page.post(f"/en/devices/{kids['babyphone']}/orders", kind=3)
        port = (await running.event("gateway.ready"))["coap_port"]
        async with link(devices["scale"], port) as scale, link(devices["cuff"], port) as cuff, link(devices["babyphone"], port) as cradle:
            await scale.send(devices["scale"].signed(devices["scale"].fields(1)))
            await scale.send(devices["scale"].signed(devices["scale"].fields(2, _10=61_200)))
            await cuff.send(devices["cuff"].signed(devices["cuff"].fields(1)))
            await cradle.send(devices["babyphone"].signed(devices["babyphone"].fields(1)))
            for second in range(16):  # two whole windows: the alarm rings on the pages below
                cradle.live({0: 2, 2: [1, 7000 + second], 13: 2010, 14: 44, 16: 140, 18: 1})
                await asyncio.sleep(1)
            yield running, page


@asynccontextmanager
async def eyes(port: int) -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(**chromium.started(chromium.leading(gateway_test=port)))
        try:
            yield made
        finally:
            await made.close()


async def findings(page: Page) -> list[str]:
    """Return what axe-core has against a page."""
    await page.add_script_tag(path=AXE)
    found: dict[str, Any] = await page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", RULES
    )
    return [f"{each['id']} ({each['impact']}): {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found["violations"]]


async def look(made: Chromium, language: str, width: str, scheme: Any, *, signed_in: bool) -> dict[str, list[str]]:
    """Look at every page one way; return what axe found, and which pages are wider than their screen."""
    context = await made.new_context(
        viewport={"width": WIDTHS[width], "height": 844},
        ignore_https_errors=True,
        locale=language,
        color_scheme=scheme,
        bypass_csp=True,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    wrong: dict[str, list[str]] = {}
    if signed_in:
        await page.goto(f"https://gateway.test/{language}/sign-in")
        await page.fill("input[name=password]", PASSWORD)
        await page.click("main button")
        await page.wait_for_url(f"**/{language}/")
    for name in PAGES if signed_in else SIGNED_OUT:
        await page.goto(f"https://gateway.test/{language}/{name}", wait_until="load")
        for summary in await page.locator("summary").all():
            await summary.click()
        found = await findings(page)
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("wider than its screen")
        if found:
            wrong[f"{name or 'home'} {language} {width} {scheme}"] = found
        OUTPUT.mkdir(exist_ok=True)
        await page.screenshot(path=OUTPUT / f"page-{(name or 'home').replace('/', '-')}-{language}-{width}-{scheme}.png", full_page=True)
    await context.close()
    return wrong


async def see(folder: Path, ways: list[tuple[str, str, str]]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    async with a_lived_in_home(folder) as (running, _), eyes((await running.event("gateway.ready"))["page_port"]) as made:
        for language, width, scheme in ways:
            for signed_in in (False, True):
                wrong |= await look(made, language, width, scheme, signed_in=signed_in)
    return wrong


async def test_every_page_is_accessible(tmp_path: Path) -> None:
    """axe-core finds nothing of WCAG 2.2 AA, opened details and alarms included, and no page is wider than its screen."""
    assert await see(tmp_path, [("en", "phone", "light"), ("fr", "desktop", "dark")]) == {}


@pytest.mark.long
async def test_every_page_is_accessible_in_every_way(tmp_path: Path) -> None:
    """The same in each language, at each width, by day and by night."""
    assert await see(tmp_path, list(itertools.product(("en", "fr"), WIDTHS, ("light", "dark")))) == {}


async def test_set_up_is_accessible(tmp_path: Path) -> None:
    """The first page that a family sees, in both languages."""
    async with gateway(configure(tmp_path)) as running, eyes((await running.event("gateway.ready"))["page_port"]) as made:
        for language in ("en", "fr"):
            context = await made.new_context(viewport={"width": 390, "height": 844}, ignore_https_errors=True, bypass_csp=True)
            page = await context.new_page()
            await page.goto(f"https://gateway.test/{language}/setup")
            assert await findings(page) == []
            await page.screenshot(path=OUTPUT / f"page-setup-{language}-phone-light.png", full_page=True)
            await context.close()


def test_no_page_is_left_out() -> None:
    """Every address that can be looked at is among the pages above."""
    looked = {re.sub(r"\{\w+:int\}", "#", path.strip("/")) for path, (_, methods) in routes.ADDRESSES.items() if "GET" in methods}
    assert looked - {"events", "setup"} <= {re.sub(r"\d+", "#", page) for page in (*PAGES, *SIGNED_OUT)}
