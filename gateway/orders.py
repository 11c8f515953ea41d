"""What becomes of a command: queued by a person, handed to its device once it is there, answered, and never done twice.

`commands.py` says what the devices' door needs of this; where orders are kept is `edges/orderbook.py`'s. An order that came from the site
and would make the nursery less safe first waits for somebody at home (threats T14); nothing inflates the cuff, which is only armed; and
listening to a room is offered at home alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import IllegalEvent
from protocol import commands

# States: what is true of an order.
ASKING = "asking"  # it came from the site, and somebody at home must say yes first
WAITING = "waiting"  # for its device to be there
HANDED = "handed"  # the device was told, and has not answered yet
DONE = "done"
REFUSED = "refused"
LATE = "late"  # nobody came for it in time, or it came too late
STRANGE = "strange"  # the device does not know this command
INTERRUPTED = "interrupted"  # begun before its power went; nobody knows how far it came
UNANSWERED = "unanswered"  # handed over, and time is up without a word
DECLINED = "declined"  # somebody at home said no
WITHDRAWN = "withdrawn"  # whoever gave it took it back

# Events: what happened to it.
AGREED, SAID_NO, TAKEN_BACK, WAS_HANDED, TIME_UP = "agreed", "said_no", "taken_back", "was_handed", "time_up"
ANSWERS = {
    commands.DONE: "answered_done",
    commands.REFUSED: "answered_refused",
    commands.TOO_LATE: "answered_late",
    commands.NOT_UNDERSTOOD: "answered_strange",
    commands.INTERRUPTED: "answered_interrupted",
}

_ANSWERED: Mapping[str, str] = dict(zip(ANSWERS.values(), (DONE, REFUSED, LATE, STRANGE, INTERRUPTED), strict=True))
# A word that comes late is still the truth; one that comes again changes nothing.
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    ASKING: {AGREED: WAITING, SAID_NO: DECLINED, TAKEN_BACK: WITHDRAWN, TIME_UP: LATE},
    WAITING: {WAS_HANDED: HANDED, TAKEN_BACK: WITHDRAWN, TIME_UP: LATE, **_ANSWERED},
    HANDED: {WAS_HANDED: HANDED, TIME_UP: UNANSWERED, **_ANSWERED},
    UNANSWERED: {**_ANSWERED},
    LATE: {**_ANSWERED},
    WITHDRAWN: {**_ANSWERED},
    DECLINED: {},
    DONE: dict.fromkeys(_ANSWERED, DONE),
    REFUSED: dict.fromkeys(_ANSWERED, REFUSED),
    STRANGE: dict.fromkeys(_ANSWERED, STRANGE),
    INTERRUPTED: dict.fromkeys(_ANSWERED, INTERRUPTED),
}
OPEN = (ASKING, WAITING, HANDED)
MAY_BE_HANDED = (WAITING, HANDED)

HOME, SITE = "home", "site"

# Each function of each kind of device, as the page and the site offer it; inflating the cuff is the one that is nowhere (threats T14).
# A test compares them with the firmware's own tables, so a function that a device learns is offered or the test fails.
_EVERY = (commands.STOP, commands.IDENTIFY, commands.REPORT, commands.CHOOSE, commands.RESTART)
_COMFORT = (commands.LIGHT, commands.PLAY, commands.VOLUME)
FUNCTIONS: Mapping[str, tuple[int, ...]] = {
    "scale": _EVERY,
    "cuff": (commands.ARM, *_EVERY),
    "babyphone": (*_COMFORT, commands.LISTEN, *_EVERY),
}
# Its own page of the home alone offers it, to a browser in the home's network, with the key that goes with it (threats T14, T22).
AT_HOME = frozenset({commands.LISTEN})
# And these arguments: who may read a device from beside it is said by whoever stands beside it.
ARGUMENTS_AT_HOME = frozenset({commands.PHONES})
NAMES: Mapping[int, str] = {
    commands.ARM: "arm",
    commands.STOP: "stop",
    commands.IDENTIFY: "identify",
    commands.UPDATE: "update",
    commands.REPORT: "report",
    commands.CHOOSE: "choose",
    commands.RESTART: "restart",
    commands.LIGHT: "light",
    commands.PLAY: "play",
    commands.VOLUME: "volume",
    commands.LISTEN: "listen",
}
# From the site, these first wait for a yes at home: while it does them, the babyphone does not listen.
_ASK_AT_HOME = {("babyphone", commands.RESTART), ("babyphone", commands.UPDATE)}
# How long an order may wait: what somebody beside the device wants now is worth nothing in an hour; a setting waits for the next weigh-in.
_MINUTE_S = 60
LIVES_S: Mapping[int, int] = {
    commands.ARM: 2 * _MINUTE_S,
    commands.STOP: 2 * _MINUTE_S,
    commands.IDENTIFY: 10 * _MINUTE_S,
    commands.UPDATE: 24 * 60 * _MINUTE_S,
    commands.REPORT: 24 * 60 * _MINUTE_S,
    commands.CHOOSE: 24 * 60 * _MINUTE_S,
    commands.RESTART: 10 * _MINUTE_S,
    commands.LIGHT: 2 * _MINUTE_S,
    commands.PLAY: 2 * _MINUTE_S,
    commands.VOLUME: 2 * _MINUTE_S,
    commands.LISTEN: _MINUTE_S // 3,
}
MOST_OPEN = 8  # for one device


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as it stands: what, for which device, since when, how long; origin: HOME or SITE, then subject says whose account."""

    number: int
    kid: bytes
    kind: int
    arguments: Mapping[int, int] = field(default_factory=dict)
    origin: str = HOME
    subject: int | None = None
    made_ms: int = 0
    expires_ms: int = 0
    state: str = WAITING
    fault: int | None = None
    ended_ms: int | None = None


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEvent(state, event) from None


def first_state(device_kind: str, kind: int, origin: str) -> str:
    """Return the state an order begins in."""
    return ASKING if origin == SITE and (device_kind, kind) in _ASK_AT_HOME else WAITING


def arguments(kind: int, given: Mapping[int, int], origin: str = HOME) -> dict[int, int] | None:
    """Return the arguments of a command if `protocol/commands.py` allows them, and to whoever asks; None: it does not."""
    rules = commands.ARGUMENTS.get(kind)
    if rules is None or not set(given) <= set(rules) or (origin == SITE and set(given) & ARGUMENTS_AT_HOME):
        return None
    for key, (type_, least, most, needed) in rules.items():
        if key not in given:
            if needed:
                return None
        elif type_ is not int or not least <= given[key] <= most:  # a key is no number that a form could bring
            return None
    return dict(given)


def allowed(device_kind: str, kind: int, origin: str = HOME) -> bool:
    """Whether a device of this kind has such a function, and whoever asks may ask for it."""
    return kind in FUNCTIONS[device_kind] and not (origin == SITE and kind in AT_HOME)


def next_of(waiting: list[Wanted], now_ms: int) -> Wanted | None:
    """Return what a device shall do next: to stop before everything else, then in the order in which they were given."""
    ready = [each for each in waiting if each.state in MAY_BE_HANDED and each.expires_ms > now_ms]
    return min(ready, key=lambda each: (each.kind != commands.STOP, each.number), default=None)


def overdue(waiting: list[Wanted], now_ms: int) -> list[Wanted]:
    """Return those whose time is up."""
    return [each for each in waiting if each.state in OPEN and each.expires_ms <= now_ms]
