"""What a person does, in a real browser, in both languages, on a phone and on a desk.

Register, link, see, correct, share, revoke, export, erase: every page on the way is looked at by axe-core and kept as a picture in
tests/output/cloud.
"""

import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from cloud import campaigns
from gateway import orders
from protocol import commands, linking, steering
from tests import chromium
from tests.cloud.conftest import ROOT, Cloud, Running
from tests.cloud.counterpart import Device, Gateway, Person
from tests.cloud.postbox import Postbox
from tests.cloud.site.conftest import ADDRESS, PASSWORD, Premises
from tests.cloud.site.test_consents import go_back_to_the_first_terms
from tests.cloud.site.test_devices import CUFF, Linked
from tests.cloud.site.test_entry import join, link_in
from tests.cloud.site.test_homes import ask
from tests.cloud.site.test_live_in_browser import OUTPUT, PATIENCE_MS, a_night, publish, some_weeks

pytestmark = pytest.mark.timeout(900)
AXE = ROOT / "node_modules/axe-core/axe.min.js"
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(**chromium.started())
        yield made
        made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker: Any) -> Iterator[Cloud]:
    """One account store for all who come."""
    made = Cloud(tmp_path_factory.mktemp("cloud"), broker)
    command = [sys.executable, "-m", "cloud", "--configuration", str(made.configuration)]
    process = Running(command, ROOT)
    try:
        process.wait_for("cloud.ready")
        yield made
    finally:
        process.stop()


