"""The first estimate: right on an arm that is known, and no number where there is no pulse."""

from array import array
from collections.abc import Callable

import pytest

from firmware.cuff import oscillometry
from firmware.cuff.recording import CENTI, Recording
from firmware.errors import RefusedMeasurement
from protocol import faults
from tests.firmware.cuff import bodies
from tests.firmware.cuff.arm import Arm
from tests.on_micropython import both_pythons

ARMS = [(122.0, 80.0, 70.0), (140.0, 88.0, 62.0), (105.0, 66.0, 88.0)]


@both_pythons
@pytest.mark.parametrize("arm", ARMS)
def test_an_ordinary_arm_is_measured(call: Callable[..., list[list[int]]], arm: tuple[float, float, float]) -> None:
    """Within 6 mmHg and 2 beats a minute on a model with ratios of its own, and the arm is held for less than 100 s."""
    result, highest_mmHg, longest_ms = call(bodies.measurement, *arm)
    systolic_mmHg, diastolic_mmHg, map_mmHg, pulse_per_min = result  # type: ignore[misc]
    assert abs(systolic_mmHg - arm[0]) <= 6
    assert abs(diastolic_mmHg - arm[1]) <= 6
    assert diastolic_mmHg < map_mmHg < systolic_mmHg
    assert abs(pulse_per_min - arm[2]) <= 2
    assert highest_mmHg < 190  # type: ignore[operator]
    assert longest_ms < 100_000  # type: ignore[operator]


def test_a_high_pressure_is_measured_after_inflating_further() -> None:
    """The envelope was cut off at the top: the cuff goes higher and starts again."""
    (systolic_mmHg, diastolic_mmHg, _, _), highest_mmHg, longest_ms = bodies.measurement(182.0, 104.0, 74.0)
    assert highest_mmHg > 215
    assert abs(systolic_mmHg - 182) <= 10
    assert abs(diastolic_mmHg - 104) <= 10
    assert longest_ms < 180_000


def recorded(arm: Arm, from_mmHg: float = 180.0, to_mmHg: float = 50.0, fall_mmHg_per_s: float = 2.8) -> Recording:
    recording = Recording()
    arm.pressure_mmHg = from_mmHg
    at_ms = 0
    while arm.pressure_mmHg > to_mmHg:
        at_ms += 9 + at_ms % 4  # no sensor is read evenly
        arm.pressure_mmHg = from_mmHg - fall_mmHg_per_s * at_ms / 1000
        recording.feed(arm.sensed_mmHg(at_ms), at_ms)
    return recording


def test_noise_faster_than_the_pulse_does_not_move_the_result() -> None:
    """A hum of 19 Hz and 1 mmHg would fold onto the pulse at 20 samples a second; the filter before takes it away."""
    import math

    class Humming(Arm):
        def sensed_mmHg(self, at_ms: int) -> float:
            return float(super().sensed_mmHg(at_ms)) + math.sin(2 * math.pi * 19 * at_ms / 1000)

    quiet, humming = recorded(Arm()), recorded(Humming())
    one = oscillometry.estimate(quiet.samples, quiet.count)
    other = oscillometry.estimate(humming.samples, humming.count)
    assert abs(one.systolic_mmHg - other.systolic_mmHg) <= 1
    assert abs(one.diastolic_mmHg - other.diastolic_mmHg) <= 1


def test_a_cuff_around_nothing_has_no_pulse() -> None:
    """A falling pressure alone is no reading."""
    arm = Arm()
    arm.wrapped = False
    recording = recorded(arm)
    with pytest.raises(RefusedMeasurement) as refused:
        oscillometry.estimate(recording.samples, recording.count)
    assert refused.value.fault == faults.CUFF_NO_PULSE


@pytest.mark.parametrize("count", [0, 1, 50, 239])
def test_too_short_a_recording_is_refused(count: int) -> None:
    """A few seconds are no measurement."""
    with pytest.raises(RefusedMeasurement):
        oscillometry.estimate(array("h", [100 * CENTI] * 300), count)


def test_an_envelope_without_its_top_is_refused() -> None:
    """Recorded from below the systolic pressure on, there is nothing to read it from."""
    recording = recorded(Arm(), from_mmHg=112.0, fall_mmHg_per_s=1.5)
    with pytest.raises(RefusedMeasurement):
        oscillometry.estimate(recording.samples, recording.count)


def test_a_recording_steers_the_cuff() -> None:
    """From high enough the top is whole and the end is seen; from too low the top is cut."""
    high, low = recorded(Arm()), recorded(Arm(), from_mmHg=115.0)
    assert (high.top_cut, high.seen_enough) == (False, True)
    assert low.top_cut
