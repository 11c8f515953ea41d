"""What a body is made of, from weight and foot-to-foot impedance, for whom height, age and sex are known: at home only, never on the scale.

Height, year of birth and sex stay at home. What is worked out with them goes to the person's account inside the seal, beside what the
device signed, under keys that no device can sign (`protocol/readings.py`).

FFM = 13.055 + 0.204 W + 0.394 H^2 / Z - 0.136 age + 8.125 sex: W in kg, H in cm, Z in ohm at 50 kHz, sex 1 for a man, 0 for a woman;
standard error of the estimate 3.17 kg. An estimate for people like those it was found on, and no diagnosis.
Source: Nutrition Journal 2015 (PMC4489024), Taiwanese people of 16 to 75 years. Equations for hand-to-foot electrodes do not fit here.
"""

import datetime
from collections.abc import Mapping
from typing import NamedTuple

from protocol import readings

FEMALE, MALE = "female", "male"
STANDARD_ERROR_kg = 3.17
AGES_years = (16, 75)  # of whom the equation was found on
HEIGHTS_cm = (130.0, 210.0)
IMPEDANCES_ohm = (200, 1000)
_LEAST_SHARE, _MOST_SHARE = 0.4, 0.98  # of the weight that is free of fat, in anybody who lives


# Why there is no composition.
NO_BARE_FEET, NOT_MEASURED, NOT_KNOWN, NOT_FOR_THEM = "no_bare_feet", "not_measured", "not_known", "not_for_them"


class Facts(NamedTuple):
    """What the home was told of somebody's body; None: nothing."""

    height_cm: int | None = None
    birth_year: int | None = None
    sex: str | None = None


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


def added(values: Mapping[int, int | bytes], utc_s: float, facts: Facts) -> dict[int, int]:
    """Return what the home adds to a weighing's values: the composition where it can be known, else nothing.

    No body mass index: beside the weight it would tell the height. The site's page works it out in the browser.
    """
    made = _composition(values, utc_s, facts)
    if not isinstance(made, Composition):
        return {}
    return {readings.FAT_PERMILLE: round(10 * made.fat_percent), readings.FAT_FREE_GRAMS: round(10 * made.fat_free_kg) * 100}


def why_not(values: Mapping[int, int | bytes], utc_s: float, facts: Facts) -> str:
    """Return why a weighing has no composition, as one of the names above, or "" when it has."""
    made = _composition(values, utc_s, facts)
    return made if isinstance(made, str) else ""


def _composition(values: Mapping[int, int | bytes], utc_s: float, facts: Facts) -> Composition | str:
    grams, ohm = values.get(readings.GRAMS), values.get(readings.IMPEDANCE)
    if not isinstance(ohm, int) or not isinstance(grams, int):
        return NO_BARE_FEET if readings.BARE_FEET in values else NOT_MEASURED
    if facts.height_cm is None or facts.birth_year is None or facts.sex is None:
        return NOT_KNOWN
    made = composition(grams / 1000, ohm, facts.height_cm, _age_years(utc_s, facts.birth_year), facts.sex == MALE)
    return NOT_FOR_THEM if made is None else made


def _age_years(utc_s: float, birth_year: int) -> int:
    """Return the age reached in that year: a year more or less moves the estimate by 0.14 kg."""
    return datetime.datetime.fromtimestamp(utc_s, datetime.UTC).year - birth_year
