"""Time, handed to every part of the house.

Parts ask for the time and bring themselves up to it when they are touched, so nothing ticks while nobody looks. A demonstration
hands them real time, a test a virtual clock that it turns. A physical quantity is a function of that time (`Signal`): what a part's
world face follows. A constant is one too, and parts call it with times that never go back.
"""

import time
from collections.abc import Callable
from typing import Protocol

Signal = Callable[[float], float]


def constant(value: float) -> Signal:
    """Return the signal that is always `value`."""

    def same(_at_s: float) -> float:
        return value

    return same


class Clock(Protocol):
    """Says what time it is; never goes back."""

    def now_s(self) -> float:
        """Return seconds since an arbitrary start."""


class RealClock:
    """The machine's own time."""

    def now_s(self) -> float:
        """Return seconds since the machine started."""
        return time.monotonic()


class VirtualClock:
    """A time that passes only when it is told to."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        """Return seconds since the start."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now_s += seconds
