"""Units come back, and agree with a pencil."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import units


@given(st.integers(0, 300_000))
def test_grams_come_back_from_kilograms(grams: int) -> None:
    """Every integer of the wire survives the way through a float."""
    assert units.grams_from_kg(units.kg_from_grams(grams)) == grams


@given(st.integers(-4000, 12500))
def test_hundredths_come_back_from_degrees(centi_Cel: int) -> None:
    """Below zero too."""
    assert units.centi_Cel_from_Cel(units.Cel_from_centi_Cel(centi_Cel)) == centi_Cel


@given(st.integers(0, 400))
def test_half_decibels_come_back_from_decibels(half_dB: int) -> None:
    """And silence below zero is zero."""
    assert units.half_dB_from_dB(units.dB_from_half_dB(half_dB)) == half_dB
    assert units.half_dB_from_dB(-3.0) == 0


@pytest.mark.parametrize(("mmHg", "Pa"), [(0, 0), (1, 133.322387415), (120, 15998.6864898), (760, 101325.0144354)])
def test_pressures_are_the_standards(mmHg: float, Pa: float) -> None:
    """The conventional millimetre of mercury, both ways."""
    assert units.Pa_from_mmHg(mmHg) == pytest.approx(Pa, rel=1e-9)
    assert units.mmHg_from_Pa(Pa) == pytest.approx(mmHg, rel=1e-9)
