"""The technicians' page, read by anybody, and by a browser that can speak to a cable."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, sync_playwright

from tests import chromium
from tests.cloud.site.test_live_in_browser import Eyes, keep
from tools import build, flash, release

ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A shelf with a scale's release, as `foyer device build --publish` lays it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    key = release.signing_key(tmp_path / "keys/release.pem")
    made = release.of_sources("scale")
    (folder / f"scale-{made.version}-files.bin").write_bytes(flash.without_erased_end(build.image_bytes(flash.contents(made), 1 << 20)))
    (folder / f"scale-{made.version}.foyer").write_bytes(release.pack("scale", made.files, key))
    (folder / "release.pub").write_bytes((tmp_path / "keys/release.pub").read_bytes())
    (folder / "micropython.bin").write_bytes(b"\xe9" + bytes(31))
    return folder


@pytest.fixture
def stocked(site: Any, shelf: Path) -> Any:
    site.premises.settings = replace(site.premises.settings, releases=shelf)
    return site


def test_anybody_downloads_a_release_whose_checksum_the_page_shows(stocked: Any, shelf: Path) -> None:
    """No account is asked for; what is downloaded is the file on the shelf."""
    browser = stocked.browser()
    for language in ("en", "fr"):
        page = browser.get(f"/{language}/technicians").text
        (path,) = shelf.glob("*.foyer")
        assert release.sha256(path.read_bytes()) in page
        assert f'href="/releases/{path.name}"' in page
    assert release.sha256(browser.get(f"/releases/{path.name}").content) in page
    assert browser.get("/releases/scale.json").json()["builds"][0]["chipFamily"] == "ESP32-S3"


def test_an_empty_shelf_says_so(site: Any) -> None:
    """Nothing to install, nothing to download, and no way out of the folder."""
    browser = site.browser()
    assert "put no releases here" in browser.get("/en/technicians").text
    for path in ("/releases/scale.json", "/releases/nothing.foyer", "/releases/..%2faccounts.db", "/releases/release.pub"):
        assert browser.get(path).status_code == 404


def test_a_board_is_installed_from_the_browser_under_the_strict_policy(stocked: Any) -> None:
    """The button comes alive and its window opens on a port, with nothing refused and nothing fetched from elsewhere."""
    browser = stocked.browser()
    with ThreadPoolExecutor(1) as site, sync_playwright() as playwright:

        def answer(route: Route) -> None:
            assert route.request.url.startswith(ADDRESS), route.request.url
            got = site.submit(browser.get, route.request.url.removeprefix(ADDRESS)).result()
            headers = {name: value for name, value in got.headers.items() if name not in ("content-encoding", "content-length")}
            route.fulfill(status=got.status_code, headers=headers, body=got.content)

        made = playwright.chromium.launch(**chromium.started())
        context = made.new_context()
        context.route("**/*", answer)
        eyes = Eyes(context)
        page = eyes.page()
        for language in ("en", "fr"):
            page.goto(f"{ADDRESS}/{language}/technicians")
            page.wait_for_selector("esp-web-install-button[install-supported]", state="attached")
            keep(page, f"technicians-{language}")
        # a port on which nothing answers, in place of the browser's own choice of one
        page.evaluate(
            """() => { navigator.serial.requestPort = async () => ({
                readable: new ReadableStream(), writable: new WritableStream(), open: async () => {}, close: async () => {},
                getInfo: () => ({}), setSignals: async () => {}, addEventListener: () => {}, forget: async () => {} }); }"""
        )
        page.click("esp-web-install-button button")
        page.wait_for_selector("ewt-install-dialog", state="attached")
        page.wait_for_timeout(1500)
        keep(page, "technicians-installing")
        # nobody answers on that port, which the window says too
        assert [words for words in eyes.wrong if "Improv Wi-Fi Serial not detected" not in words] == []
        made.close()
