"""How full the cells are: four alkaline AA in series, seen by the processor's own converter through a divider of 2 and 1 Mohm.

What a device measures at its start, before its radio draws anything, is what it tells the home. What it measures before it writes to
flash only decides whether it still may: a supply that sags in the middle of an erase is the one thing a file system cannot foresee.

Source of the curve: alkaline cells at small loads now and then, as their makers draw it, second-hand
(candlepowerforums.com/threads/alkaline-percentage-table.263582). Cells differ, and a load pulls them down: it is worth
some fifteen points.
"""

from micropython import const

from firmware.errors import BatteryEmpty

_DIVIDER = const(3)
_CELLS = const(4)
_LOOKS = const(8)
# Below this the regulator (3.3 V and 0.2 V for itself) has 0.3 V left for the radio's bursts.
EMPTY_mV = const(950)
_CURVE = ((1600, 100), (1400, 95), (1300, 85), (1200, 50), (1100, 20), (1000, 10), (900, 0))  # mV of a cell, percent


def percent(cell_mV: int) -> int:
    """Return how much is left in a cell of this voltage, 0..100."""
    above_mV, above = _CURVE[0]
    if cell_mV >= above_mV:
        return above
    for mV, left in _CURVE[1:]:
        if cell_mV >= mV:
            return left + (cell_mV - mV) * (above - left) // (above_mV - mV)
        above_mV, above = mV, left
    return 0


class Battery:
    """adc: with `machine.ADC`'s read_uv(). `percent`: what was left when the device started."""

    def __init__(self, adc):
        self._adc = adc
        self.percent = percent(self._cell_mV())

    def check(self) -> None:
        """Return if flash may be written. Raises BatteryEmpty."""
        cell_mV = self._cell_mV()
        if cell_mV < EMPTY_mV:
            raise BatteryEmpty(cell_mV=cell_mV)

    def _cell_mV(self):
        total_uV = 0
        for _ in range(_LOOKS):
            total_uV += self._adc.read_uv()
        return total_uV * _DIVIDER // (_LOOKS * _CELLS * 1000)
