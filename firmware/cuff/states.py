"""The cycle of a measurement, as a table: what may follow what, and which states hold the air.

Safety is rows: stop and over-pressure stand in every state, a time-out, a lost and a doubted sensor in every state in which the cuff can
hold air, and all of them lead to VENTING. From the two states whose valves are closed every way leads through VENTING before it
leads to rest. Guards are in `cycle.py`, numbers in `limits.py`.
"""

from firmware.errors import IllegalEvent

IDLE = "idle"
ZEROING = "zeroing"  # valves open, the sensor's zero is being learnt
INFLATING = "inflating"
DEFLATING = "deflating"  # valves closed, the needle bleeds, the pulse is recorded
VENTING = "venting"  # valves open until the cuff is empty
COMPUTING = "computing"
RESULT = "result"
RESTING = "resting"  # between the two measurements of a pair, cuff empty
FAULT = "fault"

START = "start"
ZERO_FOUND = "zero_found"
NOT_EMPTY = "not_empty"
TARGET_REACHED = "target_reached"
TOP_CUT = "top_cut"  # the pulse was strong already where the recording began: higher, once more
SEEN_ENOUGH = "seen_enough"
EMPTY_RECORDED = "empty_recorded"  # the cuff is empty, and there is a whole recording
EMPTY_FAILED = "empty_failed"  # the cuff is empty, and the measurement was broken off
EMPTY_AT_REST = "empty_at_rest"  # the cuff is empty, and nothing had been begun
RESULT_FOUND = "result_found"
REFUSED = "refused"
ONCE_MORE = "once_more"  # the first of two is done
RESTED = "rested"
DISMISSED = "dismissed"  # what is shown has been shown long enough
STOP = "stop"
OVERPRESSURE = "overpressure"
TIMED_OUT = "timed_out"
SENSOR_LOST = "sensor_lost"
SENSOR_DOUBTED = "sensor_doubted"
LEAK = "leak"
LOOSE = "loose"
TUBE = "tube"

# The one set of states whose valves may be closed, and the one whose pump may run.
VALVE_CLOSED = (INFLATING, DEFLATING)
PUMP_RUNS = (INFLATING,)
CAN_HOLD_AIR = (ZEROING, INFLATING, DEFLATING, VENTING)

TRANSITIONS = {
    IDLE: {START: ZEROING, STOP: VENTING, OVERPRESSURE: VENTING},
    ZEROING: {
        ZERO_FOUND: INFLATING,
        NOT_EMPTY: VENTING,
        STOP: VENTING,
        OVERPRESSURE: VENTING,
        TIMED_OUT: VENTING,
        SENSOR_LOST: VENTING,
        SENSOR_DOUBTED: VENTING,
    },
    INFLATING: {
        TARGET_REACHED: DEFLATING,
        LEAK: VENTING,
        LOOSE: VENTING,
        TUBE: VENTING,
        STOP: VENTING,
        OVERPRESSURE: VENTING,
        TIMED_OUT: VENTING,
        SENSOR_LOST: VENTING,
        SENSOR_DOUBTED: VENTING,
    },
    DEFLATING: {
        SEEN_ENOUGH: VENTING,
        TOP_CUT: INFLATING,
        LEAK: VENTING,
        STOP: VENTING,
        OVERPRESSURE: VENTING,
        TIMED_OUT: VENTING,
        SENSOR_LOST: VENTING,
        SENSOR_DOUBTED: VENTING,
    },
    VENTING: {
        EMPTY_RECORDED: COMPUTING,
        EMPTY_FAILED: FAULT,
        EMPTY_AT_REST: IDLE,
        STOP: VENTING,
        OVERPRESSURE: VENTING,
        TIMED_OUT: FAULT,
        SENSOR_LOST: VENTING,
        SENSOR_DOUBTED: VENTING,
    },
    COMPUTING: {RESULT_FOUND: RESULT, REFUSED: FAULT, STOP: VENTING, OVERPRESSURE: VENTING},
    RESULT: {START: ZEROING, ONCE_MORE: RESTING, DISMISSED: IDLE, STOP: VENTING, OVERPRESSURE: VENTING},
    RESTING: {RESTED: ZEROING, STOP: VENTING, OVERPRESSURE: VENTING},
    FAULT: {START: ZEROING, DISMISSED: IDLE, STOP: VENTING, OVERPRESSURE: VENTING},
}


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise IllegalEvent(state=state, event=event)
    return following
