"""The states of a weighing, as a table.

Guards (how heavy, how still, how alive) live in `weighing.py`; here stands only what may follow what.
"""

from firmware.errors import IllegalEvent

ASLEEP = "asleep"  # the processor is off; a spring switch under the plate or a timer wakes it
ZEROING = "zeroing"  # the empty plate is being learnt
READY = "ready"  # an empty plate, followed slowly
LOADING = "loading"  # somebody is on the plate and not still yet
SETTLING = "settling"  # still, and for how long is being seen
MEASURING_IMPEDANCE = "measuring_impedance"  # the weight is known; a small current asks for bare feet
SHOWN = "shown"  # the weight is held until the plate is empty
FAULT = "fault"  # the converter is silent or saturated

WOKEN = "woken"
WOKEN_UNDER_LOAD = "woken_under_load"
ZERO_FOUND = "zero_found"
STEPPED_ON = "stepped_on"
STOOD_STILL = "stood_still"
MOVED = "moved"
SETTLED = "settled"
IMPEDANCE_ENDED = "impedance_ended"
STEPPED_OFF = "stepped_off"
LEFT_ALONE = "left_alone"
CONVERTER_LOST = "converter_lost"
CONVERTER_BACK = "converter_back"

TRANSITIONS = {
    ASLEEP: {WOKEN: ZEROING, WOKEN_UNDER_LOAD: LOADING},
    ZEROING: {ZERO_FOUND: READY, STEPPED_ON: LOADING, LEFT_ALONE: ASLEEP, CONVERTER_LOST: FAULT},
    READY: {STEPPED_ON: LOADING, LEFT_ALONE: ASLEEP, CONVERTER_LOST: FAULT},
    LOADING: {STOOD_STILL: SETTLING, STEPPED_OFF: READY, LEFT_ALONE: ASLEEP, CONVERTER_LOST: FAULT},
    SETTLING: {SETTLED: MEASURING_IMPEDANCE, MOVED: LOADING, STEPPED_OFF: READY, LEFT_ALONE: ASLEEP, CONVERTER_LOST: FAULT},
    MEASURING_IMPEDANCE: {IMPEDANCE_ENDED: SHOWN, CONVERTER_LOST: FAULT},
    SHOWN: {STEPPED_OFF: READY, LEFT_ALONE: ASLEEP, CONVERTER_LOST: FAULT},
    FAULT: {CONVERTER_BACK: ZEROING, LEFT_ALONE: ASLEEP, CONVERTER_LOST: FAULT},
}


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise IllegalEvent(state=state, event=event)
    return following
