"""Two periods beside one another in figures, and the classes of blood pressure, named by the guideline they come from."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple

from cloud.site.languages import N_
from cloud.site.opening import CLIMATE, PRESSURE, WEIGHT, Reading

Work = Callable[[Sequence[Reading]], float]

# 2024 guidelines of the European Society of Cardiology (doi 10.1093/eurheartj/ehae178), table of categories, column of pressure
# measured at home (mmHg): a reading belongs to the first class whose systolic or diastolic it reaches.
CLASSES = ((135, 85, N_("high")), (120, 70, N_("elevated")), (0, 0, N_("not elevated")))


class Line(NamedTuple):
    """One figure of both periods; None: nothing was measured there."""

    words: str
    unit: str
    digits: int
    now: float | None
    before: float | None

    @property
    def difference(self) -> float | None:
        """How much more it is now, of the figures as they are shown."""
        if self.now is None or self.before is None:
            return None
        return round(self.now, self.digits) - round(self.before, self.digits)


def class_of(systolic_mmHg: float, diastolic_mmHg: float) -> str:
    """Return the class of a blood pressure measured at home."""
    return next(name for systolic, diastolic, name in CLASSES if systolic_mmHg >= systolic or diastolic_mmHg >= diastolic)


def mean_pressure(readings: Sequence[Reading]) -> tuple[int, int] | None:
    """Return the mean of systolic and diastolic: the guideline's classes are for means of many readings, and not for one."""
    if not readings:
        return None
    return round(_mean("systolic_mmHg")(readings)), round(_mean("diastolic_mmHg")(readings))


def compared(kind: str, now: Sequence[Reading], before: Sequence[Reading]) -> list[Line]:
    """Return the figures of two periods."""
    return [
        Line(words, unit, digits, *(work(readings) if readings else None for readings in (now, before)))
        for words, unit, digits, work in _LINES[kind]
    ] + [Line(N_("Readings"), "", 0, len(now), len(before))]


def _mean(name: str) -> Work:
    return lambda readings: fmean(reading.values[name] for reading in readings)


def _least(name: str) -> Work:
    return lambda readings: min(reading.values[name] for reading in readings)


def _most(name: str) -> Work:
    return lambda readings: max(reading.values[name] for reading in readings)


def _high(readings: Sequence[Reading]) -> float:
    high = CLASSES[0][2]
    return sum(class_of(reading.values["systolic_mmHg"], reading.values["diastolic_mmHg"]) == high for reading in readings)


_LINES: dict[str, tuple[tuple[str, str, int, Work], ...]] = {
    WEIGHT: (
        (N_("Mean weight"), "kg", 1, _mean("weight_kg")),
        (N_("Lowest"), "kg", 1, _least("weight_kg")),
        (N_("Highest"), "kg", 1, _most("weight_kg")),
    ),
    PRESSURE: (
        (N_("Mean systolic"), "mmHg", 0, _mean("systolic_mmHg")),
        (N_("Mean diastolic"), "mmHg", 0, _mean("diastolic_mmHg")),
        (N_("Mean pulse"), "/min", 0, _mean("pulse_per_min")),
        (N_("Readings from 135/85 mmHg on"), "", 0, _high),
    ),
    CLIMATE: (
        (N_("Mean temperature"), "°C", 1, _mean("room_Cel")),
        (N_("Coldest"), "°C", 1, _least("room_Cel")),
        (N_("Warmest"), "°C", 1, _most("room_Cel")),
        (N_("Mean humidity"), "%", 0, _mean("humidity_percent")),
    ),
}
