"""How fast one sender may go: a bucket each, filled at a steady rate, so that one gone wild takes nothing from the others.

The time is handed in. A sender nobody has heard of for as long as its bucket takes to fill needs no memory, so there is a limit to how many
are remembered: beyond it the one silent for longest is forgotten, which gives it a full bucket and nobody else less.
"""

_MOST_SENDERS = 4096
_FULL_AFTER_S = 5.0


class Pace:
    """The buckets of all senders; each may send `per_s` for ever, and five seconds' worth at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = per_s * _FULL_AFTER_S
        self._left: dict[object, tuple[float, float]] = {}

    def may(self, sender: object, now_s: float) -> bool:
        """Return whether a sender's next message may pass, and count it if so; now_s: never decreasing."""
        left, then_s = self._left.pop(sender, (self._most, now_s))
        left = min(self._most, left + (now_s - then_s) * self._per_s)
        passes = left >= 1
        self._left[sender] = (left - passes, now_s)
        if len(self._left) > _MOST_SENDERS:
            del self._left[next(iter(self._left))]
        return passes
