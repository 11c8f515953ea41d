"""A real browser over a real household: somebody signs in, steps on the scale, and sees the weight arrive without touching the page.

The household is the whole one, devices included. Pictures of every page, at phone and desktop width and in both languages, are kept in
`tests/output/` for people to look at.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests import chromium
from tests.gateway.counterpart import Counterpart, link
from tests.household import secrecy
from tools.evening import PEOPLE
from tools.household import Household, Ports

OUTPUT = Path(__file__).parents[1] / "output"
CANARY = bytes.fromhex("c0ffee00d15ea5e5f00dfeedfacecafe")
WIDTHS = {"phone": 390, "desktop": 1280}
pytestmark = pytest.mark.timeout(240)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(**chromium.started())
        try:
            yield made
        finally:
            await made.close()


async def visit(made: Browser, language: str = "en", width: int = 1280) -> BrowserContext:
    return await made.new_context(
        ignore_https_errors=True, locale=language, viewport={"width": width, "height": 860}, timezone_id="Europe/Paris"
    )


async def sign_in(page: Page, household: Household) -> None:
    resident = household.residents[0]
    await page.goto(f"{household.site_address}/en/sign-in")
    await page.fill("input[name=email]", resident.email)
    await page.fill("input[name=password]", resident.password)
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/home")


async def pictures(made: Browser, household: Household, session: BrowserContext, home: BrowserContext) -> list[str]:
    """Take a picture of each page at each width in each language; return the pages that are wider than their screen."""
    OUTPUT.mkdir(exist_ok=True)
    wide = []
    site = [
        ("site", name, session, f"{household.site_address}/{{}}/{name}")
        for name in ("home", "weight", "pressure", "climate", "link", "devices", "account")
    ]
    gateway = [
        ("gateway", name or "start", home, f"{household.page_address}/{{}}/{name}")
        for name in ("", "people", "devices", "readings", "inbox", "nursery", "settings", "log")
    ]
    for place, name, context, address in (*site, *gateway):
        page = await context.new_page()
        for language in ("en", "fr"):
            for width_name, width in WIDTHS.items():
                await page.set_viewport_size({"width": width, "height": 860})
                await page.goto(address.format(language))
                await page.wait_for_timeout(250)
                await page.screenshot(path=OUTPUT / f"{place}-{name}-{language}-{width_name}.png", full_page=True)
                if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                    wide.append(f"{place}/{name} {language} {width_name}")
        await page.close()
    return wide


async def rows_of(household: Household) -> int:
    async with household.site_visitor() as visitor:
        await household.sign_in(household.residents[0], visitor)
        answer = await visitor.json("/en/weight.json")
        assert isinstance(answer, dict)
        return len(answer["readings"])


async def steer_from_the_site(household: Household) -> list[str]:
    """Allow somebody at the gateway's page to steer the babyphone, have it show itself from the site, and return what both pages say."""
    resident = household.residents[0]
    async with household.page_visitor() as home, household.site_visitor() as far:
        await household.sign_in_at_home(home)
        await household.sign_in(resident, far)
        state = await home.json("/state.json")
        assert isinstance(state, dict)
        (kid,) = [device["kid"] for device in state["devices"] if device["kind"] == "babyphone"]
        (subject,) = [person["subject"] for person in state["people"] if person["name"] == resident.person.name]
        before = (await far.get("/en/devices")).text
        await home.submit((await home.get("/en/devices")).form(f"{kid}/rights"), **{f"subject-{subject}": "yes"})
        end = time.monotonic() + 60
        sent = False
        while time.monotonic() < end:
            page = await far.get("/en/devices")
            shows = [form for form in page.forms if form.fields.get("function") == "3"]
            if shows and not sent:
                sent = (await far.submit(shows[0])).status == 200
            if sent and "Done, today" in page.text:
                break
            await asyncio.sleep(0.5)
        there = (await home.get("/en/devices")).text
    return [before, page.text, there]


