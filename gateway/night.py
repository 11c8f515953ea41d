"""The night in the nursery: what was live becomes one line a minute, kept at home for a day, and the chart and table drawn from them.

Loudness is averaged as energy (a minute's equivalent level) with its loudest second beside it; of crying the seconds are counted. There is
no sound in it, and nothing of it leaves the home.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT_MINUTES = 24 * 60
WIDTH, HEIGHT = 960, 180
_FLOOR_dB, _CEILING_dB = 25.0, 95.0


class Minute(NamedTuple):
    """One minute of a room: minute of UTC since 1970; None for what nobody told."""

    minute: int
    mean_dB: float
    loudest_dB: float
    crying_s: int
    Cel: float | None
    percent: float | None


@dataclass
class _Heard:
    energies: list[float] = field(default_factory=list)
    loudest_dB: float = 0.0
    crying: int = 0
    Cel: list[float] = field(default_factory=list)
    percent: list[float] = field(default_factory=list)


class Gathering:
    """`hear` live values, some once a second; `take` the minutes that are over."""

    def __init__(self) -> None:
        self._heard: dict[tuple[bytes, int], _Heard] = {}

    def hear(self, kid: bytes, utc_s: float, dB: float, crying: bool, Cel: float | None, percent: float | None) -> None:
        """Take one live value."""
        heard = self._heard.setdefault((kid, int(utc_s // 60)), _Heard())
        heard.energies.append(10 ** (dB / 10))
        heard.loudest_dB = max(heard.loudest_dB, dB)
        heard.crying += crying
        if Cel is not None:
            heard.Cel.append(Cel)
        if percent is not None:
            heard.percent.append(percent)

    def take(self, utc_s: float) -> list[tuple[bytes, Minute]]:
        """Return the minutes before this moment's, each once."""
        now = int(utc_s // 60)
        over = sorted(key for key in self._heard if key[1] < now)
        return [(kid, _summed(minute, self._heard.pop((kid, minute)))) for kid, minute in over]


def _summed(minute: int, heard: _Heard) -> Minute:
    count = len(heard.energies)
    mean_dB = 10 * math.log10(sum(heard.energies) / count)
    crying_s = min(60, round(60 * heard.crying / count)) if heard.crying else 0
    return Minute(minute, round(mean_dB, 1), heard.loudest_dB, crying_s, _mean(heard.Cel), _mean(heard.percent))


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


class Chart(NamedTuple):
    """A day as it is drawn: lines of loudness (points of an SVG polyline each, a gap begins a new one), bars of crying, marks of hours."""

    loudness: list[str]
    crying: list[tuple[float, float]]  # x, width
    hours: list[tuple[float, int]]  # x, second of UTC
    levels: list[tuple[float, int]]  # y, dB


def chart(minutes: Sequence[Minute], now_minute: int) -> Chart:
    """Return the drawing of the last day's minutes, in order of time."""
    first = now_minute - KEPT_MINUTES
    scale = WIDTH / KEPT_MINUTES
    lines: list[list[str]] = []
    previous = None
    for each in minutes:
        if previous is None or each.minute > previous + 2:
            lines.append([])
        lines[-1].append(f"{(each.minute - first) * scale:.1f},{_y(each.mean_dB):.1f}")
        previous = each.minute
    crying = [((each.minute - first) * scale, max(1.5, scale)) for each in minutes if each.crying_s >= 5]
    hours = [((hour - first) * scale, hour * 60) for hour in range(first - first % 180 + 180, now_minute, 180)]
    return Chart([" ".join(line) for line in lines], crying, hours, [(_y(level), level) for level in (30, 50, 70, 90)])


def _y(dB: float) -> float:
    share = (min(_CEILING_dB, max(_FLOOR_dB, dB)) - _FLOOR_dB) / (_CEILING_dB - _FLOOR_dB)
    return HEIGHT * (1 - share)


class Hour(NamedTuple):
    """One hour of the table: its first second of UTC, and what was in it."""

    utc_s: int
    mean_dB: float
    loudest_dB: float
    crying_minutes: int
    Cel: float | None
    percent: float | None


def hours(minutes: Sequence[Minute]) -> list[Hour]:
    """Return the hours that have a minute, the newest first; crying_minutes: those with five seconds of it or more."""
    rows = []
    for hour in sorted({each.minute // 60 for each in minutes}, reverse=True):
        its = [each for each in minutes if each.minute // 60 == hour]
        mean_dB = 10 * math.log10(sum(10 ** (each.mean_dB / 10) for each in its) / len(its))
        rows.append(
            Hour(
                hour * 3600,
                round(mean_dB, 1),
                max(each.loudest_dB for each in its),
                sum(each.crying_s >= 5 for each in its),
                _mean([each.Cel for each in its if each.Cel is not None]),
                _mean([each.percent for each in its if each.percent is not None]),
            )
        )
    return rows
