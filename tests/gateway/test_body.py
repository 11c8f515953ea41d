"""The foot-to-foot equation: its published figures by hand, and nobody for whom it was not made."""

import pytest

from gateway import body


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
