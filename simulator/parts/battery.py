"""Four alkaline AA cells in series and the divider from which a pin of the board sees a third of their voltage.

A cell's voltage at rest falls with what was taken from it, and its inner resistance grows. Source: the same second-hand table as the
firmware's, typed again; resistances 0.15 ohm fresh and 0.9 ohm empty, and a load of 50 mA while the processor is awake: from memory.
"""

import numpy as np

from simulator.errors import OutOfRange

CELLS = 4
DIVIDER = 3.0
LOAD_A = 0.05
FRESH_ohm, EMPTY_ohm = 0.15, 0.9
_LEFT = (0.0, 0.10, 0.20, 0.50, 0.85, 0.95, 1.0)
_SMALL_LOAD_V = (0.90, 1.00, 1.10, 1.20, 1.30, 1.40, 1.60)


class Cells:
    """Four alike; fresh at first."""

    def __init__(self) -> None:
        self._left = 1.0

    def put_in(self, left: float) -> None:
        """Put in cells with this share of their charge, 0..1. Raises OutOfRange."""
        if not 0.0 <= left <= 1.0:
            raise OutOfRange("cells", "left", left, 0.0, 1.0)
        self._left = left

    @property
    def left(self) -> float:
        """The share of their charge that is left."""
        return self._left

    def terminal_V(self) -> float:
        """Return the voltage of all four under the awake processor's load."""
        at_rest_V = float(np.interp(self._left, _LEFT, _SMALL_LOAD_V))
        return CELLS * (at_rest_V - LOAD_A * (EMPTY_ohm + (FRESH_ohm - EMPTY_ohm) * self._left))

    def pin_V(self, _at_s: float) -> float:
        """Return what the pin sees."""
        return self.terminal_V() / DIVIDER
