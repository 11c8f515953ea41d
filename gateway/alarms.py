"""When a babyphone's room needs a parent: rules over its live values and the time, and what became of each alarm.

Pure: told what was heard and when (seconds of any clock that only goes forward), it says which alarms there are. Each alarm is a row of
the table below; a parent acknowledges it (it stays shown, silent, until its reason is over) or snoozes it (it rings again after some
minutes if its reason is still there). Humidity is comfort and has no alarm. Silence of the device is an alarm like any other, and the
page keeps a clock of its own for it, because a gateway that died can tell nobody.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

CRYING, TOO_COLD, TOO_WARM, NO_LIFE, BATTERY_LOW = "crying", "too_cold", "too_warm", "no_life", "battery_low"
KINDS = (NO_LIFE, CRYING, TOO_WARM, TOO_COLD, BATTERY_LOW)  # the most urgent first

CALM, RINGING, SNOOZED, ACKNOWLEDGED = "calm", "ringing", "snoozed", "acknowledged"
BEGUN, OVER, ACKNOWLEDGE, SNOOZE, WOKEN = "begun", "over", "acknowledge", "snooze", "woken"

TRANSITIONS = {
    CALM: {BEGUN: RINGING},
    RINGING: {BEGUN: RINGING, OVER: CALM, ACKNOWLEDGE: ACKNOWLEDGED, SNOOZE: SNOOZED},
    SNOOZED: {BEGUN: SNOOZED, OVER: CALM, ACKNOWLEDGE: ACKNOWLEDGED, SNOOZE: SNOOZED, WOKEN: RINGING},
    ACKNOWLEDGED: {BEGUN: ACKNOWLEDGED, OVER: CALM, ACKNOWLEDGE: ACKNOWLEDGED},
}


class Rules(NamedTuple):
    """Limits of a room; 16 to 20 degrees is what the Lullaby Trust recommends, and an alarm is for what is well outside."""

    too_cold_Cel: float = 15.0
    too_warm_Cel: float = 24.0
    hysteresis_K: float = 1.0
    climate_for_s: float = 600.0  # a draught is no cold room
    window_s: float = 5.0
    windows: int = 3
    crying_windows: int = 2
    quiet_s: float = 30.0
    no_life_s: float = 20.0  # with the page's beat, said well within 30
    battery_percent: int = 15
    snooze_s: float = 300.0


# What a parent may choose: name, least, most. Silence of the device has no limit that could be loosened.
CHOOSABLE = {"too_cold_Cel": (10.0, 19.0), "too_warm_Cel": (20.0, 32.0), "crying_windows": (1, 3)}


class Alarm(NamedTuple):
    """One alarm that is there now: its kind, RINGING, SNOOZED or ACKNOWLEDGED, and since when."""

    kind: str
    state: str
    since_s: float


@dataclass
class _Row:
    state: str = CALM
    since_s: float = 0.0
    until_s: float = 0.0  # of a snooze


@dataclass
class Room:
    """One room: tell it what was heard, ask it for `alarms`."""

    began_s: float  # when it was first waited for
    rules: Rules = field(default_factory=Rules)
    _rows: dict[str, _Row] = field(default_factory=lambda: {kind: _Row() for kind in KINDS})
    _windows: list[bool] = field(default_factory=list)  # those that are over
    _window: int | None = None  # number of the one under way
    _crying: bool = False  # the latest word in it
    _cried_s: float | None = None
    _heard_s: float | None = None
    _outside: dict[str, float] = field(default_factory=dict)  # TOO_COLD, TOO_WARM: since when
    _battery_low: bool = False

    def heard(self, now_s: float, crying: bool | None = None, Cel: float | None = None) -> None:
        """Take live values; None for what was not among them."""
        self._heard_s = now_s
        if crying is not None:
            self._listen(now_s, crying)
        if Cel is not None:
            self._feel(now_s, Cel)
        self.alarms(now_s)

    def charged(self, battery_percent: int | None) -> None:
        """Take how full the device's battery is, as its last reading said; None: it has none, or has not said."""
        self._battery_low = battery_percent is not None and battery_percent <= self.rules.battery_percent

    def alarms(self, now_s: float) -> list[Alarm]:
        """Return the alarms that are there, the most urgent first."""
        for kind in KINDS:
            row = self._rows[kind]
            if row.state == SNOOZED and now_s >= row.until_s:
                self._happened(row, WOKEN, now_s)
            if self._reason(kind, row, now_s):
                self._happened(row, BEGUN, now_s)
            elif row.state != CALM:
                self._happened(row, OVER, now_s)
        return [Alarm(kind, row.state, row.since_s) for kind, row in self._rows.items() if row.state != CALM]

    def acknowledge(self, kind: str, now_s: float) -> None:
        """A parent goes: this alarm is silent until its reason is over. An alarm that is over already stays so."""
        self.alarms(now_s)
        self._happened(self._rows[kind], ACKNOWLEDGE, now_s)

    def snooze(self, kind: str, now_s: float) -> None:
        """A parent waits: this alarm is silent for some minutes."""
        self.alarms(now_s)
        self._happened(self._rows[kind], SNOOZE, now_s)

    def _happened(self, row: _Row, event: str, now_s: float) -> None:
        following = TRANSITIONS[row.state].get(event)
        if following is None:  # pressed when it was over, or snoozed after it was acknowledged: nothing to change
            return
        if row.state == CALM:
            row.since_s = now_s
        if event == SNOOZE:
            row.until_s = now_s + self.rules.snooze_s
        row.state = following

    def _reason(self, kind: str, row: _Row, now_s: float) -> bool:
        """Return whether the reason for an alarm is there, given whether the alarm is."""
        if kind == NO_LIFE:
            return now_s - (self.began_s if self._heard_s is None else self._heard_s) >= self.rules.no_life_s
        if kind == CRYING:
            if row.state != CALM and self._cried_s is not None:
                return now_s - self._cried_s < self.rules.quiet_s
            return sum(self._windows[-self.rules.windows :]) >= self.rules.crying_windows
        if kind == BATTERY_LOW:
            return self._battery_low
        since_s = self._outside.get(kind)
        return since_s is not None and (row.state != CALM or now_s - since_s >= self.rules.climate_for_s)

    def _listen(self, now_s: float, crying: bool) -> None:
        """Each five seconds count once, by what was said as they ended: the device judges the last five seconds, again and again."""
        number = math.ceil(now_s / self.rules.window_s)
        if number != self._window:
            passed = 0 if self._window is None else number - self._window
            if passed > self.rules.windows:  # a gap: what was before it says nothing of now
                self._windows = []
            elif passed > 0:
                self._windows = [*self._windows, self._crying, *[False] * (passed - 1)][-self.rules.windows :]
            self._window = number
        self._crying = crying
        if crying:
            self._cried_s = now_s
        elif self._cried_s is not None and now_s - self._cried_s >= self.rules.quiet_s:
            self._windows = []

    def _feel(self, now_s: float, Cel: float) -> None:
        """Outside begins at the limit and ends a degree within it."""
        for kind, beyond_K in ((TOO_COLD, self.rules.too_cold_Cel - Cel), (TOO_WARM, Cel - self.rules.too_warm_Cel)):
            if beyond_K > 0:
                self._outside.setdefault(kind, now_s)
            elif beyond_K <= -self.rules.hysteresis_K or self._rows[kind].state == CALM:
                self._outside.pop(kind, None)
