"""A scale's calibration: a straight line through known masses, and a sentence when there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import calibrate


@given(
    st.floats(500, 50_000), st.integers(-500_000, 500_000), st.lists(st.integers(5, 200), min_size=1, max_size=4, unique=True), st.just(20)
)
def test_masses_on_a_line_give_that_line(per_kg: float, zero: int, masses_kg: list[int], least_kg: int) -> None:
    """Zero, masses and counts come back, lightest first."""
    masses_kg = sorted({*masses_kg, least_kg})
    found = calibrate.fields([(0.0, zero), *((kg, zero + kg * per_kg) for kg in reversed(masses_kg))], 20260101)
    assert found["zero_counts"] == zero
    assert found["masses_g"] == [kg * 1000 for kg in masses_kg]
    assert found["counts"] == pytest.approx([kg * per_kg for kg in masses_kg], abs=1)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(0.0, 10.0)], "without a mass"),
        ([(0.0, 0.0), (20.0, -20_000.0)], "do not rise"),
        ([(0.0, 0.0), (20.0, 20_000.0), (40.0, 39_000.0)], "off the line"),
        ([(0.0, 0.0), (10.0, 10_000.0)], "20 kg or more"),
    ],
)
def test_masses_that_make_no_line_are_said(points: list[tuple[float, float]], words: str) -> None:
    """None, a cell wired backwards, a plate that touches something, too light a mass."""
    with pytest.raises(calibrate.Uncalibratable, match=words):
        calibrate.fields(points, 20260101)
