"""What a body is made of, from weight and foot-to-foot impedance, for whom height, age and sex are known: at home only, never on the scale.

FFM = 13.055 + 0.204 W + 0.394 H^2 / Z - 0.136 age + 8.125 sex: W in kg, H in cm, Z in ohm at 50 kHz, sex 1 for a man, 0 for a woman;
standard error of the estimate 3.17 kg. An estimate for people like those it was found on, and no diagnosis.
Source: Nutrition Journal 2015 (PMC4489024), Taiwanese people of 16 to 75 years. Equations for hand-to-foot electrodes do not fit here.
"""

from typing import NamedTuple

STANDARD_ERROR_kg = 3.17
AGES_years = (16, 75)  # of whom the equation was found on
HEIGHTS_cm = (130.0, 210.0)
IMPEDANCES_ohm = (200, 1000)
_LEAST_SHARE, _MOST_SHARE = 0.4, 0.98  # of the weight that is free of fat, in anybody who lives


class Composition(NamedTuple):
    """Of one weighing: without fat, and fat as a share of the weight."""

    fat_free_kg: float
    fat_percent: float


def composition(weight_kg: float, impedance_ohm: int, height_cm: float, age_years: int, is_male: bool) -> Composition | None:
    """Return the composition, or None for somebody whom the equation was not made for or who cannot be."""
    if not (
        AGES_years[0] <= age_years <= AGES_years[1]
        and HEIGHTS_cm[0] <= height_cm <= HEIGHTS_cm[1]
        and IMPEDANCES_ohm[0] <= impedance_ohm <= IMPEDANCES_ohm[1]
    ):
        return None
    fat_free_kg = 13.055 + 0.204 * weight_kg + 0.394 * height_cm**2 / impedance_ohm - 0.136 * age_years + 8.125 * is_male
    if not _LEAST_SHARE * weight_kg <= fat_free_kg <= _MOST_SHARE * weight_kg:
        return None
    return Composition(fat_free_kg, 100 * (1 - fat_free_kg / weight_kg))
