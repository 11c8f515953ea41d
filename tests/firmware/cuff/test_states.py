"""The table, as a model: all states, all events, all orders; and the cycle that walks it."""

import itertools

import pytest

from firmware.cuff import limits, states
from firmware.cuff.cycle import Cycle
from firmware.errors import IllegalEvent
from protocol import faults

DANGERS = (states.STOP, states.OVERPRESSURE, states.TIMED_OUT, states.SENSOR_LOST, states.SENSOR_DOUBTED)
ALL_EVENTS = sorted({event for rows in states.TRANSITIONS.values() for event in rows})
ABSENT_ROWS = [pair for pair in itertools.product(states.TRANSITIONS, ALL_EVENTS) if pair[1] not in states.TRANSITIONS[pair[0]]]
DEPTH = 7


def paths(state: str, depth: int) -> list[tuple[str, ...]]:
    """Return every order of events from a state, as the states passed, up to a depth."""
    if depth == 0:
        return [(state,)]
    found = [(state,)]
    for following in set(states.TRANSITIONS[state].values()):
        found += [(state, *rest) for rest in paths(following, depth - 1)]
    return found


@pytest.mark.parametrize("state", states.TRANSITIONS)
def test_stop_from_anywhere_always_vents(state: str) -> None:
    """In every state of the table, and over-pressure too."""
    assert states.after(state, states.STOP) == states.VENTING
    assert states.after(state, states.OVERPRESSURE) == states.VENTING


@pytest.mark.parametrize("state", states.CAN_HOLD_AIR)
@pytest.mark.parametrize("danger", DANGERS)
def test_every_state_that_can_hold_air_opens_the_valves_on_every_danger(state: str, danger: str) -> None:
    """Each has a row, and it leads where the valves are open and the pump is off."""
    following = states.after(state, danger)
    assert following not in states.VALVE_CLOSED
    assert following not in states.PUMP_RUNS


def test_the_pump_runs_only_while_the_valves_are_closed_and_both_only_where_air_is_expected() -> None:
    """Two small sets, and everything else is open."""
    assert set(states.PUMP_RUNS) < set(states.VALVE_CLOSED) < set(states.CAN_HOLD_AIR)


def test_every_path_to_rest_passes_venting() -> None:
    """All orders of events to a depth: between a closed valve and any state of rest, idle above all, stands VENTING."""
    resting = set(states.TRANSITIONS) - set(states.CAN_HOLD_AIR)
    walked = 0
    for start in states.TRANSITIONS:
        for path in paths(start, DEPTH):
            walked += 1
            for place, state in enumerate(path):
                if state in resting and any(before in states.VALVE_CLOSED for before in path[:place]):
                    last_closed = max(at for at, before in enumerate(path[:place]) if before in states.VALVE_CLOSED)
                    assert states.VENTING in path[last_closed:place], path
    assert walked > 5000


def test_no_order_of_events_however_long_reaches_rest_with_closed_valves() -> None:
    """The same by closure: what can be reached from a closed valve without VENTING is never a state of rest."""
    seen = set(states.VALVE_CLOSED)
    while True:
        reached = {following for state in seen for following in states.TRANSITIONS[state].values()} - {states.VENTING}
        if reached <= seen:
            break
        seen |= reached
    assert seen == set(states.VALVE_CLOSED)


def test_every_row_leads_into_the_table_and_every_state_can_be_reached() -> None:
    """No dead end, no island."""
    assert {following for rows in states.TRANSITIONS.values() for following in rows.values()} == set(states.TRANSITIONS)


@pytest.mark.parametrize(("state", "event"), ABSENT_ROWS)
def test_an_event_without_a_row_is_refused(state: str, event: str) -> None:
    """Nothing happens that the table does not say."""
    with pytest.raises(IllegalEvent):
        states.after(state, event)


def steps(cycle: Cycle, at_ms: int, seconds: float, mmHg: float = 0.0) -> int:
    for number in range(int(seconds * 100)):
        at_ms += 10
        cycle.step(mmHg + (number % 7) * 0.01, at_ms)
    return at_ms


def test_a_stop_at_rest_vents_and_is_no_fault() -> None:
    """Nothing was measured, so nothing failed: idle again."""
    cycle = Cycle(0)
    at_ms = steps(cycle, 0, 0.5)
    cycle.stop(at_ms)
    assert (cycle.state, cycle.duty, cycle.valve_closed) == (states.VENTING, 0, False)
    steps(cycle, at_ms, 5)
    assert (cycle.state, cycle.fault) == (states.IDLE, None)


def test_an_arm_rests_between_measurements() -> None:
    """After air, the button does nothing until the pause is over; without air it starts at once."""
    cycle = Cycle(0)
    at_ms = steps(cycle, 0, 0.1)
    assert cycle.press(at_ms)
    at_ms = steps(cycle, at_ms, 1.5)
    assert cycle.state == states.INFLATING
    at_ms = steps(cycle, at_ms, 0.5, 30.0)
    cycle.press(at_ms)
    at_ms = steps(cycle, at_ms, 5)
    assert (cycle.state, cycle.fault) == (states.FAULT, faults.CUFF_STOPPED)
    assert not cycle.press(at_ms)
    assert cycle.pause_ms(at_ms) > 0
    at_ms = steps(cycle, at_ms, limits.PAUSE_MS / 1000)
    assert cycle.press(at_ms)
    assert cycle.state == states.ZEROING


def test_an_empty_cuff_is_where_it_begins() -> None:
    """With air in it, or a sensor that is far off, nothing is pumped."""
    cycle = Cycle(0)
    assert cycle.press(10)
    at_ms = steps(cycle, 10, 1.2, 9.0)
    assert (cycle.state, cycle.fault) == (states.VENTING, faults.CUFF_NOT_EMPTY)
    steps(cycle, at_ms, 5, 9.0)
    assert cycle.state == states.FAULT
