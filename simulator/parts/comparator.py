"""The cuff's independent over-pressure cut-off: a second sensor (MPX5050, 0..375 mmHg) and a comparator that latches.

It takes the current from pump and valve by wires of its own: no firmware, and not the main sensor, which ends at 300 mmHg, has a say.
The latch opens again only when the device loses power. Source: MPX5050 transfer function and 2.5 % of full scale error, from memory.
"""

import random
from collections.abc import Callable

from simulator.parts.pneumatics import Pneumatics

TRIPS_mmHg = 320.0
SENSOR_ERROR_mmHg = 4.0


class Comparator:
    """Watches the pressure at every step of the pneumatics; `on_tripped` hears the pressure at which it acted."""

    def __init__(self, pneumatics: Pneumatics, seed: int, on_tripped: Callable[[float], None] | None = None) -> None:
        self._pneumatics = pneumatics
        self._on_tripped = on_tripped
        self._trips_mmHg = TRIPS_mmHg + random.Random(seed).uniform(-SENSOR_ERROR_mmHg, SENSOR_ERROR_mmHg)
        self.tripped = False
        pneumatics.watchers.append(self._look)

    def lose_power(self, at_s: float) -> None:
        """Open the latch, as losing the supply does."""
        self.tripped = False
        self._pneumatics.cut_off(False, at_s)

    def _look(self, pressure_mmHg: float, at_s: float) -> None:
        if self.tripped or pressure_mmHg < self._trips_mmHg:
            return
        self.tripped = True
        self._pneumatics.cut_off(True, at_s)
        if self._on_tripped:
            self._on_tripped(pressure_mmHg)
