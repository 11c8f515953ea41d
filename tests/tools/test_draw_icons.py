"""The site's icons are those that are drawn, of the sizes that their names say, and a phone may cut a maskable one to any shape."""

import struct
import zlib

import pytest

from tools import draw_icons
from tools.draw_icons import ICONS, Icon


def pixels_of(data: bytes) -> list[list[tuple[int, ...]]]:
    """Return rows of (red, green, blue, opacity), read by the specification's own words."""
    width, height = struct.unpack(">II", data[16:24])
    length = struct.unpack(">I", data[33:37])[0]
    raw = zlib.decompress(data[41 : 41 + length])
    stride = 1 + 4 * width
    assert len(raw) == height * stride
    return [[tuple(raw[row * stride + 1 + 4 * at :][:4]) for at in range(width)] for row in range(height)]


@pytest.mark.parametrize("icon", ICONS, ids=lambda icon: icon.name)
def test_an_icon_is_as_drawn(icon: Icon) -> None:
    """The file in the site's folder is what the tool draws now, and is as large as it says."""
    data = (draw_icons.FOLDER / icon.name).read_bytes()
    assert struct.unpack(">II", data[16:24]) == (icon.pixels, icon.pixels)
    if icon.pixels < 300:
        assert data == draw_icons.draw(icon)


@pytest.mark.long
@pytest.mark.parametrize("icon", ICONS, ids=lambda icon: icon.name)
def test_every_icon_is_as_drawn(icon: Icon) -> None:
    """The large ones too."""
    assert (draw_icons.FOLDER / icon.name).read_bytes() == draw_icons.draw(icon)


def test_a_maskable_icon_keeps_its_house_where_no_phone_cuts() -> None:
    """It covers its whole square, and what is not paper lies in the circle of four fifths (W3C Web Application Manifest)."""
    rows = pixels_of((draw_icons.FOLDER / "icon-maskable-512.png").read_bytes())
    drawn = 0
    for y, row in enumerate(rows):
        for x, (*colour, opacity) in enumerate(row):
            assert opacity == 255
            if tuple(colour) != draw_icons.PAPER:
                drawn += 1
                assert (x - 255.5) ** 2 + (y - 255.5) ** 2 < (0.4 * 512) ** 2
    assert drawn > 10_000
