"""The drawings are what the tables say; nobody draws by hand."""

import xml.etree.ElementTree as ET

from tools import draw_states


def test_the_drawings_are_those_of_the_tables() -> None:
    """Run `python -m tools.draw_states` after changing a table."""
    for name, picture in draw_states.drawings().items():
        assert (draw_states.DRAWINGS / name).read_text(encoding="utf-8") == picture, name
        ET.fromstring(picture)  # noqa: S314  made here


def test_every_state_and_event_of_a_table_is_in_its_drawing() -> None:
    """A row that is not drawn would be a lie by omission."""
    rows = draw_states.table("A = 'a'\nGO = 'go_on'\nB = 'b'\nTRANSITIONS = {A: {GO: B}, B: {GO: A, 'stay': B}}\n")
    picture = draw_states.draw("t", rows)
    assert picture.count("go on") == 2
    assert "↺ stay" in picture
