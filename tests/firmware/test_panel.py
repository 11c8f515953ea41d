"""The display's pictures: kept in tests/output/display to be looked at, shown by the SSD1306 as they were drawn."""

import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.drivers.ssd1306 import SSD1306
from simulator.chips import ssd1306
from tests.on_micropython import there
from tests.simulator.chips.test_sweep import Wired

OUTPUT = Path(__file__).parents[1] / "output/display"
SCREENS = {
    "weight-kg-en": ("72.4 kg", "arrived", "en", "AL", 1),
    "weight-kg-fr": ("104,9 kg", "arrived", "fr", "TM", -1),
    "weight-lb-en": ("159.8 lb", "on_its_way", "en", "", 0),
    "weight-st-en": ("11 st 5.8 lb", "no_bare_feet", "en", "JB", 0),
    "weight-two-alike-en": ("61.3 kg", "arrived", "en", "AB2", -1),
    "batteries-en": ("61.3 kg", "batteries_empty", "en", "", 0),
    "batteries-fr": ("! 9", "batteries_empty", "fr", "", 0),
    "full-fr": ("61,3 kg", "full", "fr", "", 0),
    "step-on-en": ("", "step_on", "en", "", 0),
    "stand-still-fr": ("", "stand_still", "fr", "", 0),
    "fault-fr": ("! 40", "too_heavy", "fr", "", 0),
    "pressure-en": ("121/79", "arrived", "en", "", 0),
}


def drawn(body: str, *arguments: object) -> bytes:
    """Run a function of panel_bodies.py, which only MicroPython can import."""
    picture = there(SimpleNamespace(__module__="tests.firmware.panel_bodies", __name__=body), *arguments)  # type: ignore[arg-type]
    assert isinstance(picture, bytes)
    return picture


def shown(picture: bytes) -> list[list[bool]]:
    """Return what somebody in front of the display sees of 1024 bytes."""
    wired = Wired()
    chip = ssd1306.SSD1306()
    wired.bus.wires.attach(ssd1306.ADDRESS, chip)
    SSD1306(wired.bus).show(bytearray(picture))
    return chip.points()


def write_png(path: Path, points: list[list[bool]], scale: int = 6) -> None:
    """Write rows of points as a grey picture, each point `scale` wide."""
    rows = b"".join(
        b"\0" + bytes(level for point in row for level in [235 if point else 16] * scale) for row in points for _ in range(scale)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", len(points[0]) * scale, len(points) * scale, 8, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_drawn_within_the_display_and_kept_as_a_picture(name: str) -> None:
    """The number fills the height it may, words and number do not touch, nothing is cut at the edges."""
    number, words, language, initials, trend = SCREENS[name]
    points = shown(drawn("picture", number, words, language, initials, trend))
    write_png(OUTPUT / f"{name}.png", points)
    assert any(any(row) for row in points)
    if number:
        assert not any(points[55])
        assert any(any(row) for row in points[20:40])
        assert not any(row[0] and row[1] and row[2] for row in points[56:])


def test_what_is_drawn_is_what_is_seen() -> None:
    """Bit by bit: lowest bit of the first byte is the point at the top left."""
    picture = bytearray(1024)
    picture[0], picture[127], picture[1023] = 1, 1, 128
    points = shown(bytes(picture))
    lit = {(row, column) for row in range(64) for column in range(128) if points[row][column]}
    assert lit == {(0, 0), (0, 127), (63, 127)}


def test_every_letter_that_a_word_needs_has_a_form_of_its_own() -> None:
    """Printable ASCII and the accents of French: no two alike, none empty but the space."""
    letters = [chr(code) for code in range(33, 127)] + list("éèêàùôçî")
    forms = [drawn("letters", letter) for letter in ("a", "é", "e", "ç", "c")]
    assert len(set(forms)) == 5
    for start in range(0, len(letters), 21):
        write_png(OUTPUT / f"letters-{start:03d}.png", shown(drawn("letters", "".join(letters[start : start + 21]))))


def test_a_display_that_goes_dark_shows_nothing_and_comes_back() -> None:
    """Off, its charge pump too; the next picture lights it again."""
    wired = Wired()
    chip = ssd1306.SSD1306()
    wired.bus.wires.attach(ssd1306.ADDRESS, chip)
    driver = SSD1306(wired.bus)
    assert not chip.lit
    driver.show(bytearray(b"\xff" * 1024))
    assert chip.lit
    driver.off()
    assert not chip.lit
    chip.unplug()
    chip.plug()
    driver.show(bytearray(b"\xff" * 1024))
    assert all(map(all, chip.points()))
