"""What a partner asks for, taken apart: dates with prefixes, codes, pages. Whatever is not understood is refused, never ignored.

A search that silently leaves out a condition answers more than was asked, and somebody may decide by it. Source: HL7 FHIR R4B,
section 3.1.1 (search), and the data types date and dateTime.
"""

import datetime
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

COUNT, COUNT_AT_MOST = 50, 200
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
INCLUDES = ("Observation:subject", "Observation:device")
LONGEST_VALUE, VALUES_AT_MOST = 400, 10
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?)?)?", re.ASCII)


class NotUnderstood(ValueError):
    """A parameter is unknown or its value makes no sense; `parameter` says which."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class When(NamedTuple):
    """One condition on a time: a prefix, and the seconds that what was written spans (end excluded)."""

    prefix: str
    begin_utc_s: int
    end_utc_s: int

    def holds(self, utc_s: int) -> bool:
        """Whether a moment fulfils it."""
        within = self.begin_utc_s <= utc_s < self.end_utc_s
        return {
            "eq": within,
            "ne": not within,
            "gt": utc_s >= self.end_utc_s,
            "sa": utc_s >= self.end_utc_s,
            "lt": utc_s < self.begin_utc_s,
            "eb": utc_s < self.begin_utc_s,
            "ge": utc_s >= self.begin_utc_s,
            "le": utc_s < self.end_utc_s,
        }[self.prefix]


class Search(NamedTuple):
    """A whole search."""

    dates: list[When]
    # (system or None for any, code)
    codes: list[tuple[str | None, str]]
    subjects: list[str]
    ids: list[str]
    includes: list[str]
    newest_first: bool
    at_most: int
    offset: int

    def wants_time(self, utc_s: int) -> bool:
        return all(each.holds(utc_s) for each in self.dates)

    def wants(self, resource: dict[str, Any], codes: set[tuple[str, str]]) -> bool:
        """Whether an Observation is among what was asked for."""
        if self.ids and resource["id"] not in self.ids:
            return False
        if self.subjects and resource["subject"]["reference"] not in self.subjects:
            return False
        return not self.codes or any(code == own and system in (None, of) for system, code in self.codes for of, own in codes)


def parse(parameters: Sequence[tuple[str, str]], *, observations: bool) -> Search:
    """Return the search in the parameters of a request. Raises NotUnderstood."""
    dates: list[When] = []
    codes: list[tuple[str | None, str]] = []
    subjects: list[str] = []
    ids: list[str] = []
    includes: list[str] = []
    newest_first, count, offset = False, COUNT, 0
    if len(parameters) > VALUES_AT_MOST:
        raise NotUnderstood("too many")
    for name, value in parameters:
        if len(value) > LONGEST_VALUE or not value:
            raise NotUnderstood(name[:40])
        if name == "_id":
            ids += value.split(",")
        elif name in ("_count", "_offset"):
            number = _number(name, value)
            count, offset = (min(number, COUNT_AT_MOST), offset) if name == "_count" else (count, number)
        elif name == "_format" and value in ("json", "application/json", "application/fhir+json"):
            continue
        elif not observations:
            raise NotUnderstood(name[:40])
        elif name == "date":
            dates.append(parse_date(value))
        elif name == "code":
            codes += [_token(each) for each in value.split(",")]
        elif name in ("subject", "patient"):
            subjects += [each if "/" in each else f"Patient/{each}" for each in value.split(",")]
        elif name == "_include" and value in INCLUDES:
            includes.append(value)
        elif name == "_sort" and value in ("date", "-date"):
            newest_first = value == "-date"
        else:
            raise NotUnderstood(name[:40])
    return Search(dates, codes, subjects, ids, includes, newest_first, count, offset)


def parse_date(value: str) -> When:
    """Return the condition in a date parameter: a prefix and a date of any precision. Raises NotUnderstood."""
    prefix, rest = (value[:2], value[2:]) if value[:2] in PREFIXES else ("eq", value)
    found = _DATE.fullmatch(rest)
    if not found:
        raise NotUnderstood("date")
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        begin = datetime.datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=datetime.UTC
        )
        if zone and zone != "Z":
            hours, minutes = int(zone[1:3]), int(zone[4:])
            begin -= datetime.timedelta(hours=hours, minutes=minutes) * (1 if zone[0] == "+" else -1)
        if second:
            end = begin + datetime.timedelta(seconds=1)
        elif hour:
            end = begin + datetime.timedelta(minutes=1)
        elif day:
            end = begin + datetime.timedelta(days=1)
        else:
            end = begin.replace(year=begin.year + (not month or month == "12"), month=int(month) % 12 + 1 if month else 1)
    except (ValueError, OverflowError):
        raise NotUnderstood("date") from None
    return When(prefix, int(begin.timestamp()), int(end.timestamp()))


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 7):
        raise NotUnderstood(name)
    return int(value)


def _token(value: str) -> tuple[str | None, str]:
    system, bar, code = value.rpartition("|")
    if not code:
        raise NotUnderstood("code")
    return (system, code) if bar else (None, code)