def serious_findings(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe-core calls serious or critical in a page, and where."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (each["id"], [node["html"][:120] for node in each["nodes"]][:3])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


class Address(NamedTuple):
    """Where a site is that has no process of its own."""

    address: str


class Walk:
    """One person's way through the site: each page is looked at, and kept."""

    def __init__(self, page: Page, cloud: "Cloud | Address", language: str, size: str) -> None:
        self.page, self.address, self.language, self.size = page, cloud.address, language, size
        self.wrong: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)

    def go(self, name: str) -> None:
        self.page.goto(f"{self.address}/{self.language}/{name}")

    def look(self, name: str) -> None:
        """No serious finding of axe-core, nothing wider than the window, and a photograph."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT.parent / ".gitignore").write_text("*\n")
        assert serious_findings(self.page) == [], name
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        self.page.screenshot(path=OUTPUT / f"walk-{name}-{self.language}-{self.size}.png", full_page=True)


def test_without_a_connection_there_is_a_page_and_no_reading(running: Cloud, broker: Any, browser: Browser) -> None:
    """A guest who saw readings and loses the connection is told so, in their language; what lies in the browser holds no reading."""
    context = browser.new_context(locale="fr", timezone_id="Europe/Paris")
    page, home, person = context.new_page(), Gateway(broker, running.receipt_key), Person("Ada")
    page.goto(f"{running.address}/fr/register")
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    for name, value in (("email", "offline@example.org"), ("password", PASSWORD)):
        page.fill(f"input[name={name}]", value)
    page.check("input[name=terms]")
    page.check("input[name=cookies]")
    page.click("main form button")
    page.wait_for_selector("[data-recovery-code]")
    page.goto(f"{running.address}/fr/link")
    page.click("main form button")
    assert home.link(str(page.get_attribute("[data-code]", "data-code")), person) == linking.DONE
    publish(home, running, person, some_weeks(person, Device(), Device()))
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto(f"{running.address}/fr/weight")
    page.wait_for_selector("canvas")
    kept = page.evaluate(
        """async () => {
          const held = {};
          for (const name of await caches.keys()) {
            const cache = await caches.open(name);
            for (const request of await cache.keys()) held[new URL(request.url).pathname] = await (await cache.match(request)).text();
          }
          return held;
        }"""
    )
    assert set(kept) == {"/en/offline", "/fr/offline", "/static/foyer.css", "/static/foyer.js", "/static/hearth.svg"}
    assert not any("Ada" in text or "offline@example.org" in text or "data-verified=" in text for text in kept.values())
    context.set_offline(True)
    page.goto(f"{running.address}/fr/weight")
    assert page.inner_text("h1") == "Pas de connexion en ce moment"
    assert page.evaluate("getComputedStyle(document.querySelector('.button')).minHeight") == "44px"
    context.set_offline(False)
    page.click("main .button")
    page.wait_for_url("**/fr/home")
    page.wait_for_selector(".mark.good")
    home.stop()
    context.close()


@pytest.mark.parametrize(
    ("language", "size"),
    [
        ("en", "desk"),
        ("fr", "phone"),
        pytest.param("en", "phone", marks=pytest.mark.long),
        pytest.param("fr", "desk", marks=pytest.mark.long),
    ],
)
def test_what_a_person_does(running: Cloud, broker: Any, browser: Browser, tmp_path: Path, language: str, size: str) -> None:
    """All eight, one after the other, without an error in the console and without a serious finding."""
    cloud = running
    context = browser.new_context(locale=language, timezone_id="Europe/Paris", viewport=SIZES[size], accept_downloads=True)  # type: ignore[arg-type]
    walk = Walk(context.new_page(), cloud, language, size)
    page = walk.page
    home = Gateway(broker, cloud.receipt_key)
    person, room, scale, cuff, babyphone = Person("Ada"), Person("Nursery", linking.ROOM), Device(), Device(), Device()

    for name in ("", "terms", "sign-in", "recover", "technicians", "shared"):
        walk.go(name)
        walk.look({"": "landing", "shared": "shared-key"}.get(name, name))
    walk.go("register")
    walk.look("register")
    page.fill("input[name=email]", f"ada.{language}.{size}@example.org")
    page.fill("input[name=password]", PASSWORD)
    page.check("input[name=terms]")
    page.check("input[name=cookies]")
    page.click("main form button")
    page.wait_for_selector("[data-recovery-code]")
    walk.look("recovery-code")
    page.click("main button")
    page.wait_for_url("**/home")
    walk.look("home-at-first")

    for subject, rows in ((person, some_weeks(person, scale, cuff)), (room, a_night(room, babyphone))):
        walk.go("link")
        page.click("main form button")
        code = page.get_attribute("[data-code]", "data-code")
        assert code
        assert home.link(code, subject) == linking.DONE
        page.wait_for_selector(f"[data-subject={subject.label}]")
        publish(home, cloud, subject, rows)
    walk.look("link")

    for name in ("home", "weight", "pressure", "climate"):
        walk.go(name)
        if name != "home":
            page.wait_for_selector("canvas")
        assert page.locator(".mark.good").count()
        walk.look(name)
    for name in ("weight?period=week&beside=before", "pressure?period=week&beside=before", "climate?period=year"):
        walk.go(name)
        page.wait_for_selector("canvas")
        assert page.is_visible("[data-print]")
        walk.look(name.partition("?")[0] + "-" + name.partition("=")[2].partition("&")[0])
    page.emulate_media(media="print")
    walk.go("pressure?period=month")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    walk.look("pressure-on-paper")
    page.emulate_media(media="screen")
    walk.go("offline")
    walk.look("offline")

    walk.go("weight")
    page.click("tbody a >> nth=0")
    page.fill("input[name=words]", "après le café" if language == "fr" else "after coffee")
    page.check("input[name=wrong]")
    page.click("main form.card button")
    page.wait_for_selector(".told.good")
    assert page.locator(".tag.gone").count() == 1
    walk.look("reading")

    walk.go("share")
    page.click("#person summary")
    page.fill("#person input[name=name]", "Dr. Martin")
    page.check("#person input[name=thing] >> nth=0")
    walk.look("share")
    page.click("#person button")
    link = page.get_attribute("[data-link]", "data-link")
    assert link
    walk.look("granted")
    guest = Walk(browser.new_context(locale=language, viewport=SIZES[size]).new_page(), cloud, language, size)  # type: ignore[arg-type]
    guest.page.goto(link)
    guest.page.wait_for_selector("canvas")
    assert "#" not in guest.page.url
    assert guest.page.locator("tbody tr").count() > 20
    assert guest.page.locator("tbody a").count() == 0
    guest.look("shared")
    walk.go("share")
    assert page.locator("[data-grant]").count() == 1
    walk.look("sharing")
    page.click("[data-grant] button")
    page.wait_for_selector(".told.good")
    guest.page.goto("about:blank")
    guest.page.goto(link)
    guest.page.wait_for_selector("[role=alert]")

    for name in ("account", "log", "rules", "devices", "homes", "nothing-here"):
        walk.go(name)
        walk.look(name)
    page.emulate_media(color_scheme="dark")
    for name in ("home", "pressure", "account", "share", "log", "take") if (language, size) == ("en", "phone") else ():
        walk.go(name)
        walk.look(f"{name}-dark")
    page.emulate_media(color_scheme="light")
    walk.go("take")
    walk.look("take")
    with page.expect_download() as caught:
        page.click("form[action$=export] button")
    archive = tmp_path / "export.zip"
    caught.value.save_as(archive)
    with zipfile.ZipFile(archive) as held:
        assert {"read-me.html", "fhir.json", "verify.py"} <= set(held.namelist())
        held.extract("read-me.html", tmp_path)
    page.goto((tmp_path / "read-me.html").as_uri())
    walk.look("read-me")
    walk.go("take")
    for closed in page.locator("details:has(form[action$=erase])").all():
        closed.locator("summary").click()
    for box in page.locator("form[action$=erase] input[name=subject]").all():
        box.check()
    page.fill("form[action$=erase] input[name=password]", PASSWORD)
    page.click("form[action$=erase] button")
    page.wait_for_selector("[data-receipt]")
    walk.look("erased")
    walk.go("home")
    assert page.url.endswith("/sign-in")
    page.fill("input[name=email]", "nobody@example.org")
    page.fill("input[name=password]", "not the password")
    page.click("main form button >> nth=0")
    page.wait_for_selector("[role=alert]:not([hidden])")
    walk.look("sign-in-refused")
    walk.go("register")
    page.fill("input[name=email]", "somebody@example.org")
    page.fill("input[name=password]", "password1234")
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.click("main form button")
    page.wait_for_selector("[role=alert]:not([hidden])")
    walk.look("register-refused")
    home.stop()
    # an ended link and an address that is none are refused with a status of their own, which the console notes
    assert [each for each in walk.wrong + guest.wrong if "400" not in each and "404" not in each] == []


def pages_of_letters(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return pages that are reached by letters only or after a text has changed, with what they load: bytes and type by address."""
    with Postbox() as postbox:
        mail = f'[mail]\nhost = "127.0.0.1"\nport = {postbox.port}\nsecurity = "none"\nsender = "foyer@example.org"\n'
        site = Premises(folder, mail)
        browser = site.browser()
        pages = {"/en/mailbox": browser.register(products="yes").text, "/fr/mailbox": browser.get("/fr/mailbox").text}
        site.deliver()
        link = link_in(postbox.words())
        ada = join(site, postbox, "bob@example.org")
        account_id = site.premises.admission.account_with("bob@example.org")
        assert account_id
        ada.post("/en/recovery-code")
        ada.post("/en/account/address", {"email": "ada@example.org", "password": PASSWORD})
        site.deliver()
        address = link_in(postbox.words())
        assert address.startswith("/en/address?token=")
        pages |= {f"/{language}/address": ada.get(f"/{language}{address[3:]}").text for language in ("en", "fr")}
        stop = campaigns.token(site.premises.pepper.stop, account_id, "products")
        go_back_to_the_first_terms(site)
        for language in ("en", "fr"):
            for name, address in (("confirm", link[3:]), ("stop", f"/stop/{stop}"), ("changes", "/changes")):
                pages[f"/{language}/{name}"] = (ada if name == "changes" else browser).get(f"/{language}{address}").text
            pages[f"/{language}/stopped"] = browser.post(f"/{language}/stop/{stop}").text
        held = with_what_they_load(browser, pages)
        site.close()
    return held


