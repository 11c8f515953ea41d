"""A rank found without sorting is the rank that sorting finds."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from firmware.cuff import ranks


@given(st.lists(st.integers(0, 65_535) | st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 59), st.lists(st.just(0), max_size=3))
def test_the_nth_is_the_one_that_sorting_puts_there(values: list[int], rank: int, behind: list[int]) -> None:
    """Many alike or none; what lies behind the count is not looked at."""
    rank %= len(values)
    assert ranks.nth(array("H", values + behind), rank, len(values)) == sorted(values)[rank]
    assert ranks.median(array("f", values + behind), len(values)) == sorted(values)[len(values) // 2]
