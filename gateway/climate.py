"""A room's climate as it leaves the home: means over a quarter of an hour and over an hour, never value by value (DESIGN, decision 14).

Every value stays at home as its device signed it. What goes on is worked out here, so no device's signature stands under it, and what an
account store could learn of a household's minutes from its climate is not in it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from protocol import cbor, readings

HOUR_S = 3600
SETTLED_S = 120  # after its end a period waits for what is still on its way
LOOKED_BACK_S = 2 * HOUR_S  # at every look
LOOKED_FAR_BACK_S = 31 * 86_400  # now and then, for what came late and what was there before an account was linked


class Summary(NamedTuple):
    """The means of one period: its first second, its length, hundredths of a degree, whole percent."""

    start_s: int
    span_s: int
    centi_Cel: int
    percent: int


def spans_s(minutes: int) -> tuple[int, ...]:
    """Return the lengths of the periods for a setting in minutes; none for 0: then each value goes on as it was signed."""
    return tuple(sorted({60 * minutes, HOUR_S})) if minutes else ()


def over_before(now_s: float, span_s: int) -> int:
    """Return the number of the first period that is not over yet; periods are counted in their own length since 1970."""
    return int(now_s - SETTLED_S) // span_s


def summary(period: int, span_s: int, values: Iterable[Mapping[int, int]]) -> Summary:
    """Return the means of the values of a period, at least one."""
    each = [(fields[readings.TEMPERATURE], fields[readings.HUMIDITY]) for fields in values]
    centi_Cel, percent = (round(sum(column) / len(each)) for column in zip(*each, strict=True))
    return Summary(period * span_s, span_s, centi_Cel, percent)


def encode(made: Summary) -> bytes:
    """Return a summary in the shape of a reading, with nobody's signature; the length of its period stands under a negative key."""
    fields = {readings.KIND: readings.CLIMATE, readings.TEMPERATURE: made.centi_Cel, readings.HUMIDITY: made.percent}
    return cbor.encode([b"", {}, cbor.encode({readings.SPAN_SECONDS: made.span_s, **fields}), b""])