def pages_of_a_home(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return the pages of somebody whose home asks, lets them steer one device of each kind, and shares a child with somebody else."""
    site = Premises(folder)
    linked = Linked(site)
    said = [steering.Said(commands.REPORT, "refused", int(time.time()) - 90, 125)]
    linked.leave(
        made=[
            CUFF._replace(kid=kind.encode()[:4], kind=kind, name=name, functions=list(orders.FUNCTIONS[kind]), said=said)
            for kind, name in (("scale", "Bathroom scale"), ("cuff", "Dad's cuff"), ("babyphone", "Nursery"))
        ]
    )
    ask(site, linked.person, linking.Request("give", "Ben", 1, int(time.time())))
    names = [(language, name) for language in ("en", "fr") for name in ("devices", "homes", "homes?changed=declined")]
    pages = {f"/{language}/{name}": linked.browser.get(f"/{language}/{name}").text for language, name in names}
    assert "Ben" in pages["/fr/homes"]
    assert "Nursery" in pages["/fr/devices"]
    held = with_what_they_load(linked.browser, pages)
    site.close()
    return held


def with_what_they_load(browser: Any, pages: dict[str, str]) -> dict[str, tuple[bytes, str]]:
    """Return bytes and type of pages, and of the assets that they name, by address."""
    assets = {found for text in pages.values() for found in re.findall(r'(?:href|src)="(/static/[^"]+)"', text)}
    answers = {address: browser.get(address) for address in assets}
    held = {address: (answer.content, answer.headers["content-type"]) for address, answer in answers.items()}
    return held | {address: (text.encode(), "text/html") for address, text in pages.items()}


@pytest.mark.parametrize(("made", "count"), [(pages_of_letters, 12), (pages_of_a_home, 6)])
def test_the_pages_that_letters_changes_and_homes_lead_to(
    tmp_path: Path, browser: Browser, made: Callable[[Path], dict[str, tuple[bytes, str]]], count: int
) -> None:
    """Mailbox, confirming, stopping letters, what changed in the terms, and what a home asks and lets be done: looked at as well."""
    # playwright's own event loop runs in this thread
    with ThreadPoolExecutor(1) as aside:
        held = aside.submit(made, tmp_path).result()

    def answer(route: Route) -> None:
        body, kind = held.get(route.request.url.removeprefix(ADDRESS), (b"", "text/plain"))
        route.fulfill(body=body, content_type=kind)

    pages = [address for address, (_, kind) in held.items() if kind == "text/html"]
    assert len(pages) == count
    for size, viewport in SIZES.items():
        context = browser.new_context(viewport=viewport, color_scheme="dark" if size == "phone" else "light")  # type: ignore[arg-type]  # numbers, as it asks for
        context.route("**/*", answer)
        for address in pages:
            walk = Walk(context.new_page(), Address(ADDRESS), address[1:3], size)
            walk.go(address[4:])
            assert walk.page.locator("h1").count() == 1, address
            walk.look(address[4:].replace("?changed=", "-") + ("-of-a-home" if made is pages_of_a_home else ""))
        context.close()