async def weigh_in_and_look(folder: Path) -> dict[str, object]:
    """Live through one weigh-in with a browser open; return what was seen."""
    seen: dict[str, object] = {}
    complaints: list[str] = []
    async with Household(folder, Ports.free(), PEOPLE) as household, browser() as made:
        session = await visit(made)
        page = await session.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await sign_in(page, household)
        await page.goto(f"{household.site_address}/en/weight")
        await page.evaluate("window.untouched = true")
        await household.house.step_on("scale", PEOPLE[0], 9.0)
        await page.wait_for_selector("tr[data-kind=weight]", timeout=15_000)
        seen["value"] = await page.get_attribute("tr[data-kind=weight]", "data-value")
        seen["verified"] = await page.get_attribute("tr[data-kind=weight]", "data-verified")
        seen["without reload"] = await page.evaluate("window.untouched === true")
        OUTPUT.mkdir(exist_ok=True)
        await page.screenshot(path=OUTPUT / "site-weight-arrived.png", full_page=True)

        # A device of ours that puts a canary into a reading, as an extension that readers keep and ignore.
        stranger = Counterpart("scale")
        stranger.enrol(folder / "home")
        await asyncio.sleep(2.5)
        async with link(stranger, household.ports.coap) as line:
            message = stranger.signed({**stranger.fields(1, _10=62_350), 32: CANARY})
            seen["receipt"] = (await line.send(message))[4]
        end = time.monotonic() + 20
        while await rows_of(household) < 2 and time.monotonic() < end:
            await asyncio.sleep(0.3)
        seen["rows"] = await rows_of(household)

        seen["steered"] = await steer_from_the_site(household)
        home = await visit(made)
        door = await home.new_page()
        await door.goto(f"{household.page_address}/en/sign-in")
        await door.fill("input[name=password]", household.household_password)
        await door.click("main button")
        await door.wait_for_url("**/en/")
        await door.close()
        seen["too wide"] = await pictures(made, household, session, home)
        seen["complaints"] = complaints
    return seen


@pytest.fixture(scope="module")
def household_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("household")


@pytest.fixture(scope="module")
def seen(household_folder: Path) -> dict[str, object]:
    return asyncio.run(weigh_in_and_look(household_folder))


def test_a_weight_arrives_on_the_open_page_without_a_reload(seen: dict[str, object]) -> None:
    """The row appears by itself, with the weight that stood on the plate, its signature verified."""
    assert seen["without reload"] is True
    assert seen["verified"] == "true"
    assert abs(float(str(seen["value"])) - PEOPLE[0].weight_kg) <= 0.1


def test_no_page_complains_in_the_browsers_console(seen: dict[str, object]) -> None:
    """No script error, no violation of the content policy."""
    assert seen["complaints"] == []


def test_no_page_is_wider_than_a_phone(seen: dict[str, object]) -> None:
    """Nothing has to be scrolled sideways, at 390 and 1280 px, in English and French."""
    assert seen["too wide"] == []


def test_a_canary_in_a_reading_is_nowhere_in_the_cloud(seen: dict[str, object], household_folder: Path) -> None:
    """Sixteen bytes inside a signed reading reach the account, and neither the store's nor the broker's files hold them."""
    assert seen["receipt"] == 0
    assert seen["rows"] == 2
    assert secrecy.find(secrecy.files_below(household_folder / "home"), {"canary": CANARY}) != []
    beyond = secrecy.files_below(household_folder / "cloud", household_folder / "broker")
    assert secrecy.find(beyond, {"canary": CANARY}) == []


def test_a_device_is_steered_from_the_site(seen: dict[str, object]) -> None:
    """Allowed at home, told on the site, done by the real device, and both pages say so; before it was allowed the site offered nothing."""
    before, far, home = seen["steered"]  # type: ignore[misc]  # as `steer_from_the_site` gives them
    assert "Nobody at home has allowed you" in before
    assert "Done, today" in far
    assert "Show itself" in home
    assert f"(from the site, by {PEOPLE[0].name})" in home
