"""Which time a page shows: the last day, week, month or year, or the one that ended with a day in the past; and the one before it.

A period without a day ends now, so last night is in the last day. One that was chosen by its day goes from midnight to midnight where
the person is, whatever summer time does. The one before is as long, so that two are compared like with like.
"""

import datetime
import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cloud.site.languages import N_, zone_or_utc

DAYS = {"day": 1, "week": 7, "month": 31, "year": 365}
NAMES = {"day": N_("Day"), "week": N_("Week"), "month": N_("Month"), "year": N_("Year")}
COMPARE = {
    "day": N_("Compare with the day before"),
    "week": N_("Compare with the week before"),
    "month": N_("Compare with the month before"),
    "year": N_("Compare with the year before"),
}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Nothing of ours is older.
_FIRST_YEAR = 2000


class Window(NamedTuple):
    """The time a page shows: from a minute on, to before another; None: to now, and what arrives meanwhile."""

    since_minute: int
    until_minute: int | None = None

    @classmethod
    def of_days(cls, days: int, now_utc_s: int) -> "Window":
        """The last days."""
        return cls(now_utc_s // 60 - days * 1440)

    def until(self, now_utc_s: int) -> int:
        """Return the minute it ends with."""
        return now_utc_s // 60 if self.until_minute is None else self.until_minute


class Period(NamedTuple):
    """One period: what it is called, the day it was chosen by (None: it ends now), its time, and the time before it."""

    name: str
    on: datetime.date | None
    today: datetime.date
    window: Window
    before: Window

    @property
    def earlier(self) -> str:
        """The day by which the period before it is chosen; "" when there can be none."""
        day = self.on or self.today
        return "" if day.year <= _FIRST_YEAR else (day - datetime.timedelta(DAYS[self.name])).isoformat()

    @property
    def later(self) -> str | None:
        """The day by which the period after it is chosen; "": the one that ends now; None: there is none."""
        if self.on is None:
            return None
        day = self.on + datetime.timedelta(DAYS[self.name])
        return "" if day >= self.today else day.isoformat()


def chosen(name: str, on: str, zone_name: str, now_utc_s: int) -> Period:
    """Return the period of this name that ended with a day ("2026-11-22"; none, or one that is still to come: the one that ends now)."""
    zone, days = zone_or_utc(zone_name), DAYS[name]
    today = datetime.datetime.fromtimestamp(now_utc_s, zone).date()
    day = _day(on)
    if day is None or day.year < _FIRST_YEAR or day > today:
        now = now_utc_s // 60
        since = now - days * 1440
        return Period(name, None, today, Window(since), Window(since - days * 1440, since))
    ends = [_midnight(day + datetime.timedelta(1 - number * days), zone) for number in (0, 1, 2)]
    return Period(name, day, today, Window(ends[1], ends[0]), Window(ends[2], ends[1]))


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _midnight(day: datetime.date, zone: ZoneInfo) -> int:
    """Return the minute at which a day begins."""
    return int(datetime.datetime.combine(day, datetime.time(), zone).timestamp()) // 60
