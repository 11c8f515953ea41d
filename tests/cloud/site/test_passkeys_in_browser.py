"""Passkeys in a real browser with a virtual authenticator: one that opens by its PRF, one that is a second factor (threats T7)."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import chromium
from tests.cloud.site.conftest import PASSWORD
from tests.cloud.site.test_site_in_browser import SIZES, Address, Walk, serious_findings


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(**chromium.started())
        yield made
        made.close()


@pytest.fixture
def address(cloud: Any, start: Callable[..., Any]) -> str:
    """The site under a name, because an address in numbers can have no passkeys."""
    words = cloud.configuration.read_text().replace(f'"{cloud.address}"', f'"http://localhost:{cloud.port}"')
    cloud.configuration.write_text(words)
    start("--configuration", str(cloud.configuration)).wait_for("cloud.ready")
    return f"http://localhost:{cloud.port}"


class Authenticator:
    """A phone or a key, as far as a browser can tell."""

    def __init__(self, page: Page, *, prf: bool) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True, "hasPrf": prf}
        options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def remove(self) -> None:
        self.session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.id})


def register(page: Page, address: str) -> None:
    page.goto(f"{address}/en/register")
    page.fill("input[name=email]", "ada@example.org")
    page.fill("input[name=password]", PASSWORD)
    page.check("input[name=terms]")
    page.check("input[name=cookies]")
    page.click("main button")
    page.wait_for_selector("[data-recovery-code]")
    page.click("main button")
    page.wait_for_url("**/home")


def make_passkey(page: Page, address: str, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{address}/en/account")
    page.fill("[data-passkey] input[name=name]", name)
    page.fill("[data-passkey] input[name=password]", password)
    page.click("[data-passkey] button")


def sign_out(page: Page, address: str) -> None:
    page.goto(f"{address}/en/account")
    page.click("main > .narrow > form button")
    page.wait_for_url("**/en/")


def look(page: Page, name: str, paths: tuple[str, ...]) -> None:
    """Look at pages in both languages and at both widths: no serious finding, nothing too wide, and a photograph."""
    origin = "/".join(page.url.split("/")[:3])
    for language in ("fr", "en"):
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)  # type: ignore[arg-type]  # numbers, as it asks for
            walk = Walk(page, Address(origin), language, size)
            for path in paths:
                walk.go(path)
                walk.look(f"{name}-{path}")


def test_a_passkey_with_prf_opens_and_one_without_follows_the_password(cloud: Any, address: str, browser: Browser) -> None:
    """The first signs in by itself; its answer serves once; the second opens nothing, and without it the password is not enough."""
    page = browser.new_context(locale="en-GB").new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    register(page, address)
    phone = Authenticator(page, prf=True)
    make_passkey(page, address, "Phone", "not the password")
    page.wait_for_selector("[data-passkey] [role=alert]:not([hidden])")
    assert "not right" in page.inner_text("[data-passkey] [role=alert]")
    make_passkey(page, address, "Phone")
    page.wait_for_url("**/account?changed=passkey")
    look(page, "passkeys", ("account",))
    page.goto(f"{address}/en/account")
    assert "opens your readings by itself" in page.inner_text("main")

    sign_out(page, address)
    page.goto(f"{address}/en/sign-in")
    with page.expect_request("**/passkey/sign-in") as caught:
        page.click("[data-passkey] button")
    page.wait_for_url("**/home")
    sent = json.loads(caught.value.post_data or "")
    headers = {"content-type": "application/json", "origin": address, "sec-fetch-site": "same-origin"}
    for changed in ({}, {"prf": None}, {"prf": "AAAA"}, {"credential": {}}, {"credential": {**sent["credential"], "rawId": "AAAA"}}):
        again = page.request.post(f"{address}/en/passkey/sign-in", data=json.dumps({**sent, **changed}), headers=headers)
        assert again.status == 400, changed
    # what lies in the store and the folder of keys does not hold what the passkey gives
    stored = b"".join(path.read_bytes() for path in cloud.folder.glob("accounts.db*"))
    assert sent["prf"].encode() not in stored
    (wrap,) = sqlite3.connect(cloud.folder / "accounts.db").execute("SELECT wrap FROM passkeys").fetchone()
    assert wrap is not None

    phone.remove()
    key = Authenticator(page, prf=False)
    make_passkey(page, address, "Key")
    page.wait_for_url("**/account?changed=passkey")
    assert "is asked besides the password" in page.inner_text("main")
    sign_out(page, address)
    page.goto(f"{address}/en/sign-in")
    page.click("[data-passkey] button")
    page.wait_for_selector("[data-passkey] [role=alert]:not([hidden])")
    assert "cannot open your readings by itself" in page.inner_text("[data-passkey] [role=alert]")
    assert serious_findings(page) == []
    page.fill("input[name=email]", "ada@example.org")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button >> nth=0")
    page.wait_for_url("**/en/passkey")
    look(page, "second-factor", ("passkey",))
    page.goto(f"{address}/en/passkey")
    for closed in ("home", "account", "take", "weight.json"):
        answer = page.request.get(f"{address}/en/{closed}")
        assert answer.status == 401 or answer.url.endswith("/en/passkey"), closed
    page.click("[data-passkey] button")
    page.wait_for_url("**/home")

    page.goto(f"{address}/en/account")
    page.click("li:has-text('Key') button")
    page.wait_for_url("**/account?changed=passkey-gone")
    sign_out(page, address)
    key.remove()
    page.goto(f"{address}/en/sign-in")
    page.fill("input[name=email]", "ada@example.org")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button >> nth=0")
    page.wait_for_url("**/home")
    page.goto(f"{address}/en/log")
    log = page.inner_text("main")
    assert "Somebody signed in with your passkey." in log
    assert log.count("You made a passkey.") == 2
    assert wrong == []
