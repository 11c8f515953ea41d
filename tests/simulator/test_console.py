"""What is read from a device's serial console."""

import pytest

from simulator.console import parse


@pytest.mark.parametrize(
    ("line", "what", "facts"),
    [
        ("foyer stop=measured kind=0 sequence=17 up_ms=1234", "stop", {"stop": "measured", "kind": 0, "sequence": 17, "up_ms": 1234}),
        (
            'foyer display "72.4 kg" "arrived" "AL" -1',
            "display",
            {"number": "72.4 kg", "words": "arrived", "initials": "AL", "trend": -1},
        ),
        ('foyer display "" "step on" "" 0', "display", {"number": "", "words": "step on", "initials": "", "trend": 0}),
        ("foyer fault code=12", "fault", {"code": 12}),
        ("foyer ready boot=3 device=scale", "ready", {"boot": 3, "device": "scale"}),
        ("Traceback (most recent call last):", "console", {"line": "Traceback (most recent call last):"}),
        ("foyer", "console", {"line": "foyer"}),
        ("foyer stopped by hand", "console", {"line": "foyer stopped by hand"}),
        ("", "console", {"line": ""}),
        ('foyer display "half', "display", {"number": "", "words": "", "initials": "", "trend": 0}),
    ],
)
def test_lines_become_facts(line: str, what: str, facts: dict[str, object]) -> None:
    """Lines of the firmware's own are understood, everything else is kept as text."""
    assert parse(line) == (what, facts)
