"""A person's weight comes from stillness alone, and only from a person."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import IllegalEvent
from firmware.scale import states
from tests.firmware.scale import bodies
from tests.on_micropython import both_pythons

STANDING = Path(__file__).parents[2] / "vectors/standing"
EMPTY = [0] * 30
GRAVITY = 9.80665


def ramp(weight_g: int) -> list[int]:
    """A step on the plate as people make it: two feet, an overshoot, still within two seconds."""
    rise = [0.3, 0.3, 0.5, 0.9, 1.04, 1.03, 0.97, 1.02, 0.99, 1.01, 1.0, 1.005, 0.998]
    return [int(weight_g * share) for share in rise]


def standing(weight_g: int, conversions: int, seed: int = 1) -> list[int]:
    """A load that shakes as the stillest of the recorded people do."""
    return [weight_g + int(part) for part in np.random.default_rng(seed).normal(0, 20, conversions)]


def settled(seen: list[tuple[str, int | None]]) -> list[int]:
    return [weight for event, weight in seen if event == states.SETTLED and weight is not None]


@both_pythons
def test_a_still_person_is_weighed_once_until_they_step_off(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """One reading a visit, however long they stand; the next visit gives the next."""
    visit = ramp(72_400) + standing(72_400, 120)
    seen = call(bodies.events, EMPTY + visit + EMPTY + visit + EMPTY, None, 80_000)
    assert len(settled(seen)) == 2
    assert all(abs(weight - 72_400) <= 15 for weight in settled(seen))
    visited = ["stepped_on", "stood_still", "settled", "impedance_ended", "stepped_off"]
    assert [event for event, _ in seen] == ["woken", "zero_found"] + visited * 2


@both_pythons
def test_a_mover_is_not_weighed(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """Somebody who rocks by a kilogram gets no reading."""
    rocking = [70_000 + (1000 if number // 5 % 2 else 0) for number in range(200)]
    assert settled(call(bodies.events, EMPTY + rocking, None, 0)) == []


@both_pythons
def test_a_device_switched_on_under_a_person_trusts_the_stored_zero(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """With a calibrated zero, the person standing there at switch-on is no empty plate."""
    weights = settled(call(bodies.events, standing(68_000, 60), 5_000, 5_000))
    assert len(weights) == 1
    assert abs(weights[0] - 68_000) <= 15


@both_pythons
def test_a_zero_learnt_under_a_load_is_mended_when_the_load_goes(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """Nothing weighs less than nothing: without a stored zero, the empty plate puts it right."""
    weights = settled(call(bodies.events, [68_000] * 30 + [0] * 60 + ramp(70_000) + standing(70_000, 60), None, 0))
    assert len(weights) == 1
    assert abs(weights[0] - 70_000) <= 20


def test_an_overloaded_plate_gives_no_weight() -> None:
    """Beyond what the cells may carry, nothing settles."""
    assert settled(bodies.events(EMPTY + [230_000] * 100, None, 0)) == []


@settings(max_examples=60, deadline=None)
@given(weight_g=st.integers(8_100, 199_000), offset=st.integers(-400_000, 400_000), noise=st.integers(25, 60), seed=st.integers(0, 99))
def test_every_still_weight_is_found_to_its_noise(weight_g: int, offset: int, noise: int, seed: int) -> None:
    """Over the whole range and any zero, the weight is right within noise and rounding."""
    shaking = np.random.default_rng(seed).integers(-noise, noise + 1, 80)
    weights = settled(bodies.events(EMPTY + ramp(weight_g) + [weight_g + int(part) for part in shaking], None, offset))
    assert len(weights) == 1
    assert abs(weights[0] - weight_g) <= 4 + noise


@pytest.mark.parametrize("recording", sorted(STANDING.glob("person*.csv")), ids=lambda path: path.stem)
def test_recorded_people_are_weighed_within_100_g_and_6_s(recording: Path) -> None:
    """Each recorded person, from any of forty moments on, weighs their own mean force within 0.1 kg, and soon."""
    force_N = np.loadtxt(recording, delimiter=",", skiprows=1)[:, 1]
    # the converter averages over its 91 ms
    loads_g = (force_N[: len(force_N) // 9 * 9].reshape(-1, 9).mean(axis=1) / GRAVITY * 1000).round().astype(int).tolist()
    truth_g = force_N.mean() / GRAVITY * 1000
    for start in range(0, 560, 14):
        conversions = np.random.default_rng(start).normal(0, 5.4, 66).round().astype(int) + loads_g[start : start + 66]
        seen = bodies.events(EMPTY + conversions.tolist(), None, 12_345, 90)
        weights = settled(seen)
        assert len(weights) == 1, f"from sample {start}"
        assert abs(weights[0] - truth_g) < 100, f"from sample {start}"


def test_every_state_of_the_table_has_rows() -> None:
    """No row leads out of the table."""
    assert bodies.table_is_total()


def test_an_event_without_a_row_changes_nothing() -> None:
    """A weight cannot settle on an empty plate."""
    with pytest.raises(IllegalEvent):
        states.after(states.READY, states.SETTLED)


def test_every_state_hears_that_the_converter_is_lost() -> None:
    """A dead converter ends every state in FAULT, save sleep, in which nobody asks it."""
    assert {rows.get(states.CONVERTER_LOST) for state, rows in states.TRANSITIONS.items() if state != states.ASLEEP} == {states.FAULT}


@both_pythons
def test_woken_under_a_person_the_zero_of_before_the_sleep_serves(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """The plate is loaded already when the processor starts; the zero in the RTC's memory tells what an empty one weighs."""
    seen = call(bodies.events, standing(81_300, 60), None, 44_000, 91, 44_000)
    assert seen[0][0] == "woken_under_load"
    assert abs(settled(seen)[0] - 81_300) <= 15


