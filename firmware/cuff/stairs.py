"""A recording whose pressure falls in steps, as many monitors let it: the steps taken out, so that only the pulse is left to move.

The needle of our own cuff never makes steps, so no device carries this file. A fall faster than any pulse's own is a step's; where most
of the whole fall is of that kind, the recording is a staircase. Beats during a step are not whole and do not count.
"""

from array import array

from micropython import const

_REACH = const(2)  # samples, 0.1 s, to each side
_FAST = const(240)  # hundredths of a mmHg in 0.2 s: a pulse of 3 mmHg falls by 140
_MOST_FALL = 0.5  # of the whole fall in steps: a staircase


class Stairs:
    """`level`: the series without its steps, or None when it has none; `whole` says whether a stretch of samples holds no step."""

    def __init__(self, samples, first: int, end: int):
        self.level = None
        fall = samples[first] - samples[end - 1] if end > first else 0
        if fall <= 0:
            return
        steep = bytearray(end)
        for at in range(first + _REACH, end - _REACH):
            if samples[at - _REACH] - samples[at + _REACH] > _FAST:
                for near in range(at - _REACH, at + _REACH + 1):
                    steep[near] = 1
        fallen = 0
        level = array("h", samples[:end])
        for at in range(first + 1, end):
            if steep[at]:
                fallen += samples[at - 1] - samples[at]
            level[at] = min(32767, samples[at] + fallen)
        if fallen > _MOST_FALL * fall:
            self.level = level
            self._steep = steep

    def whole(self, start: int, end: int) -> bool:
        """Say whether the samples from start to end hold no step."""
        return self.level is None or not any(self._steep[start:end])
