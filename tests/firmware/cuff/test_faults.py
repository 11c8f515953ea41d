"""The fault campaign: whatever fails, in whatever state, at whatever moment, the arm is not hurt."""

import random

import pytest

from firmware.cuff import states
from protocol import faults
from tests.firmware.cuff import campaign

SEED = 7
EVERY_MOMENT = [(number + 0.5) / 10 for number in range(10)]


def sampled(fault: str) -> list[tuple[str, float, bool]]:
    """Three moments of a few shared ones, so that worlds brought there once serve many faults; another three for each fault."""
    few = [(state, share, stopped) for state in campaign.LASTS_s for share in (0.25, 0.75) for stopped in (False, True)]
    return sorted(random.Random(f"{SEED}/{fault}").sample(few, 4))


def test_there_are_faults_enough() -> None:
    """At least twenty-five, and every state of the table."""
    assert len(campaign.FAULTS) >= 25
    assert set(campaign.LASTS_s) == set(states.TRANSITIONS)


@pytest.mark.parametrize("fault", campaign.FAULTS)
def test_a_fault_does_not_hurt_the_arm(fault: str) -> None:
    """Seeded moments: under 330 mmHg, under 180 s, empty within 10 s, all on the arm itself."""
    for state, share, stopped in sampled(fault):
        outcome = campaign.run(fault, state, share, stopped)
        assert campaign.harmless(outcome), (fault, state, share, stopped, outcome)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("state", campaign.LASTS_s)
def test_no_fault_at_any_moment_of_a_state_hurts_the_arm(state: str) -> None:
    """All of them: faults x ten moments of each state, left alone and stopped by hand."""
    outcomes = {
        (fault, share, stopped): campaign.run(fault, state, share, stopped)
        for share in EVERY_MOMENT
        for stopped in (False, True)
        for fault in campaign.FAULTS
    }
    highest_mmHg, longest_s, slowest_s = (max(outcome[place] for outcome in outcomes.values()) for place in (2, 3, 4))
    print(f"{state}: {len(outcomes)} runs, {highest_mmHg:.0f} mmHg, {longest_s:.0f} s above 15 mmHg, empty after {slowest_s:.1f} s")
    assert {moment: outcome for moment, outcome in outcomes.items() if not campaign.harmless(outcome)} == {}


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ("stopped", states.ZEROING, faults.CUFF_STOPPED),
        ("stopped", states.INFLATING, faults.CUFF_STOPPED),
        ("stopped", states.DEFLATING, faults.CUFF_STOPPED),
        ("sensor unplugged", states.INFLATING, faults.CHIP_SILENT),
        ("sensor busy for ever", states.DEFLATING, faults.CHIP_SILENT),
        ("sensor frozen", states.INFLATING, faults.CUFF_SENSOR),
        ("sensor frozen", states.DEFLATING, faults.CUFF_SENSOR),
        ("sensor noisy", states.DEFLATING, faults.CUFF_SENSOR),
        ("sensor drifts up", states.DEFLATING, faults.CUFF_SENSOR),
        ("sensor leaps up", states.DEFLATING, faults.CUFF_SENSOR),
        ("needle blocked", states.DEFLATING, faults.CUFF_SENSOR),
        ("pump cannot be switched off", states.DEFLATING, faults.CUFF_SENSOR),
        ("pump dead", states.ZEROING, faults.CUFF_LOOSE),
        ("pump dead", states.INFLATING, faults.CUFF_LEAK),
        ("large leak", states.DEFLATING, faults.CUFF_LEAK),
        ("tube slips off", states.INFLATING, faults.CUFF_LOOSE),
        ("tube bent", states.INFLATING, faults.CUFF_TUBE),
        ("cuff taken off", states.ZEROING, faults.CUFF_LOOSE),
    ],
)
def test_a_measurement_that_ends_early_says_why(fault: str, state: str, code: int) -> None:
    """The fault that the person reads is the one that happened."""
    world = campaign.at(state, 0.5).copy()
    campaign.FAULTS[fault](world)
    assert world.until((states.VENTING, states.COMPUTING))
    assert (world.cycle.state, world.cycle.fault) == (states.VENTING, code)
    assert world.until((states.FAULT,))


@pytest.mark.parametrize("fault", ["sensor unplugged", "sensor frozen", "tube bent"])
def test_when_nobody_knows_that_the_cuff_is_empty_it_must_be_taken_off(fault: str) -> None:
    """The arm is long empty, but the firmware cannot see that: the person is told to take the cuff off."""
    world = campaign.at(states.INFLATING, 0.5).copy()
    campaign.FAULTS[fault](world)
    assert world.until((states.FAULT,))
    assert world.cycle.fault == faults.CUFF_VALVE
    assert world.arm_mmHg() < 5


def test_a_zero_that_moved_spoils_the_result() -> None:
    """A sensor that drifted by more than its own error while the arm was measured is not believed."""
    world = campaign.at(states.DEFLATING, 0.1).copy()
    campaign.FAULTS["sensor drifts slowly down"](world)
    assert world.until((states.COMPUTING,))
    world.cycle.computed(None, int(world.clock.now_s() * 1000))
    assert (world.cycle.state, world.cycle.fault) == (states.FAULT, faults.CUFF_SENSOR)
