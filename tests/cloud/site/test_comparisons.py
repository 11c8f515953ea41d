"""The classes of blood pressure at home, and two periods in figures."""

import pytest

from cloud.site import comparisons
from cloud.site.languages import Tongue
from cloud.site.opening import PRESSURE, WEIGHT, Reading


@pytest.mark.parametrize(
    ("systolic", "diastolic", "name"),
    [
        (119, 69, "not elevated"),
        (120, 69, "elevated"),
        (119, 70, "elevated"),
        (134, 84, "elevated"),
        (135, 60, "high"),
        (110, 85, "high"),
        (180, 120, "high"),
    ],
)
def test_classes_are_those_of_the_guideline_for_pressure_at_home(systolic: int, diastolic: int, name: str) -> None:
    """2024 European Society of Cardiology, at home: below 120/70, below 135/85, and from there on; the higher of the two counts."""
    assert comparisons.class_of(systolic, diastolic) == name


def measured(kind: str, **values: float) -> Reading:
    return Reading(b"i" * 16, kind, 0, values, True)


def test_two_periods_in_figures() -> None:
    """Mean, lowest, highest and how many, and how much each differs, as shown; nothing measured is a dash and no zero."""
    now = [measured(WEIGHT, weight_kg=70.0), measured(WEIGHT, weight_kg=71.0)]
    before = [measured(WEIGHT, weight_kg=72.04)]
    lines = comparisons.compared(WEIGHT, now, before)
    assert [(line.now, line.before) for line in lines] == [(70.5, 72.04), (70.0, 72.04), (71.0, 72.04), (2, 1)]
    assert [Tongue("fr").change(line.difference, line.digits) for line in lines if line.difference is not None] == [
        "−1,5",
        "−2,0",
        "−1,0",
        "+1",
    ]
    assert {line.difference for line in comparisons.compared(WEIGHT, now, [])[:3]} == {None}


def test_the_class_of_a_period_is_that_of_its_mean() -> None:
    """One high reading among others makes no high mean."""
    readings = [measured(PRESSURE, systolic_mmHg=value, diastolic_mmHg=75, pulse_per_min=60, map_mmHg=90) for value in (150, 118, 118)]
    mean = comparisons.mean_pressure(readings)
    assert mean == (129, 75)
    assert comparisons.class_of(*mean) == "elevated"
    assert comparisons.mean_pressure([]) is None
    assert comparisons.compared(PRESSURE, readings, [])[3].now == 1
