"""Alarms come when the rules say, go when they are over, and a parent's word holds."""

from hypothesis import given
from hypothesis import strategies as st

from gateway import alarms
from gateway.alarms import ACKNOWLEDGED, BATTERY_LOW, CRYING, NO_LIFE, RINGING, SNOOZED, TOO_COLD, TOO_WARM, Room


def states(room: Room, now_s: float) -> dict[str, str]:
    return {alarm.kind: alarm.state for alarm in room.alarms(now_s)}


def hear(room: Room, begin_s: int, seconds: int, crying: bool = False, Cel: float = 19.0) -> int:
    """Let live values come once a second; return the second after the last."""
    for second in range(begin_s, begin_s + seconds):
        room.heard(second, crying, Cel)
    return begin_s + seconds


def test_crying_rings_after_two_of_three_windows_and_not_after_one() -> None:
    """A single window is a whimper; one now and one ten seconds later is crying."""
    room = Room(0)
    now_s = hear(room, 1, 20)
    now_s = hear(room, now_s, 5, crying=True)
    now_s = hear(room, now_s, 5)
    assert states(room, now_s) == {}
    now_s = hear(room, now_s, 5, crying=True)
    now_s = hear(room, now_s, 1)
    assert states(room, now_s) == {CRYING: RINGING}


def test_one_short_cry_rings_nothing() -> None:
    """The device says so for up to five seconds after it, in the window that follows, too; that is the same cry."""
    room = Room(0)
    now_s = hear(room, 1, 20)
    now_s = hear(room, now_s, 5 + 4, crying=True)
    now_s = hear(room, now_s, 20)
    assert states(room, now_s) == {}


def test_crying_is_over_after_thirty_seconds_of_quiet() -> None:
    """Not at 29, and a sob begins the count again."""
    room = Room(0)
    now_s = hear(room, 0, 12, crying=True)
    now_s = hear(room, now_s, 28)
    assert states(room, now_s) == {CRYING: RINGING}
    now_s = hear(room, now_s, 1, crying=True)
    now_s = hear(room, now_s, 29)
    assert states(room, now_s - 1) == {CRYING: RINGING}
    now_s = hear(room, now_s, 2)
    assert states(room, now_s) == {}


def test_the_climate_rings_after_ten_minutes_and_ends_a_degree_within() -> None:
    """A window opened for nine minutes rings nothing."""
    for kind, outside_Cel, edge_Cel, within_Cel in ((TOO_COLD, 14.5, 15.5, 16.0), (TOO_WARM, 24.5, 23.5, 23.0)):
        room = Room(0)
        now_s = hear(room, 0, 540, Cel=outside_Cel)
        now_s = hear(room, now_s, 1, Cel=edge_Cel)
        now_s = hear(room, now_s, 600, Cel=outside_Cel)
        assert states(room, now_s - 1) == {}
        now_s = hear(room, now_s, 1, Cel=outside_Cel)
        assert states(room, now_s) == {kind: RINGING}
        now_s = hear(room, now_s, 100, Cel=edge_Cel)
        assert states(room, now_s) == {kind: RINGING}
        now_s = hear(room, now_s, 1, Cel=within_Cel)
        assert states(room, now_s) == {}


def test_silence_of_the_device_rings_within_thirty_seconds() -> None:
    """Also when it was never heard; a sign of life ends it."""
    room = Room(100)
    assert states(room, 119) == {}
    assert states(room, 120) == {NO_LIFE: RINGING}
    now_s = hear(room, 130, 5)
    assert states(room, now_s) == {}
    assert states(room, now_s + 29) == {NO_LIFE: RINGING}


def test_a_low_battery_rings_until_it_is_charged() -> None:
    """At 15 percent."""
    room = Room(0)
    room.charged(15)
    assert states(room, 1) == {BATTERY_LOW: RINGING}
    room.charged(40)
    assert states(room, 2) == {}


def test_acknowledged_is_silent_until_it_begins_anew() -> None:
    """The next crying rings again."""
    room = Room(0)
    now_s = hear(room, 0, 12, crying=True)
    room.acknowledge(CRYING, now_s)
    now_s = hear(room, now_s, 100, crying=True)
    assert states(room, now_s) == {CRYING: ACKNOWLEDGED}
    now_s = hear(room, now_s, 40)
    assert states(room, now_s) == {}
    now_s = hear(room, now_s, 12, crying=True)
    assert states(room, now_s) == {CRYING: RINGING}


def test_snoozed_rings_again_if_the_reason_stays() -> None:
    """After five minutes, and not before."""
    room = Room(0)
    now_s = hear(room, 0, 12, crying=True)
    room.snooze(CRYING, now_s)
    now_s = hear(room, now_s, 299, crying=True)
    assert states(room, now_s) == {CRYING: SNOOZED}
    now_s = hear(room, now_s, 2, crying=True)
    assert states(room, now_s) == {CRYING: RINGING}


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["cry", "calm", "ask", *alarms.KINDS]), st.booleans()), max_size=60))
def test_no_order_of_events_breaks_a_room_or_loses_silence(events: list[tuple[int, str, bool]]) -> None:
    """Whatever came before: 20 s after the last sign of life there is an alarm, unless a parent said so much."""
    room, now_s = Room(0), 0.0
    for passed_s, event, snoozed in events:
        now_s += passed_s
        if event in ("cry", "calm"):
            room.heard(now_s, event == "cry", 19.0)
        elif event in alarms.KINDS:
            (room.snooze if snoozed else room.acknowledge)(event, now_s)
    assert NO_LIFE in states(room, now_s + 20)
