"""A blank board becomes a device from the site's page alone: ESP Web Tools in Chromium, its writing, its window, and Wi-Fi at the end.

The page is the site's own, under its strict policy; the files are what `foyer device build --publish` laid on the shelf; the board is the
bench's, behind a Web Serial of ours (web_serial.js), for no browser without a person chooses a port.
"""

import base64
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from simulator.usb.board import BenchDevice
from simulator.usb.bootrom import ESP32_C3
from tests import chromium
from tests.cloud.site.conftest import ADDRESS, Premises
from tests.cloud.site.test_live_in_browser import Eyes, keep
from tests.tools.bench_room import FILES_AT, BenchRoom

pytestmark = pytest.mark.timeout(900)
WEB_SERIAL = Path(__file__).with_name("web_serial.js")
PATIENCE_ms = 300_000
EXPECTED = (
    "Improv Wi-Fi Serial not detected",  # by a blank board
    "Error fetching current state: TIMEOUT",  # the same, half a minute later
    "Applying inline style violates",  # of the window's own elements: the policy stays, and nothing of them is missed
)


class Cable:
    """The three functions by which a page holds a board."""

    def __init__(self, room: BenchRoom, device: BenchDevice) -> None:
        self._room = room
        self._device = device
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._hear = device.speak_through(self._said.put)

    def plug_into(self, page: Page) -> None:
        page.expose_function("benchHears", self.hears)
        page.expose_function("benchSays", self.says)
        page.expose_function("benchResets", self.resets)
        page.add_init_script(path=WEB_SERIAL)

    def hears(self, text: str) -> None:
        self._room.loop.call_soon_threadsafe(self._hear, base64.b64decode(text))

    def says(self) -> str:
        said = bytearray()
        while not self._said.empty():
            said += self._said.get()
        return base64.b64encode(said).decode()

    def resets(self, boot_held: bool) -> None:
        self._room.begin(self._device.to_download_mode() if boot_held else self._device.press_reset())


@pytest.fixture
def shelf(room: BenchRoom) -> Path:
    """A shelf with a scale, as a technician lays it."""
    folder = room.folder / "shelf"
    done = room.foyer(
        *("build", "scale", "--image", room.folder / "scale.img", "--release", room.folder / "scale.foyer"),
        *("--key", room.folder / "keys/release.pem", "--publish", folder, *room.image_arguments(room.micropython_image)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def eyes(tmp_path: Path, shelf: Path) -> Iterator[Eyes]:
    """A browser that knows the site alone."""
    (tmp_path / "site").mkdir()
    premises = Premises(tmp_path / "site")
    premises.premises.settings = replace(premises.premises.settings, releases=shelf)
    visitor = premises.browser()
    with ThreadPoolExecutor(1) as site, sync_playwright() as playwright:

        def answer(route: Route) -> None:
            assert route.request.url.startswith(ADDRESS), route.request.url
            got = site.submit(visitor.get, route.request.url.removeprefix(ADDRESS)).result()
            headers = {name: value for name, value in got.headers.items() if name not in ("content-encoding", "content-length")}
            route.fulfill(status=got.status_code, headers=headers, body=got.content)

        made = playwright.chromium.launch(**chromium.started())
        context = made.new_context()
        context.set_default_timeout(PATIENCE_ms)
        context.route("**/*", answer)
        yield Eyes(context)
        made.close()
    premises.close()


def installing(eyes: Eyes, room: BenchRoom, device: BenchDevice) -> Page:
    """Open the technicians' page, choose the scale and the board, and agree to everything."""
    page = eyes.page()
    Cable(room, device).plug_into(page)
    page.goto(f"{ADDRESS}/en/technicians")
    page.click("esp-web-install-button button")
    page.click("text=Install Foyer scale")
    page.click("ew-checkbox")
    page.click("ew-text-button:has-text('Next')")
    page.click("ew-text-button:has-text('Install')")
    return page


def message(page: Page) -> str:
    """Return what the window says."""
    return str(page.locator("ewt-page-message").evaluate("message => message.label"))


def test_a_blank_board_is_installed_and_given_its_wifi_from_the_page(room: BenchRoom, eyes: Eyes, shelf: Path) -> None:
    """Erased, written, compared, started, and on the network; what is on its flash is what lay on the shelf, and it waits for its keys."""
    device = room.board()
    device.image.write_bytes(bytes(device.flash_bytes))  # whatever was there, nothing of it is left
    page = installing(eyes, room, device)
    page.wait_for_selector("ew-text-button:has-text('Next')")
    assert message(page) == "Installation complete!"
    keep(page, "technicians-installed")
    page.click("ew-text-button:has-text('Next')")
    page.wait_for_selector("ew-filled-select")
    keep(page, "technicians-wifi")
    page.click("ew-filled-select")
    page.click("ew-select-option:has-text('home')")
    page.fill("ew-filled-text-field[name=password] input", "a secret")
    page.click("ew-text-button:has-text('Connect')")
    page.wait_for_selector("ew-text-button:has-text('Continue')")
    assert message(page) == "Device connected to the network!"
    keep(page, "technicians-connected")
    assert [words for words in eyes.wrong if not any(known in words for known in EXPECTED)] == []
    room.do(device.cut_power())
    (files,) = shelf.glob("*-files.bin")
    written = device.image.read_bytes()
    micropython = room.micropython_image.read_bytes()
    assert written[: len(micropython)] == micropython
    assert set(written[len(micropython) : FILES_AT]) == {0xFF}
    found: dict[str, Any] = room.files_of(device)
    assert {"a/release.cbor", "settings.cbor"} <= set(found)
    assert "identity.cbor" not in found
    assert files.stat().st_size < len(written) - FILES_AT


def test_a_board_of_another_chip_is_left_alone(room: BenchRoom, eyes: Eyes) -> None:
    """The window says which board it is and that it cannot be; nothing was written."""
    device = room.board()
    device.chip = ESP32_C3
    blank = device.image.read_bytes()
    page = installing(eyes, room, device)
    page.wait_for_selector("ew-text-button:has-text('Back')")
    assert message(page) == "Your ESP32-C3 board is not supported."
    assert device.image.read_bytes() == blank
