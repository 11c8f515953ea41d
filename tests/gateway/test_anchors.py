"""When a reading was taken, of devices with and without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.anchors import age_ms, heard, told, when

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


def test_a_first_reading_has_its_time_where_its_device_said_its_uptime() -> None:
    """What waited an hour is an hour old, and what did not is of now; a time signed outside of that is not believed."""
    for waited_ms in (0, 3_600_000):
        received_ms = START_MS + 10_000 + waited_ms
        anchor = heard(None, received_ms, 10_000, None)
        found = when(anchor, 10_000, None, received_ms, age_ms=waited_ms)
        assert (found.utc_s, found.uncertainty_s, found.source) == ((START_MS + 10_000) / 1000, 93.0, "presence")
        assert when(anchor, 10_000, START_MS // 1000 + 10, received_ms, age_ms=waited_ms).source == "signed"
        assert when(anchor, 10_000, START_MS // 1000 - 600, received_ms, age_ms=waited_ms).source == "presence"


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 93_000))
def test_what_a_device_says_of_its_uptime_never_claims_too_much(up_ms: int, waited_ms: int, on_its_way_ms: int) -> None:
    """However long a reading waited and its device's question was on its way, the truth lies within what is claimed."""
    received_ms = START_MS + up_ms + waited_ms
    found = when(heard(None, received_ms, up_ms, None), up_ms, None, received_ms, age_ms=waited_ms - on_its_way_ms)
    truth_s = (START_MS + up_ms) / 1000
    assert found.uncertainty_s is not None
    assert found.utc_s - found.uncertainty_s - 0.001 <= truth_s <= found.utc_s + 0.001


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


@given(st.integers(-99, 99), st.lists(st.tuples(st.integers(1, 10**8), st.integers(0, 3000)), min_size=1, max_size=20))
def test_the_start_follows_a_crystal_that_is_off_and_is_never_too_early(ppm: int, contacts: list[tuple[int, int]]) -> None:
    """Contacts at any times apart, up to a day; each on its way for at most three seconds: so late, at most, is the start then."""
    anchor, now_ms, before_ms = None, START_MS, None
    for since_ms, way_ms in contacts:
        now_ms += since_ms
        up_ms = round((now_ms - START_MS) * (1 + ppm * 1e-6))
        anchor = heard(anchor, now_ms + way_ms, up_ms, None, before_ms)
        before_ms = now_ms
        assert -2 <= anchor.start_utc_ms - (now_ms - up_ms) <= way_ms


@given(
    st.integers(-99, 99), st.lists(st.tuples(st.integers(1, 10**8), st.integers(0, 93_000)), min_size=1, max_size=20), st.integers(0, 10**8)
)
def test_the_age_of_a_reading_is_never_too_much_however_the_crystal_runs(ppm: int, words: list[tuple[int, int]], since_ms: int) -> None:
    """Words of its uptime at any times apart, each on its way for up to 93 s; then a reading that was measured as it arrives."""

    def up_ms(at_ms: int) -> int:
        return round(at_ms * (1 + ppm * 1e-6))

    begun, now_ms = None, 0
    for apart_ms, way_ms in words:
        now_ms += apart_ms
        begun = told(begun, 1, up_ms(now_ms), now_ms + way_ms)
    now_ms += since_ms + way_ms
    found = age_ms(begun, 1, up_ms(now_ms), now_ms)
    assert found is not None
    assert -93_000 - 0.0002 * since_ms - 0.0001 * 93_000 - 3 <= found <= 3
    assert age_ms(begun, 2, 0, now_ms) is None
