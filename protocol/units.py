"""Units change here and nowhere else: between the wire's integers and the numbers people and physics use.

SenML (RFC 8428 section 12.1) has kg, Cel and Pa, but no mmHg; blood pressure stays in mmHg, and pascals are for pumps and sensors.
"""

PASCAL_PER_MMHG = 133.322387415  # conventional millimetre of mercury, ISO 80000-4


def kg_from_grams(grams: int) -> float:
    """Return kilograms for the wire's grams."""
    return grams / 1000


def grams_from_kg(weight_kg: float) -> int:
    """Return the wire's grams, to the nearest one."""
    return round(weight_kg * 1000)


def Cel_from_centi_Cel(centi_Cel: int) -> float:
    """Return degrees Celsius for the wire's hundredths."""
    return centi_Cel / 100


def centi_Cel_from_Cel(temperature_Cel: float) -> int:
    """Return the wire's hundredths of a degree, to the nearest one."""
    return round(temperature_Cel * 100)


def dB_from_half_dB(half_dB: int) -> float:
    """Return decibels for the wire's half decibels."""
    return half_dB / 2


def half_dB_from_dB(loudness_dB: float) -> int:
    """Return the wire's half decibels, to the nearest one, never below 0."""
    return max(0, round(loudness_dB * 2))


def mmHg_from_Pa(pressure_Pa: float) -> float:
    """Return millimetres of mercury."""
    return pressure_Pa / PASCAL_PER_MMHG


def Pa_from_mmHg(pressure_mmHg: float) -> float:
    """Return pascals."""
    return pressure_mmHg * PASCAL_PER_MMHG
