"""The panel in a real browser: live without a reload, usable without a script and with the keyboard, and pleasant to look at.

Screenshots go to tests/output/panel-*.png; look at them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import chromium
from tests.simulator.panel.household import LivedIn, served

OUTPUT = Path(__file__).parents[2] / "output"
PHONE, WIDE = (390, 844), (1280, 900)

expect.set_options(timeout=15_000)  # the machine may be busy with other tests


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.started())
        yield browser
        browser.close()


def evening(lived_in: LivedIn) -> None:
    lived_in.hear("scale", 'foyer display "61.3 kg" "arrived" "A" 1')
    lived_in.hear("cuff", 'foyer display "" "press start" "" 0')
    lived_in.hear("babyphone", 'foyer display "19.8 °C 48 %" "in the room" "" 0')
    for number in range(9):
        lived_in.measured("babyphone", 2, number, "in_cloud", 300 - 30 * number, 0.04)
    lived_in.measured("cuff", 1, 4, "in_cloud", 44, 0.11)
    lived_in.measured("scale", 0, 17, "in_cloud", 12)


def trouble(lived_in: LivedIn) -> None:
    lived_in.house.devices["scale"].wifi = False
    lived_in.switches["broker"].on = False
    lived_in.measured("scale", 0, 18, "sent", 40)
    lived_in.measured("babyphone", 2, 9, "sealed", 9)
    lived_in.measured("cuff", 4, 5, "measured", 1)
    lived_in.house.open_window()
    lived_in.house.heat(1.0)
    lived_in.house.make_noise(82.0, 20.0)


class Visits:
    """Pages opened in one browser, and what it complained about."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.complaints: list[str] = []
        self._browser = browser
        self._address = address
        self._contexts: list[BrowserContext] = []

    def open(self, path: str, size: tuple[int, int] = WIDE, **options: object) -> Page:
        """Open a page of the panel in a window of that size."""
        context = self._browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)  # type: ignore[arg-type]
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self._address + path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visits(browser: Browser, lived_in: LivedIn) -> Iterator[Visits]:
    """A panel that is served, over an evening at home."""
    with served(lived_in) as address:
        lived_in.within(lambda: evening(lived_in))
        visits = Visits(browser, address)
        yield visits
        visits.close()


def test_a_reading_is_seen_travelling_without_a_reload(visits: Visits, lived_in: LivedIn) -> None:
    """Its row comes and moves on, a light goes along the drawn way, the cloud counts one more, and the browser complains of nothing."""
    page = visits.open("/en/")
    expect(page.locator(".arrived")).to_have_text("11")
    page.evaluate("document.body.dataset.kept = 'yes'")
    lived_in.within(lambda: lived_in.measured("scale", 0, 18, "sent"))
    row = page.locator("#reading-scale-18")
    expect(row).to_contain_text("On its way: sent.")
    expect(page.locator(".travellers circle")).to_have_count(1)
    row.locator("summary").click()
    lived_in.within(lambda: (lived_in.said.pop(0), lived_in.measured("scale", 0, 18, "in_cloud")))
    expect(row).to_have_attribute("data-place", "cloud")
    expect(row.locator("[data-passed=yes] dt").last).to_have_text("in the cloud")
    expect(row.locator("details")).to_have_attribute("open", "")
    expect(page.locator(".arrived")).to_have_text("12")
    expect(page.get_by_role("status")).to_contain_text("Weight 18. In the cloud after")
    expect(page.locator(".travellers circle")).to_have_count(0)
    assert page.evaluate("document.body.dataset.kept") == "yes"
    assert visits.complaints == []


