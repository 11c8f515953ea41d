"""The cuff's table and cycle cannot hold an arm: every state that can hold air is walked with everything that can happen in it."""

import itertools

import pytest

from firmware.cuff import limits, states
from firmware.errors import IllegalEvent
from protocol import faults
from tests.firmware.cuff import bodies

DANGERS = (states.STOP, states.OVERPRESSURE, states.TIMED_OUT, states.SENSOR_LOST)
ALL_EVENTS = sorted({event for rows in states.TRANSITIONS.values() for event in rows})
ABSENT_ROWS = [pair for pair in itertools.product(states.TRANSITIONS, ALL_EVENTS) if pair[1] not in states.TRANSITIONS[pair[0]]]


@pytest.mark.parametrize("state", states.CAN_HOLD_AIR)
@pytest.mark.parametrize("danger", DANGERS)
def test_every_state_that_can_hold_air_opens_the_valve_on_every_danger(state: str, danger: str) -> None:
    """Stop, over-pressure, time-out and a lost sensor have a row in each, and it leads where the valve is open and the pump is off."""
    following = states.after(state, danger)
    assert following not in states.VALVE_CLOSED
    assert following not in states.PUMP_RUNS


def test_the_pump_runs_only_while_the_valve_is_closed_and_both_only_where_air_is_expected() -> None:
    """Two small sets, and everything else is open."""
    assert set(states.PUMP_RUNS) < set(states.VALVE_CLOSED) < set(states.CAN_HOLD_AIR)


def test_no_way_leads_from_a_closed_valve_to_rest_without_venting() -> None:
    """Every path out of the closed states passes VENTING or ABORTING: all orders of events to a depth of six."""
    resting = set(states.TRANSITIONS) - set(states.CAN_HOLD_AIR)
    for start in states.VALVE_CLOSED:
        seen = {start}
        for _ in range(6):
            reached = {following for state in seen for following in states.TRANSITIONS[state].values()}
            seen |= reached - {states.VENTING, states.ABORTING}
        assert not seen & resting


def test_every_row_leads_into_the_table_and_every_state_can_be_reached() -> None:
    """No dead end, no island."""
    reached = {following for rows in states.TRANSITIONS.values() for following in rows.values()}
    assert reached | {states.IDLE} == set(states.TRANSITIONS)


@pytest.mark.parametrize(("state", "event"), ABSENT_ROWS)
def test_an_event_without_a_row_is_refused(state: str, event: str) -> None:
    """Nothing happens that the table does not say."""
    with pytest.raises(IllegalEvent):
        states.after(state, event)


REACHABLE = tuple(state for state in states.TRANSITIONS if state != states.FAULT)
FAULTS = ("stop", "sensor", "leak", "runaway", "overpressure", "dead pump", "off")


@pytest.mark.parametrize("state", REACHABLE)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_in_any_state_hurts_the_arm(state: str, fault: str) -> None:
    """The pressure on the arm itself: never over 330 mmHg, never over 15 mmHg for more than 180 s, whatever fails and when."""
    if fault == "stop" and state in (states.IDLE, states.SHOWN):
        pytest.skip("the button starts here")
    last, _, highest_mmHg, longest_ms, under_ms = bodies.after_fault(state, fault)
    assert highest_mmHg <= 330
    assert longest_ms <= 180_000
    if fault in ("stop", "sensor"):
        assert under_ms is not None
        assert under_ms <= limits.VENT_MS + limits.SENSOR_SILENT_MS
    assert last not in states.VALVE_CLOSED


@pytest.mark.parametrize(
    ("state", "fault", "code"),
    [
        (states.INFLATING, "stop", faults.CUFF_STOPPED),
        (states.DEFLATING, "stop", faults.CUFF_STOPPED),
        (states.VENTING, "stop", faults.CUFF_STOPPED),
        (states.INFLATING, "overpressure", faults.CUFF_OVERPRESSURE),
        (states.DEFLATING, "overpressure", faults.CUFF_OVERPRESSURE),
        (states.INFLATING, "dead pump", faults.CUFF_LEAK),
        (states.DEFLATING, "leak", faults.CUFF_LEAK),
    ],
)
def test_a_measurement_that_ends_early_says_why(state: str, fault: str, code: int) -> None:
    """The fault that the person reads is the one that happened."""
    assert bodies.after_fault(state, fault)[:2] == [states.FAULT, code]


def test_a_lost_sensor_ends_in_a_fault_after_the_air_had_time_to_go() -> None:
    """Without a sensor nobody knows when the cuff is empty, so the person is told to take it off."""
    assert bodies.after_fault(states.DEFLATING, "sensor")[:2] == [states.FAULT, faults.CUFF_VALVE]
