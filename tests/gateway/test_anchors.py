"""When a reading was taken, of devices with and without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.anchors import heard, when

START_MS = 1_790_000_000_000


def test_a_reading_that_waited_is_mended_by_one_that_did_not() -> None:
    """The first contact after an hour away gives a late start; the next, fresh one gives the true one."""
    late = heard(None, START_MS + 3_600_000, 10_000, None)
    assert when(late, 10_000, None, START_MS + 3_600_000).uncertainty_s is None, "nobody knows, and it says so"
    mended = heard(late, START_MS + 3_601_000, 3_601_000, None)
    assert mended.start_utc_ms == START_MS
    assert when(mended, 10_000, None, START_MS + 3_600_000).utc_s == (START_MS + 10_000) / 1000


def test_two_contacts_that_agree_make_it_sure() -> None:
    """Then a few seconds are all that is in doubt."""
    anchor = heard(heard(None, START_MS + 5_000, 4_900, None), START_MS + 65_000, 64_900, None)
    assert when(anchor, 64_900, None, START_MS + 65_000).uncertainty_s == 5.0


def test_the_last_sign_of_an_earlier_boot_bounds_it() -> None:
    """A device cannot have started this boot before it was heard in the one before."""
    anchor = heard(None, START_MS + 100_000, 1_000, START_MS)
    assert when(anchor, 1_000, None, START_MS + 100_000).uncertainty_s == 100.0


def test_a_signed_time_counts_unless_it_cannot_be() -> None:
    """A device's own time is used when it lies before its arrival, and not when its clock was wrong."""
    anchor = heard(None, START_MS + 60_000, 60_000, None)
    assert when(anchor, 60_000, START_MS // 1000 + 30, START_MS + 60_000).source == "signed"
    for wrong in (START_MS // 1000 + 200, 1_600_000_000):
        assert when(anchor, 60_000, wrong, START_MS + 60_000).source == "arrival"


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=10))
def test_the_start_is_never_too_early_and_only_gets_better(contacts: list[tuple[int, int]]) -> None:
    """Whatever waited how long: the estimate stays at or after the truth and never grows."""
    anchor = None
    for up_ms, waited_ms in contacts:
        before = anchor
        anchor = heard(before, START_MS + up_ms + waited_ms, up_ms, None)
        assert anchor.start_utc_ms >= START_MS
        assert before is None or anchor.start_utc_ms <= before.start_utc_ms
    assert anchor is not None
    assert anchor.start_utc_ms == START_MS + min(waited_ms for _, waited_ms in contacts)