def test_what_one_does_is_done_and_seen_at_once(visits: Visits, lived_in: LivedIn) -> None:
    """Buttons act without leaving the page; a refusal is read beside them."""
    page = visits.open("/en/")
    page.get_by_role("button", name="Open the window").click()
    expect(page.get_by_role("button", name="Close the window")).to_be_visible()
    expect(page.locator("svg .window")).to_have_attribute("data-now", "open")
    page.locator("#scale").get_by_role("button", name="Ada").click()
    expect(page.locator("#scale .truth")).to_contain_text("Ada is on the plate")
    expect(page.locator("svg .standing")).to_have_attribute("data-now", "yes")
    page.locator("#cuff").get_by_role("button", name="Cut the power").click()
    expect(page.locator("#cuff .screen")).to_contain_text("The display is dark.")
    assert visits.complaints == []
    page.locator("#cuff").get_by_role("button", name="Ada").click()
    expect(page.locator("#cuff .answer")).to_have_text("It has no power. Restore the power first.")
    page.get_by_role("button", name="Stop the broker").click()
    expect(page.locator("#home")).to_contain_text("The broker is stopped since")
    assert lived_in.switches["broker"].turned == ["off"]
    assert page.url.endswith("/en/")


def test_without_a_script_everything_can_be_done(visits: Visits) -> None:
    """Plain forms, and the page that follows shows what became of them."""
    page = visits.open("/fr/", PHONE, java_script_enabled=False)
    page.get_by_role("button", name="Ouvrir la fenêtre").click()
    expect(page.get_by_role("button", name="Fermer la fenêtre")).to_be_visible()
    page.locator("#scale").get_by_role("button", name="Benoît").click()
    expect(page.locator("#scale .truth")).to_contain_text("Benoît est sur le plateau")
    page.locator("#scale").get_by_role("button", name="Ada").click()
    expect(page.locator("main")).to_contain_text("Quelqu’un s’en sert déjà.")
    page.get_by_role("link", name="Retour à la maison").click()
    expect(page.locator("h1")).to_have_text("La maison")


def test_the_keyboard_suffices(visits: Visits) -> None:
    """The first stop leads past the drawing; every control can be reached and shows that it was; Enter acts and the focus stays."""
    page = visits.open("/en/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    controls = page.locator("main button, main a, main select, main summary, main input:not([type=hidden])")
    assert controls.count() > 20
    assert page.evaluate("[...document.querySelectorAll('[tabindex]')].every(e => e.tabIndex <= 0)")
    button = page.locator("#babyphone form[action$=heat] button")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Turn the heater off")
    expect(button).to_be_focused()


def test_who_asked_for_less_motion_gets_none(visits: Visits, lived_in: LivedIn) -> None:
    """No light travels and nothing is animated; the list says the same."""
    page = visits.open("/en/", reduced_motion="reduce")
    expect(page.locator(".arrived")).to_have_text("11")
    lived_in.within(lambda: lived_in.measured("scale", 0, 18, "in_cloud"))
    expect(page.locator("#reading-scale-18")).to_be_visible()
    assert page.locator(".travellers circle").count() == 0
    assert page.evaluate("document.getAnimations().filter(a => a.playState == 'running').length") == 0


def test_the_page_says_when_the_simulator_is_gone(visits: Visits, lived_in: LivedIn) -> None:
    """What is shown may be old, so it says so."""
    page = visits.open("/en/")
    expect(page.locator(".arrived")).to_have_text("11")
    lived_in.within(lived_in.changed.close)
    expect(page.locator(".lost")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_it_fits_and_is_kept_for_looking_at(visits: Visits, lived_in: LivedIn, language: str) -> None:
    """Nothing is wider than the screen and every target is large enough: in a calm evening, and in a night of trouble."""
    OUTPUT.mkdir(exist_ok=True)
    page = visits.open(f"/{language}/")
    expect(page.locator(".arrived")).to_have_text("11")
    for name, scheme in (("", "light"), ("-dark", "dark")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width, height in (PHONE, WIDE):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") == width
            small = page.evaluate(
                "[...document.querySelectorAll('button, select, summary, nav a')]"
                ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.textContent)"
            )
            assert small == []
            page.screenshot(path=OUTPUT / f"panel-{width}-{language}{name}.png", full_page=True)
        lived_in.within(lambda: trouble(lived_in))
        expect(page.locator("svg .waiting[data-now='1']")).to_have_count(2)
    assert visits.complaints == []
