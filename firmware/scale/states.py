"""The states of a weighing, as a table.

Guards (how heavy, how still) live in `weighing.py`; here stands only what may follow what. The numbers that decide are there too.
"""

from firmware.errors import IllegalEvent

ZEROING = "zeroing"  # just switched on: the empty plate is being learnt
READY = "ready"  # an empty plate, followed slowly
LOADING = "loading"  # somebody is on the plate and not still yet
HELD = "held"  # the weight is known; it stays until the plate is empty
BROKEN = "broken"  # the converter is silent or saturated

ZERO_FOUND = "zero_found"
STEPPED_ON = "stepped_on"
SETTLED = "settled"
STEPPED_OFF = "stepped_off"
CONVERTER_LOST = "converter_lost"
CONVERTER_BACK = "converter_back"

TRANSITIONS = {
    ZEROING: {ZERO_FOUND: READY, STEPPED_ON: LOADING, CONVERTER_LOST: BROKEN},
    READY: {STEPPED_ON: LOADING, CONVERTER_LOST: BROKEN},
    LOADING: {SETTLED: HELD, STEPPED_OFF: READY, CONVERTER_LOST: BROKEN},
    HELD: {STEPPED_OFF: READY, CONVERTER_LOST: BROKEN},
    BROKEN: {CONVERTER_LOST: BROKEN, CONVERTER_BACK: ZEROING},
}


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise IllegalEvent(state=state, event=event)
    return following
