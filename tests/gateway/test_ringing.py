"""What of an alarm is told beyond the page, and when: once as it begins, each minute while nobody answers, once when it is over."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms import ACKNOWLEDGED, CRYING, KINDS, NO_LIFE, RINGING, SNOOZED, Alarm
from gateway.ringing import AGAIN, BEGUN, OVER, REPEATED_AFTER_S, Ring, Ringing

KID = b"\1\2\3\4"


def test_an_alarm_is_told_and_told_again_until_it_is_answered() -> None:
    """Each minute; acknowledged it is silent, and its end is told."""
    ringing, crying = Ringing(), Alarm(CRYING, RINGING, 0.0)
    assert ringing.look(KID, [crying], 0) == [Ring(KID, CRYING, BEGUN)]
    assert ringing.look(KID, [crying], REPEATED_AFTER_S - 0.1) == []
    assert ringing.look(KID, [crying], REPEATED_AFTER_S) == [Ring(KID, CRYING, AGAIN)]
    assert ringing.look(KID, [crying._replace(state=ACKNOWLEDGED)], 500) == []
    assert ringing.look(KID, [], 501) == [Ring(KID, CRYING, OVER)]
    assert ringing.look(KID, [crying], 502) == [Ring(KID, CRYING, BEGUN)]


def test_a_snoozed_alarm_rings_again_when_the_pause_is_over() -> None:
    """At once, not a minute later."""
    ringing, silent = Ringing(), Alarm(NO_LIFE, SNOOZED, 0.0)
    assert ringing.look(KID, [silent._replace(state=RINGING)], 0) == [Ring(KID, NO_LIFE, BEGUN)]
    assert ringing.look(KID, [silent], 200) == []
    assert ringing.look(KID, [silent._replace(state=RINGING)], 301) == [Ring(KID, NO_LIFE, AGAIN)]


def test_two_rooms_are_two_and_a_device_that_left_is_forgotten() -> None:
    """What one rings says nothing of the other."""
    ringing, crying = Ringing(), [Alarm(CRYING, RINGING, 0.0)]
    assert len(ringing.look(KID, crying, 0) + ringing.look(b"othr", crying, 0)) == 2
    ringing.forget([KID])
    assert ringing.look(b"othr", crying, 1) == [Ring(b"othr", CRYING, BEGUN)]
    assert ringing.look(KID, crying, 1) == []


_STATES = st.dictionaries(st.sampled_from(KINDS), st.sampled_from([RINGING, SNOOZED, ACKNOWLEDGED]))


@given(st.lists(st.tuples(st.floats(0.1, 90), _STATES), max_size=40))
def test_no_ringing_alarm_is_silent_for_longer_than_a_minute(steps: list[tuple[float, dict[str, str]]]) -> None:
    """In any order of alarms and answers: what rings now was told within the last minute, and told as over only after it was told."""
    ringing, told, now_s = Ringing(), {}, 0.0
    for passed_s, states in steps:
        now_s += passed_s
        for ring in ringing.look(KID, [Alarm(kind, state, 0.0) for kind, state in states.items()], now_s):
            if ring.event == OVER:
                assert ring.kind not in states
                del told[ring.kind]
            else:
                assert (ring.event == AGAIN) == (ring.kind in told)
                told[ring.kind] = now_s
        assert all(now_s - told[kind] < REPEATED_AFTER_S for kind, state in states.items() if state == RINGING)
        assert set(told) <= set(states)
