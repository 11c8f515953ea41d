"""A physical quantity as a function of time: what a part's world face follows.

A constant is a signal too. Parts call a signal with times that never go back.
"""

from collections.abc import Callable

Signal = Callable[[float], float]


def constant(value: float) -> Signal:
    """Return the signal that is always `value`."""

    def same(_at_s: float) -> float:
        return value

    return same
