"""The room's climate out of single conversions: the plain mean of all since the last reading.

A sensor's noise is far below what a room does in a minute (one-minute changes measured in rooms: 0.03 K and 0.12 % RH, standard
deviation), so the mean is there for short draughts. Whole numbers throughout: hundredths of a degree and of a percent.
"""

from micropython import const

_SHORTEST_MS = const(500)  # faster, and the sensor would warm itself
_LONGEST_MS = const(10_000)
_SAMPLES = const(8)
# Readings that wait for a silent home, and how much rarer the next ones are: the outbox then lasts for hours, not for twenty minutes.
_FEW = const(48)
_MANY = const(96)
_RARER = const(6)
_RAREST = const(60)
_RAREST_MS = const(3_600_000)


def sample_ms(climate_ms: int) -> int:
    """Return the time between conversions for one reading in `climate_ms`."""
    return max(_SHORTEST_MS, min(_LONGEST_MS, climate_ms // _SAMPLES))


def period_ms(climate_ms: int, waiting: int) -> int:
    """Return the time to the next reading while so many wait."""
    rarer = 1 if waiting < _FEW else _RARER if waiting < _MANY else _RAREST
    return min(climate_ms * rarer, max(climate_ms, _RAREST_MS))


class Climate:
    """Feed it conversions; `take` gives their mean and begins anew."""

    def __init__(self):
        self.latest = None  # (hundredths of a degree, whole percent) of the last conversion
        self._centi_Cel = 0
        self._centi_percent = 0
        self._number = 0

    def feed(self, centi_Cel: int, centi_percent: int) -> None:
        """Take one conversion."""
        self._centi_Cel += centi_Cel
        self._centi_percent += centi_percent
        self._number += 1
        self.latest = (centi_Cel, _whole(centi_percent, 100))

    def take(self) -> tuple[int, int] | None:
        """Return the mean as (hundredths of a degree, whole percent), or None when nothing came since the last time."""
        if not self._number:
            return None
        mean = _whole(self._centi_Cel, self._number), _whole(self._centi_percent, 100 * self._number)
        self._centi_Cel = self._centi_percent = self._number = 0
        return mean


def _whole(total, number):
    return (total + number // 2) // number
