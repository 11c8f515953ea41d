"""The page in a real browser, under a name that is not localhost: live without a reload, and nothing that the policy would stop."""

from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, async_playwright, expect

from tests import chromium
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import PASSWORD

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_family_sets_up_and_sees_readings_and_the_nursery_live(tmp_path: Path, width: int) -> None:
    """Set-up, a person, a weight that appears by itself, the inbox's one touch, the nursery's values: as a newcomer does it."""
    scale, babyphone = Counterpart(), Counterpart("babyphone")
    scale.enrol(tmp_path / "data")
    babyphone.enrol(tmp_path / "data")
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    async with gateway(configure(tmp_path)) as home, async_playwright() as playwright:
        ready = await home.event("gateway.ready")
        made = await playwright.chromium.launch(**chromium.started(chromium.leading(gateway_test=ready["page_port"]), chromium.TRUSTING))
        context = await made.new_context(viewport={"width": width, "height": 844}, ignore_https_errors=True, locale="en-GB")
        page = await context.new_page()
        page.on("console", heard)
        await page.goto("https://gateway.test/")
        await page.get_by_label("Set-up code").fill((await home.event("page.setup_code"))["code"].lower())
        await page.get_by_label("Household password").fill(PASSWORD)
        await page.get_by_role("button", name="Set up").click()
        await page.get_by_label("Name", exact=True).last.fill("Anna")
        await page.get_by_label("Usual weight in kg").last.fill("72,4")
        await page.get_by_role("button", name="Add").first.click()
        await expect(page.get_by_role("heading", name="Anna")).to_be_visible()
        await page.get_by_role("link", name="Home").first.click()
        await expect(page.get_by_text("No reading yet")).to_be_visible()
        async with link(scale, ready["coap_port"]) as way, link(babyphone, ready["coap_port"]) as cradle:
            await way.send(scale.signed(scale.fields(1, _10=72_650)))
            await expect(page.get_by_role("heading", name="Weight of Anna")).to_be_visible()
            await way.send(scale.signed(scale.fields(2, _10=90_000)))
            await expect(page.get_by_text("One reading waits for you")).to_be_visible()
            await page.get_by_role("link", name="One reading waits").click()
            await page.get_by_role("button", name="Anna").click()
            await expect(page.get_by_text("Nothing waits here.")).to_be_visible()
            await page.get_by_role("link", name="Nursery").click()
            await cradle.send(babyphone.signed(babyphone.fields(1)))
            cradle.live({0: 2, 2: [1, 9000], 16: 131})
            await expect(page.locator("[data-value=loudness_dB]")).to_have_text("66")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.screenshot(path=tmp_path / f"nursery-{width}.png", full_page=True)
        await made.close()
        assert await home.stop() == 0
    assert complaints == []
