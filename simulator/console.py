"""What a device prints on its serial console, as facts.

`foyer stop=measured kind=0 sequence=17 up_ms=123456`, `foyer display "72.4 kg" "arrived" "AL" 1` (whose, and 1 rising, -1 falling),
`foyer fault code=12`, `foyer ready device=scale boot=3`; every other line is text for a technician.
"""

import re
from typing import NamedTuple

_FACT = re.compile(r"([a-z_]+)=(\S+)")
_SHOWN = re.compile(r'foyer display "([^"]*)" "([^"]*)" "([^"]*)" (-?[01])')


class Line(NamedTuple):
    """One line: what it is ("stop", "display", "fault", "ready", "asleep", "console") and its facts."""

    what: str
    facts: dict[str, object]


def parse(line: str) -> Line:
    """Return what a line says; numbers become int."""
    words = line.split()
    if len(words) < 2 or words[0] != "foyer":
        return Line("console", {"line": line})
    if words[1] == "display":
        shown = _SHOWN.fullmatch(line)
        number, letters, initials, trend = shown.groups() if shown else ("", "", "", "0")
        return Line("display", {"number": number, "words": letters, "initials": initials, "trend": int(trend)})
    facts: dict[str, object] = {name: int(value) if re.fullmatch(r"-?\d+", value) else value for name, value in _FACT.findall(line)}
    what = words[1].partition("=")[0]
    if what in ("stop", "fault", "ready", "asleep"):
        return Line(what, facts)
    return Line("console", {"line": line})
