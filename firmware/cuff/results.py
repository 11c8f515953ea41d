"""What becomes of one estimate, or of two: the fields of the reading, and the number on the display."""

from collections import namedtuple

from micropython import const

from firmware.cuff import arming
from protocol import readings

# irregular: the beats came unevenly; quality: 0..100
Estimate = namedtuple("Estimate", ("systolic_mmHg", "diastolic_mmHg", "map_mmHg", "pulse_per_min", "irregular", "quality"))

# FLAGS of a cuff's reading
IRREGULAR = const(1)  # the beats came unevenly: a hint, never a diagnosis
MEAN_OF_TWO = const(2)
DOUBTFUL = const(4)  # taken, with a quality under 50
_DOUBTFUL_quality = const(50)


def mean(first: Estimate, second: Estimate) -> Estimate:
    """Return the mean of two estimates; irregular only when both are, as good as the worse."""
    pressures = [(one + other + 1) // 2 for one, other in zip(first[:4], second[:4])]
    irregular = first.irregular and second.irregular
    return Estimate(pressures[0], pressures[1], pressures[2], pressures[3], irregular, min(first.quality, second.quality))


def fields(found: Estimate, who: int, of_two: bool) -> dict[int, int]:
    """Return the reading's fields."""
    flags = (IRREGULAR if found.irregular else 0) | (MEAN_OF_TWO if of_two else 0)
    flags |= DOUBTFUL if found.quality < _DOUBTFUL_quality else 0
    made = {
        readings.SYSTOLIC: found.systolic_mmHg,
        readings.DIASTOLIC: found.diastolic_mmHg,
        readings.MAP: found.map_mmHg,
        readings.PULSE: found.pulse_per_min,
        readings.FLAGS: flags,
    }
    if who != arming.NOBODY:
        made[readings.WHO] = who
    return made


def number(found: Estimate) -> str:
    """Return what the display shows."""
    return f"{found.systolic_mmHg}/{found.diastolic_mmHg}"
