"""What time it is: since the start always, in the world once the home has said so.

A device has no clock of its own. Each receipt carries the home's time; until the first, readings leave the time out and carry
[boot, up_ms] only, and the home works out the rest.
"""


class Clock:
    """ticks_ms and ticks_diff: of MicroPython's `time`, which wrap around; asked at least once in six days, this does not."""

    def __init__(self, ticks_ms, ticks_diff):
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._up_ms = 0
        self._utc_at_start_ms = None

    def up_ms(self) -> int:
        """Return the time since the start, in ms; it never falls."""
        now = self._ticks_ms()
        self._up_ms += max(0, self._ticks_diff(now, self._last))
        self._last = now
        return self._up_ms

    def learn(self, utc_ms: int) -> None:
        """Take the home's time, in ms since 1970."""
        self._utc_at_start_ms = utc_ms - self.up_ms()

    def utc_s(self) -> int | None:
        """Return the time in the world in s since 1970, or None while nobody has said it."""
        if self._utc_at_start_ms is None:
            return None
        return (self._utc_at_start_ms + self.up_ms()) // 1000
