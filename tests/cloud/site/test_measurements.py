"""A room's climate comes as means of two lengths, and a page draws one of them."""

import pytest

from cloud.site.opening import CLIMATE, Reading
from cloud.site.pages.measurements import of_one_length

QUARTER_S, HOUR_S = 900, 3600


def reading(utc_s: int, span_s: int) -> Reading:
    return Reading(bytes(16), CLIMATE, utc_s, {"room_Cel": 20.0, "humidity_percent": 50}, False, by_home=True, span_s=span_s)


@pytest.mark.parametrize(("hourly", "lengths"), [(False, {0, QUARTER_S}), (True, {0, HOUR_S})])
def test_a_day_is_drawn_in_quarters_and_a_week_in_hours(hourly: bool, lengths: set[int]) -> None:
    """What was measured at one moment, as homes sent it before, stays in both."""
    opened = [reading(450, QUARTER_S), reading(1800, HOUR_S), reading(1350, QUARTER_S), reading(2000, 0)]
    assert {each.span_s for each in of_one_length(opened, hourly)} == lengths


def test_what_has_one_length_is_drawn_whole() -> None:
    """A home that sends hours alone, single values, or no climate at all loses nothing."""
    for span_s in (0, QUARTER_S, HOUR_S):
        opened = [reading(number, span_s) for number in range(5)]
        assert of_one_length(opened, hourly=False) == of_one_length(opened, hourly=True) == opened
