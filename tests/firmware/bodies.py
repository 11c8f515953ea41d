"""The ground all devices stand on: clock, words, watch and settings under both Pythons."""

from firmware import words
from firmware.clock import Clock
from firmware.display import Display
from firmware.errors import IdentityBroken, SettingsBroken
from firmware.flash import identity, settings
from firmware.watch import Watch

WRAP = 1 << 30

SETTINGS = {"device": "cuff", "ssid": "home", "gateway": ["10.0.0.2", 5683]}
IDENTITY = {
    "serial": "FY-C-1",
    "signing_key": bytes(range(32)),
    "kid": b"\x01\x02\x03\x04",
    "pairing": bytes(8),
    "link_key": bytes(32),
    "link_public": bytes(65),
    "gateway_key": bytes(65),
}


class Ticks:
    """MicroPython's ticks_ms, which wraps at 2^30, moved by hand."""

    def __init__(self, start: int) -> None:
        self.now = start

    def ms(self) -> int:
        """ticks_ms."""
        return self.now % WRAP

    @staticmethod
    def diff(later: int, earlier: int) -> int:
        """ticks_diff."""
        return (later - earlier + WRAP // 2) % WRAP - WRAP // 2


def uptimes(start: int, steps_ms: list[int]) -> list[int]:
    """Return the uptime after each step."""
    ticks = Ticks(start)
    clock = Clock(ticks.ms, ticks.diff)
    seen = []
    for step_ms in steps_ms:
        ticks.now += step_ms
        seen.append(clock.up_ms())
    return seen


def world_time(utc_ms: int, later_ms: int) -> list[int | None]:
    """Return the time before it was learnt, and some time after."""
    ticks = Ticks(WRAP - 500)
    clock = Clock(ticks.ms, ticks.diff)
    before = clock.utc_s()
    ticks.now += 100
    clock.learn(utc_ms)
    ticks.now += later_ms
    return [before, clock.utc_s()]


def missing_task(silent_ms: int) -> list[str | None]:
    """Return who is missing before and after one of two tasks was silent."""
    ticks = Ticks(0)
    watch = Watch(None, Clock(ticks.ms, ticks.diff))
    one, _ = watch.expect("one", 1000), watch.expect("two", 60_000)
    before = watch.missing()
    ticks.now += silent_ms
    between = watch.missing()
    one()
    return [before, between, watch.missing()]


def all_words() -> list[tuple[str, str]]:
    """Return every pair of words."""
    return [(words.say(name, "en"), words.say(name, "fr")) for name in _names()]


def words_of(codes: list[int]) -> list[str]:
    """Return the English words for fault codes."""
    return [words.say(words.of_fault(code), "en") for code in codes]


def settings_with(changes: dict[str, object]) -> object:
    """Return checked settings after changes (None removes), or the field that was refused."""
    changed = dict(SETTINGS)
    for name, value in changes.items():
        changed[name] = value
        if value is None:
            del changed[name]
    try:
        return settings.check(changed)
    except SettingsBroken as broken:
        return broken.field


def identity_with(changes: dict[str, object]) -> object:
    """Return whether an identity with changes is one, or the field that was refused."""
    try:
        return identity.check(dict(IDENTITY, **changes)).serial
    except IdentityBroken as broken:
        return broken.field


def _names() -> list[str]:
    with open(words.FILE, encoding="utf-8") as table:
        return [line.split("|")[0] for line in table]


def display_told(said: list[list[object]]) -> list[str]:
    """Return what a display wrote after [what, ...]: reading number sequence, person sequence initials trend, way name sequence."""
    written: list[str] = []
    display = Display("en", written.append)
    for what, *told in said:
        getattr(display, str(what))(*told)
    return written
