"""Calibration by known masses: straight within grams, dated, and refused when it makes no sense. And how a weight is written."""

from collections.abc import Callable

import pytest

from tests.firmware.scale import bodies
from tests.on_micropython import both_pythons

Call = Callable[..., object]
BENT = {"masses_g": [20_000, 60_000, 100_000, 150_000], "counts": [215_000, 646_000, 1_076_000, 1_611_000]}


@both_pythons
def test_each_mass_weighs_itself_and_between_and_beyond_the_lines_go_on(call: Call) -> None:
    """At the technician's masses the weight is theirs."""
    assert call(bodies.grams, BENT, [0, *BENT["counts"]]) == [0, *BENT["masses_g"]]
    half, beyond, below = call(bodies.grams, BENT, [861_000, 1_718_000, -1075])  # type: ignore[misc]
    assert (half, beyond, below) == (80_000, 160_000, -100)


@both_pythons
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "counts"),
        ({"counts_per_100_kg": -4}, "counts"),
        ({"masses_g": [], "counts": []}, "masses_g"),
        ({"masses_g": [10_000, 20_000], "counts": [5]}, "masses_g"),
        ({"masses_g": 5, "counts": 5}, "masses_g"),
        ({"masses_g": [20_000, 60_000], "counts": [646_000, 215_000]}, "counts"),
    ],
)
def test_a_calibration_without_sense_is_refused(call: Call, fields: dict[str, object], field: str) -> None:
    """Another cell's figures would be a guess."""
    assert call(bodies.grams, fields, [0]) == field


@both_pythons
def test_what_a_technician_lays_on_becomes_the_settings_with_its_date(call: Call) -> None:
    """Counts are kept above the empty plate; a single small mass is refused."""
    fields = call(bodies.calibrated, 7000, [(20_000, 222_000), (60_000, 653_000)], 20261122)
    assert fields == {"zero_counts": 7000, "masses_g": [20_000, 60_000], "counts": [215_000, 646_000], "date": 20261122}
    assert call(bodies.calibrated, 7000, [(5_000, 60_000)], 20261122) == "masses_g"


@both_pythons
def test_a_weight_is_written_in_each_unit_and_language(call: Call) -> None:
    """0.1 kg and 0.2 lb are the finest that a standing person is worth."""
    assert call(bodies.labels, 72_449) == ["72.4 kg", "159.8 lb", "11 st 5.8 lb", "72,4 kg", "159,8 lb", "11 st 5,8 lb"]
    assert call(bodies.labels, 63_502) == ["63.5 kg", "140.0 lb", "10 st 0.0 lb", "63,5 kg", "140,0 lb", "10 st 0,0 lb"]
