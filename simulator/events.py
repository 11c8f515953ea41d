"""What happens in the house, for whoever watches: the panel, the demonstration's report, the tests.

`at_s` is time.time(), so that events of several processes can be put in order. What devices print arrives as "ready", "stop",
"display", "fault" and "console"; what physically happened (the truth to compare with) as "stood", "measured_pressure" and "climate";
what was done to a device as "power", "wifi" and "reset".
"""

import time
from collections.abc import Callable
from typing import NamedTuple


class Event(NamedTuple):
    """One thing that happened: when, to which device, what, and its facts."""

    at_s: float
    device: str
    what: str
    facts: dict[str, object]


Log = Callable[[Event], None]


def happened(device: str, what: str, /, **facts: object) -> Event:
    """Return an event that happens now."""
    return Event(time.time(), device, what, facts)
