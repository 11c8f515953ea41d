"""How fast one may go, and that nobody else pays for it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway import pace
from gateway.pace import Pace


@given(st.floats(1, 1000), st.lists(st.floats(0, 10), max_size=200))
def test_nobody_passes_more_than_their_bucket_and_what_flows_in(per_s: float, pauses_s: list[float]) -> None:
    """Five seconds' worth at once, and the rate for ever after."""
    limit, now_s, passed = Pace(per_s), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s / per_s
        passed += limit.may("one", now_s)
        assert passed <= per_s * 5 + now_s * per_s + 1e-6


def test_one_gone_wild_takes_nothing_from_another() -> None:
    """A thousand a second are held to a hundred, and somebody at ten a second never notices."""
    limit = Pace(100)
    wild = calm = 0
    for millisecond in range(60_000):
        wild += limit.may("wild", millisecond / 1000)
        if millisecond % 100 == 0:
            calm += limit.may("calm", millisecond / 1000)
    assert (wild, calm) == (500 + 5999, 600)


def test_memory_is_bounded_whoever_comes() -> None:
    """However many addresses somebody makes up."""
    limit = Pace(1)
    for number in range(3 * pace._MOST_SENDERS):
        assert limit.may(number, 0.0)
    assert len(limit._left) == pace._MOST_SENDERS
