"""When an alarm of a room is told beyond the page: as it begins, again every minute while nobody answers it, and once when it is over.

Pure: `alarms.py` says which alarms there are; this remembers what was told of them. What is acknowledged or snoozed is silent.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.alarms import RINGING, Alarm

BEGUN, AGAIN, OVER = "begun", "again", "over"
REPEATED_AFTER_S = 60.0


class Ring(NamedTuple):
    """One thing to tell: which alarm of a device, and whether it began, goes on unanswered, or is over."""

    kid: bytes
    kind: str
    event: str


class Ringing:
    """Ask it often."""

    def __init__(self) -> None:
        self._told_s: dict[tuple[bytes, str], float] = {}

    def look(self, kid: bytes, alarms: Sequence[Alarm], now_s: float) -> list[Ring]:
        """Return what is to be told now of a device's alarms, the most urgent first; now_s never falls."""
        rings = []
        for alarm in alarms:
            told_s = self._told_s.get((kid, alarm.kind))
            if alarm.state == RINGING and (told_s is None or now_s - told_s >= REPEATED_AFTER_S):
                rings.append(Ring(kid, alarm.kind, BEGUN if told_s is None else AGAIN))
                self._told_s[kid, alarm.kind] = now_s
        there = {alarm.kind for alarm in alarms}
        for told_kid, kind in list(self._told_s):
            if told_kid == kid and kind not in there:
                del self._told_s[kid, kind]
                rings.append(Ring(kid, kind, OVER))
        return rings

    def forget(self, kids: Sequence[bytes]) -> None:
        """Forget every device but these."""
        self._told_s = {key: told_s for key, told_s in self._told_s.items() if key[0] in kids}
