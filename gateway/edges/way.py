"""When a reading passed each stop of its way, and how often something was refused: facts for the page, kept out of the way of readings.

Stops are written a moment later, many at once; a crash may lose the last of them, never a reading. Counts begin anew at each start.
"""

import asyncio
from collections import Counter, deque

from gateway.edges import questions
from gateway.edges.buffer import Buffer
from gateway.errors import NoRoom

COMMITTED = "committed"
RECEIPTED = "receipted"
ASSIGNED = "assigned"
SEALED = "sealed"
PUBLISHED = "published"
IN_CLOUD = "in_cloud"
DROPPED = "dropped"

_PAUSE_S = 0.2


class Way:
    """The stops of readings, and the counts."""

    def __init__(self, buffer: Buffer) -> None:
        self.counts: Counter[str] = Counter()
        self._buffer = buffer
        self._passed: list[tuple[int, str, int]] = []
        self._any = asyncio.Event()
        self._delivered: deque[tuple[int, int]] = deque(maxlen=10_000)

    def count(self, what: str) -> None:
        """Count one more of something."""
        self.counts[what] += 1

    def refuse(self, reason: str) -> None:
        """Count a refusal by its reason."""
        self.counts[f"refused.{reason}"] += 1

    def passed(self, reading: int, stop: str, at_ms: int) -> None:
        """Note that a reading passed a stop."""
        self._passed.append((reading, stop, at_ms))
        if stop == DROPPED:
            self._delivered.append((reading, at_ms))
        self._any.set()

    def take_delivered(self) -> list[tuple[int, int]]:
        """Return the readings whose receipt came from the account store since the last time, and when; the newest ten thousand."""
        taken = list(self._delivered)
        self._delivered.clear()
        return taken

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            await self._any.wait()
            await asyncio.sleep(_PAUSE_S)
            await self.write()

    async def write(self) -> None:
        """Write what was noted so far."""
        self._any.clear()
        passed = self._passed[:]
        if passed:
            try:
                await self._buffer.write(lambda connection: questions.pass_stops(connection, passed))
            except NoRoom:
                self.count("stops_lost")  # they are for the page only; the readings themselves are safe
            del self._passed[: len(passed)]

    def stops_of(self, first: int, last: int) -> dict[int, dict[str, int]]:
        """Return the stops of the readings numbered first to last, those not yet written among them."""
        stops = self._buffer.read(lambda connection: questions.stops_of(connection, first, last))
        for reading, stop, at_ms in self._passed:
            if first <= reading <= last:
                stops.setdefault(reading, {}).setdefault(stop, at_ms)
        return stops
