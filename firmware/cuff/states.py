"""The cycle of a measurement, as a table: what may follow what, and which states hold the air.

Safety is rows: stop, over-pressure, time-out and a lost sensor stand in every state in which the cuff can hold air, and all of them
lead to ABORTING, whose valve is open. Guards are in `cycle.py`, numbers in `limits.py`.
"""

from firmware.errors import IllegalEvent

IDLE = "idle"
ZEROING = "zeroing"  # valve open, the sensor's zero is being learnt
INFLATING = "inflating"
DEFLATING = "deflating"  # valve closed, the needle bleeds, the pulse is recorded
VENTING = "venting"  # valve open after a whole recording
COMPUTING = "computing"
SHOWN = "shown"
ABORTING = "aborting"  # valve open after anything else
FAULT = "fault"

START = "start"
ZERO_FOUND = "zero_found"
NOT_EMPTY = "not_empty"
TARGET_REACHED = "target_reached"
TOP_CUT = "top_cut"  # the pulse was strong already where the recording began: higher, once more
SEEN_ENOUGH = "seen_enough"
EMPTY = "empty"
RESULT_FOUND = "result_found"
REFUSED = "refused"
STOP = "stop"
OVERPRESSURE = "overpressure"
TIMED_OUT = "timed_out"
SENSOR_LOST = "sensor_lost"
LEAK = "leak"

# The one set of states whose valve may be closed, and the one whose pump may run.
VALVE_CLOSED = (INFLATING, DEFLATING)
PUMP_RUNS = (INFLATING,)
CAN_HOLD_AIR = (ZEROING, INFLATING, DEFLATING, VENTING, ABORTING)

TRANSITIONS = {
    IDLE: {START: ZEROING, OVERPRESSURE: ABORTING, SENSOR_LOST: IDLE},
    ZEROING: {
        ZERO_FOUND: INFLATING,
        NOT_EMPTY: ABORTING,
        STOP: ABORTING,
        OVERPRESSURE: ABORTING,
        TIMED_OUT: ABORTING,
        SENSOR_LOST: ABORTING,
    },
    INFLATING: {
        TARGET_REACHED: DEFLATING,
        LEAK: ABORTING,
        STOP: ABORTING,
        OVERPRESSURE: ABORTING,
        TIMED_OUT: ABORTING,
        SENSOR_LOST: ABORTING,
    },
    DEFLATING: {
        SEEN_ENOUGH: VENTING,
        TOP_CUT: INFLATING,
        LEAK: ABORTING,
        STOP: ABORTING,
        OVERPRESSURE: ABORTING,
        TIMED_OUT: ABORTING,
        SENSOR_LOST: ABORTING,
    },
    VENTING: {EMPTY: COMPUTING, STOP: ABORTING, OVERPRESSURE: ABORTING, TIMED_OUT: ABORTING, SENSOR_LOST: ABORTING},
    COMPUTING: {RESULT_FOUND: SHOWN, REFUSED: FAULT, STOP: FAULT, OVERPRESSURE: ABORTING, SENSOR_LOST: COMPUTING},
    SHOWN: {START: ZEROING, OVERPRESSURE: ABORTING, SENSOR_LOST: SHOWN},
    ABORTING: {EMPTY: FAULT, STOP: ABORTING, OVERPRESSURE: ABORTING, TIMED_OUT: FAULT, SENSOR_LOST: ABORTING},
    FAULT: {START: ZEROING, OVERPRESSURE: ABORTING, SENSOR_LOST: FAULT},
}


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise IllegalEvent(state=state, event=event)
    return following
