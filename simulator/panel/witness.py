"""What the panel remembers of what happened in the house: who stands where, since when something is cut, what was said last.

The house tells how things are; this tells how they came to be so. It reads the house's events once each, in order.
"""

import time
from collections.abc import Callable, Sequence

from simulator.events import Event

# events worth a sentence for somebody who listens to the page
NOTABLE = {
    "stepped_on", "stood", "stepped_off", "wrapped", "measured_pressure", "not_measured", "overpressure_cut_off", "power", "wifi",
    "window", "heater", "room", "noise", "pressed",
}  # fmt: skip


class Witness:
    """Follows the events of one house."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self.using: dict[str, str] = {}  # device -> who uses it
        self.heater: dict[str, float] = {}  # device -> share of its power
        self.ready: set[str] = set()  # devices whose firmware runs
        self.last: Event | None = None
        self._since_s: dict[tuple[str, str], tuple[object, float]] = {}
        self._read = 0
        self._now_s = now_s

    def follow(self, events: Sequence[Event]) -> None:
        """Take the events that are new."""
        for event in events[self._read :]:
            self._take(event)
        self._read = len(events)

    def since_s(self, name: str, what: str, state: object) -> float:
        """Return since when `what` of `name` is in this state, as far as anybody looked."""
        known = self._since_s.get((name, what))
        if known is None or known[0] != state:
            known = (state, self._now_s())
            self._since_s[name, what] = known
        return known[1]

    def _take(self, event: Event) -> None:
        device, what, facts = event.device, event.what, event.facts
        if what in ("stepped_on", "wrapped"):
            self.using[device] = str(facts.get("person", ""))
        elif what in ("stepped_off", "unwrapped"):
            self.using.pop(device, None)
        elif what in ("power", "wifi"):
            self._since_s[device, what] = (facts.get("on"), event.at_s)
        elif what == "heater":
            share = facts.get("share")
            self.heater[device] = float(share) if isinstance(share, int | float) else 0.0
        if what == "ready":
            self.ready.add(device)
        elif what in ("power", "reset", "halted"):
            self.ready.discard(device)
        if what in NOTABLE:
            self.last = event
