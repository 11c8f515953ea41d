"""The way of each reading through the home, as its stops report it: who had it, and when.

Devices report on their serial console, the gateway in its log; the two are joined by key id and sequence number, which tell nothing of
a reading's value. This is for showing and for the report; whether a reading arrived is judged elsewhere, from outside.
"""

from collections.abc import Mapping
from typing import NamedTuple

# In the order of the way.
ON_DEVICE = ("measured", "signed", "kept", "sent", "receipted")
AT_HOME = {
    "reading.committed": "committed",
    "reading.assigned": "assigned",
    "reading.sealed": "sealed",
    "reading.published": "published",
    "reading.in_cloud": "in_cloud",
}
STOPS = ("measured", "signed", "kept", "sent", "committed", "receipted", "assigned", "sealed", "published", "in_cloud", "shown")


class Key(NamedTuple):
    """What names a reading on its way: the device, and the sequence number inside the signature."""

    device: str
    sequence: int


class Way:
    """One reading: its kind, the first time it passed each stop, the name the home gave it, and how often it was sent."""

    def __init__(self, key: Key, kind: int) -> None:
        self.key = key
        self.kind = kind
        self.stops: dict[str, float] = {}
        self.times_sent = 0

    def pass_stop(self, stop: str, at_s: float) -> None:
        self.stops.setdefault(stop, at_s)
        self.times_sent += stop == "sent"

    @property
    def last(self) -> str:
        """Return the furthest stop passed."""
        return max(self.stops, key=STOPS.index)


class Ways:
    """Every reading of a household, by what its devices and its gateway report."""

    def __init__(self) -> None:
        self.ways: dict[Key, Way] = {}
        self._device_of_kid: dict[str, str] = {}
        self._key_of_row_id: dict[str, Key] = {}

    def know(self, kid: str, device: str) -> None:
        """Remember whose key id this is."""
        self._device_of_kid[kid] = device

    def device_says(self, device: str, facts: Mapping[str, object], at_s: float) -> Way | None:
        """Take a stop from a device's console; return the way it belongs to."""
        stop, sequence, kind = facts.get("stop"), facts.get("sequence"), facts.get("kind")
        if stop not in ON_DEVICE or not isinstance(sequence, int) or not isinstance(kind, int):
            return None
        return self._pass(Key(device, sequence), kind, str(stop), at_s)

    def gateway_says(self, facts: Mapping[str, object]) -> Way | None:
        """Take an event from the gateway's log; return the way it belongs to."""
        stop = AT_HOME.get(str(facts.get("event")))
        if stop is None:
            return None
        at_s = facts.get("t")
        device = self._device_of_kid.get(str(facts.get("kid")))
        sequence = facts.get("sequence")
        row_id = str(facts.get("row_id"))
        key = Key(device, sequence) if device is not None and isinstance(sequence, int) else self._key_of_row_id.get(row_id)
        if key is not None and "row_id" in facts:
            self._key_of_row_id[row_id] = key
        if key is None or not isinstance(at_s, int | float):
            return None
        committed = facts.get("committed_ms")
        if stop == "in_cloud" and isinstance(committed, int):
            at_s = committed / 1000
        kind = facts.get("kind")
        return self._pass(key, kind if isinstance(kind, int) else -1, stop, float(at_s))

    def _pass(self, key: Key, kind: int, stop: str, at_s: float) -> Way:
        way = self.ways.setdefault(key, Way(key, kind))
        if way.kind < 0 <= kind:
            way.kind = kind
        way.pass_stop(stop, at_s)
        return way
