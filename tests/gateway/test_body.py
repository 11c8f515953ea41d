"""The foot-to-foot equation: its published figures by hand, and nobody for whom it was not made."""

import pytest

from gateway import body
from protocol import readings
from protocol.errors import BadReading


def test_the_equation_is_the_published_one() -> None:
    """A man of 70 kg, 175 cm, 40 years, 520 ohm, computed by hand: 53.2 kg without fat; a woman of the same 8.125 kg less."""
    man = body.composition(70.0, 520, 175.0, 40, True)
    woman = body.composition(70.0, 520, 175.0, 40, False)
    assert man is not None
    assert woman is not None
    assert man.fat_free_kg == pytest.approx(13.055 + 14.28 + 23.204 - 5.44 + 8.125, abs=0.001)
    assert man.fat_free_kg - woman.fat_free_kg == pytest.approx(8.125)
    assert man.fat_percent == pytest.approx(100 * (1 - man.fat_free_kg / 70.0))


def test_more_impedance_is_less_muscle_and_more_years_too() -> None:
    """The direction of each term."""
    middle = body.composition(70.0, 520, 175.0, 40, True)
    assert middle is not None
    for other in (body.composition(70.0, 560, 175.0, 40, True), body.composition(70.0, 520, 175.0, 60, True)):
        assert other is not None
        assert other.fat_percent > middle.fat_percent


@pytest.mark.parametrize(
    ("weight_kg", "impedance_ohm", "height_cm", "age_years"),
    [
        (70.0, 520, 175.0, 12),
        (70.0, 520, 175.0, 80),
        (70.0, 520, 110.0, 40),
        (70.0, 90, 175.0, 40),
        (70.0, 1400, 175.0, 40),
        (40.0, 300, 190.0, 20),
    ],
)
def test_whom_it_does_not_fit_gets_no_number(weight_kg: float, impedance_ohm: int, height_cm: float, age_years: int) -> None:
    """Children, the very old, another body's impedance, or a result no body has."""
    assert body.composition(weight_kg, impedance_ohm, height_cm, age_years, True) is None


FACTS = body.Facts(175, 1986, body.MALE)
IN_2026_s = 1_795_345_000.0
BARE = {readings.GRAMS: 70_000, readings.STABLE: 1, readings.IMPEDANCE: 520}
SHOD = {readings.GRAMS: 70_000, readings.STABLE: 1, readings.BARE_FEET: 0}


def test_the_home_adds_a_composition_under_keys_that_no_device_can_sign() -> None:
    """Rounded to a tenth of a percent and of a kilogram; a reading with such a key from a device is refused."""
    made = body.composition(70.0, 520, 175.0, 40, True)
    assert made is not None
    added = body.added(BARE, IN_2026_s, FACTS)
    assert added == {readings.FAT_PERMILLE: round(10 * made.fat_percent), readings.FAT_FREE_GRAMS: 53_200}
    for key in added:
        with pytest.raises(BadReading):
            readings.check({readings.KIND: readings.SCALE, readings.SEQUENCE: 1, readings.UPTIME: [1, 1], **BARE, key: 1})


@pytest.mark.parametrize(
    ("values", "facts", "why"),
    [
        (BARE, FACTS, ""),
        (SHOD, FACTS, body.NO_BARE_FEET),
        ({readings.GRAMS: 70_000}, FACTS, body.NOT_MEASURED),
        (BARE, body.Facts(), body.NOT_KNOWN),
        (BARE, FACTS._replace(sex=None), body.NOT_KNOWN),
        (BARE, FACTS._replace(birth_year=2016), body.NOT_FOR_THEM),
        (BARE | {readings.IMPEDANCE: 1400}, FACTS, body.NOT_FOR_THEM),
    ],
)
def test_where_there_is_no_composition_it_is_known_why(values: dict[int, int | bytes], facts: body.Facts, why: str) -> None:
    """Shoes, no electrodes, a body of which nothing was said, a body the equation was not made for."""
    assert body.why_not(values, IN_2026_s, facts) == why
    assert bool(body.added(values, IN_2026_s, facts)) == (why == "")
