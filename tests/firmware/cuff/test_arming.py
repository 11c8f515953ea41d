"""A start from afar only arms; the button on the cuff must follow within a minute."""

from types import ModuleType

from firmware.cuff import arming, limits, results
from firmware.cuff.arming import GUEST, NOBODY, A, Arming, B
from firmware.cuff.results import Estimate
from protocol import readings

FOUND = Estimate(128, 82, 97, 64, False, 90)


def test_arming_moves_nothing() -> None:
    """What takes a start from afar has limits and times at hand and nothing else: no cycle, no pin and no chip can follow from it."""
    at_hand = {name for name, found in vars(arming).items() if isinstance(found, ModuleType)}
    assert at_hand == {"limits"}
    assert [found for found in vars(arming).values() if isinstance(found, type)] == [Arming]
    assert set(vars(Arming())) == {"_until_ms", "_who", "armed"}


def test_the_button_within_a_minute_takes_who_was_said() -> None:
    """Once: the next start is nobody's again."""
    armed = Arming()
    armed.arm(17, 1000)
    assert armed.look(1000 + limits.ARMED_MS - 1) == 17
    assert armed.start(1000 + limits.ARMED_MS - 1) == 17
    assert (armed.start(2000), armed.armed) == (NOBODY, False)


def test_after_a_minute_the_arming_is_gone() -> None:
    """To the millisecond."""
    armed = Arming()
    armed.arm(17, 1000)
    assert armed.look(1000 + limits.ARMED_MS) == NOBODY
    assert not armed.armed
    assert limits.ARMED_MS == 60_000


def test_a_stop_takes_it_back() -> None:
    """From wherever it came."""
    armed = Arming()
    armed.arm(17, 0)
    armed.cancel()
    assert (armed.start(1), armed.armed) == (NOBODY, False)


def test_buttons_choose_and_take_back() -> None:
    """A, then B, then B again: nobody; a button at the cuff outranks what was said from afar."""
    armed = Arming()
    armed.arm(17, 0)
    armed.choose(A, 10)
    assert (armed.look(20), armed.armed) == (A, False)
    armed.choose(B, 20)
    assert armed.look(30) == B
    armed.choose(B, 30)
    assert armed.look(40) == NOBODY
    armed.choose(GUEST, 50)
    assert armed.start(60) == GUEST


def test_who_is_carried_in_the_reading() -> None:
    """As a field of its own, absent when nobody said; a reading with it is a reading."""
    assert readings.WHO not in results.fields(FOUND, NOBODY, False)
    for who in (A, B, GUEST, 17):
        reading = {readings.KIND: readings.CUFF, readings.SEQUENCE: 1, readings.UPTIME: [1, 2], **results.fields(FOUND, who, False)}
        assert readings.decode(readings.encode(reading))[readings.WHO] == who
    assert arming.GUEST == 3


def test_two_measurements_make_one_reading() -> None:
    """The mean, marked as such; irregular only when both were, and as good as the worse."""
    other = Estimate(121, 79, 93, 67, True, 40)
    mean = results.mean(FOUND, other)
    assert mean == Estimate(125, 81, 95, 66, False, 40)
    flags = results.fields(mean, NOBODY, True)[readings.FLAGS]
    assert flags == results.MEAN_OF_TWO | results.DOUBTFUL
    assert results.fields(other, NOBODY, False)[readings.FLAGS] == results.IRREGULAR | results.DOUBTFUL
