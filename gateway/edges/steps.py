"""Whether somebody set the gateway's clock: wall time held against a clock that only counts, suspension included.

A machine without a battery for its clock starts in the past and is set right minutes later; another is set wrong and right again. What was
received in between stands on one line of time all the same, so it is moved along with the clock: see `times.clock_stepped`.
"""

import time
from collections.abc import Callable

from gateway.edges.log import utc_ms

_STEP_MS = 2000  # more than a clock is slewed between two looks


def counted_ms() -> int:
    """Return milliseconds that nobody can set and that go on while the machine is suspended."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class Steps:
    """Looked at whenever the time is about to be believed."""

    def __init__(self, wall_ms: Callable[[], int] = utc_ms, count_ms: Callable[[], int] = counted_ms) -> None:
        self._wall_ms = wall_ms
        self._count_ms = count_ms
        self._apart_ms = wall_ms() - count_ms()

    def look(self) -> tuple[int, int]:
        """Return the time now in milliseconds of UTC, and by how much the clock was set since the last look, 0 if it was not."""
        now_ms = self._wall_ms()
        apart_ms = now_ms - self._count_ms()
        step_ms = apart_ms - self._apart_ms
        self._apart_ms = apart_ms
        return now_ms, step_ms if abs(step_ms) > _STEP_MS else 0
