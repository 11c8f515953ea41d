"""A weight as the display writes it: kilograms, pounds, or stones and pounds, with the comma or the point of the language."""

from micropython import const

# A person's own mean wanders by 0.1 kg, so nothing finer is written: 0.1 kg, 0.2 lb.
_FIFTH_LB_ug = const(90_718_474)  # 0.2 lb
_FIFTHS_IN_A_STONE = const(70)


def weight(grams: int, unit: str, language: str) -> str:
    """Return a weight in "kg", "lb" or "st", like "72.4 kg", "159.6 lb" or "11 st 5.6 lb"."""
    if unit == "kg":
        text = _tenths((grams + 50) // 100) + " kg"
    else:
        fifths = (grams * 1_000_000 + _FIFTH_LB_ug // 2) // _FIFTH_LB_ug
        if unit == "lb":
            text = _tenths(2 * fifths) + " lb"
        else:
            text = f"{fifths // _FIFTHS_IN_A_STONE} st {_tenths(2 * (fifths % _FIFTHS_IN_A_STONE))} lb"
    return text.replace(".", ",") if language == "fr" else text


def _tenths(tenths):
    return f"{tenths // 10}.{tenths % 10}"