@both_pythons
def test_a_parcel_left_overnight_is_no_person(call: Callable[..., list[bool]]) -> None:
    """It lies still, shakes by no more than the converter's noise, and is called lifeless, not weighed."""
    noise = np.random.default_rng(3).normal(0, 5.4, 3000).round().astype(int)
    parcel = [14_000 + int(part) for part in noise]
    assert call(bodies.judged, EMPTY + parcel) == [True, False, False]
    assert settled(bodies.events(EMPTY + parcel + EMPTY, None, 0)) == []


@both_pythons
def test_a_cat_is_too_light(call: Callable[..., list[bool]]) -> None:
    """Six and a half kilograms that breathe are no person; four do not even step on."""
    assert call(bodies.judged, EMPTY + standing(6_500, 80))[1]
    assert settled(bodies.events(EMPTY + standing(6_500, 80), None, 0)) == []
    assert [event for event, _ in bodies.events(EMPTY + standing(4_000, 80), None, 0)] == ["woken", "zero_found"]


def test_a_hand_on_the_wall_gives_no_weight() -> None:
    """A force that wanders by half a kilogram in some seconds never stands still long enough."""
    chance = np.random.default_rng(8)
    for _ in range(20):
        wander = np.cumsum(chance.normal(0, 120, 200))
        leaning = [int(64_000 + part) for part in wander + chance.normal(0, 25, 200)]
        assert settled(bodies.events(EMPTY + leaning, None, 0)) == []


def test_a_child_that_is_carried_is_weighed_with_who_carries_it() -> None:
    """The scale cannot know; the home finds nobody near and asks."""
    assert abs(settled(bodies.events(EMPTY + ramp(76_500) + standing(76_500, 80), None, 0))[0] - 76_500) <= 20


def test_creep_and_a_warming_plate_do_not_pull_the_zero_from_an_empty_plate() -> None:
    """A zero that drifts by 20 g a minute is followed within 30 g; a foot that weighs 450 g is not followed within two seconds."""
    drift = [minute_part * 20 // 660 for minute_part in range(6600)]
    assert abs(bodies.zero_follows(EMPTY + drift) - drift[-1]) <= 30
    assert abs(bodies.zero_follows(EMPTY + [450] * 22)) <= 50
