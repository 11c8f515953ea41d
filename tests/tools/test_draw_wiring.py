"""The wiring pictures are what the board files say."""

from xml.etree import ElementTree

import pytest

from tools import draw_wiring


@pytest.mark.parametrize("device", draw_wiring.DEVICES)
def test_the_picture_in_the_tree_is_the_one_that_is_drawn(device: str) -> None:
    """Run `python -m tools.draw_wiring` after changing a board."""
    path = draw_wiring.DRAWINGS / f"{device}_wiring.svg"
    assert path.read_text(encoding="utf-8") == draw_wiring.draw(device)


@pytest.mark.parametrize("device", draw_wiring.DEVICES)
def test_every_pin_of_the_board_is_in_the_picture(device: str) -> None:
    """Once each, and it is a picture that parses."""
    text = draw_wiring.draw(device)
    ElementTree.fromstring(text)  # noqa: S314  our own picture
    for number in draw_wiring.pins(device).values():
        assert text.count(f">GPIO {number}<") == 1
