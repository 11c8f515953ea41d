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


def settled(seen: list[tuple[str, int | None]]) -> list[int]:
    return [weight for event, weight in seen if event == states.SETTLED and weight is not None]


@both_pythons
def test_a_still_person_is_weighed_once_until_they_step_off(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """One reading a visit, however long they stand; the next visit gives the next."""
    visit = ramp(72_400) + [72_400] * 120
    seen = call(bodies.events, EMPTY + visit + EMPTY + visit + EMPTY, None, 80_000)
    assert settled(seen) == [72_400, 72_400] or all(abs(weight - 72_400) <= 3 for weight in settled(seen))
    assert [event for event, _ in seen] == ["zero_found"] + ["stepped_on", "settled", "stepped_off"] * 2


@both_pythons
def test_a_mover_is_not_weighed(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """Somebody who rocks by a kilogram gets no reading."""
    rocking = [70_000 + (1000 if number // 5 % 2 else 0) for number in range(200)]
    assert settled(call(bodies.events, EMPTY + rocking, None, 0)) == []


@both_pythons
def test_a_device_switched_on_under_a_person_trusts_the_stored_zero(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """With a calibrated zero, the person standing there at switch-on is no empty plate."""
    weights = settled(call(bodies.events, [68_000] * 60, 5_000, 5_000))
    assert len(weights) == 1
    assert abs(weights[0] - 68_000) <= 2


@both_pythons
def test_a_zero_learnt_under_a_load_is_mended_when_the_load_goes(call: Callable[..., list[tuple[str, int | None]]]) -> None:
    """Nothing weighs less than nothing: without a stored zero, the empty plate puts it right."""
    weights = settled(call(bodies.events, [68_000] * 30 + [0] * 60 + ramp(70_000) + [70_000] * 60, None, 0))
    assert len(weights) == 1
    assert abs(weights[0] - 70_000) <= 5


def test_an_overloaded_plate_gives_no_weight() -> None:
    """Beyond what the cells may carry, nothing settles."""
    assert settled(bodies.events(EMPTY + [230_000] * 100, None, 0)) == []


@settings(max_examples=60, deadline=None)
@given(weight_g=st.integers(6_000, 199_000), offset=st.integers(-400_000, 400_000), noise=st.integers(0, 30), seed=st.integers(0, 99))
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
        seen = bodies.events(EMPTY + loads_g[start : start + 66], None, 12_345, 90)
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
    """A dead converter ends every state in BROKEN."""
    assert {rows[states.CONVERTER_LOST] for rows in states.TRANSITIONS.values()} == {states.BROKEN}
