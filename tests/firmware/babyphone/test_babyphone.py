"""The room is told as it is: its mean climate, and its loudness in dB(A)."""

import math
from collections.abc import Callable

import pytest

from firmware.babyphone import states
from firmware.errors import IllegalEvent
from tests.firmware.babyphone import bodies
from tests.on_micropython import both_pythons

Call = Callable[..., object]


def a_weighting_dB(frequency_Hz: float) -> float:
    """IEC 61672-1's curve, 0 at 1 kHz, from its poles."""

    def gain(f: float) -> float:
        return 12194**2 * f**4 / ((f * f + 20.6**2) * math.sqrt((f * f + 107.7**2) * (f * f + 737.9**2)) * (f * f + 12194**2))

    return 20 * math.log10(gain(frequency_Hz) / gain(1000))


@both_pythons
@pytest.mark.parametrize("level_dB", [40, 60, 74, 94, 110])
def test_a_tone_of_1_kHz_has_its_own_level(call: Call, level_dB: int) -> None:
    """From a whisper to what hurts, to half a decibel."""
    assert call(bodies.tone_half_dB, 1000.0, level_dB) == 2 * level_dB


@pytest.mark.parametrize("frequency_Hz", [50, 63, 100, 125, 200, 250, 400, 500, 800, 2000, 2500, 4000, 5000, 6300, 7500])
def test_every_tone_is_weighted_by_the_curve(frequency_Hz: int) -> None:
    """Within 1 dB of the A-weighting from 50 Hz to 7.5 kHz."""
    got = bodies.tone_half_dB(float(frequency_Hz), 80.0, 12)
    assert got is not None
    assert abs(got / 2 - (80 + a_weighting_dB(frequency_Hz))) <= 1.0


@both_pythons
def test_silence_has_a_floor_and_nothing_heard_has_no_level(call: Call) -> None:
    """Below what the microphone can hear there is one number; without sound at all there is none."""
    assert call(bodies.tone_half_dB, 1000.0, -60.0) == 40
    assert call(bodies.tone_half_dB, 1000.0, 60.0, 2) is None


@both_pythons
def test_a_reading_is_the_mean_of_its_conversions(call: Call) -> None:
    """Temperatures below zero too, humidity in whole percent; the next reading begins anew."""
    assert call(bodies.climate_of, [(2000, 4510), (2003, 4590), (2006, 4620)]) == [[2003, 46], [2006, 46], None]
    assert call(bodies.climate_of, [(-150, 8000), (-149, 8000)]) == [[-149, 80], [-149, 80], None]
    assert call(bodies.climate_of, []) == [None, None, None]


@both_pythons
def test_conversions_are_spread_over_the_reading(call: Call) -> None:
    """Eight a reading, never so often that the sensor warms itself."""
    assert call(bodies.intervals, [1000, 5000, 60_000, 3_600_000]) == [500, 625, 7500, 10_000]


@both_pythons
def test_a_silent_home_fills_the_outbox_in_hours_and_not_in_minutes(call: Call) -> None:
    """Every 10 s while few wait, then every minute, then every ten; a period that was chosen longer is not made shorter."""
    assert call(bodies.periods, 10_000, [0, 47, 48, 95, 96, 127]) == [10_000, 10_000, 60_000, 60_000, 600_000, 600_000]
    assert call(bodies.periods, 3_600_000, [0, 60, 127]) == [3_600_000] * 3
    assert sum(call(bodies.periods, 10_000, list(range(128)))) > 6 * 3_600_000  # type: ignore[call-overload]


@both_pythons
def test_a_lost_sense_is_said_once_until_it_is_back(call: Call) -> None:
    """One miss is nothing, three in a row are a fault, and only one."""
    assert call(bodies.sense, "ssmsmms") == [0, states.SENSING]
    assert call(bodies.sense, "smmmmmm") == [1, states.LOST]
    assert call(bodies.sense, "mmmm") == [1, states.LOST]
    assert call(bodies.sense, "smmmmsmmm") == [2, states.LOST]


def test_an_event_without_a_row_changes_nothing() -> None:
    """A sense that works cannot have failed often."""
    with pytest.raises(IllegalEvent):
        states.after(states.SENSING, states.MISSED_OFTEN)
