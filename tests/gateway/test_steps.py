"""Clocks that are wrong: the device's, the gateway's, and boots that never met a gateway; each time says how far it may be off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edges import questions, times
from gateway.edges.steps import Steps
from tests.gateway.ground import arrive, database, reading, time_of

START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def holds(found: tuple[float, float | None, str], truth_ms: int, slack_s: float = 2.0) -> bool:
    """Whether a time tells the truth: it lies within what is said of it."""
    utc_s, uncertainty_s, _ = found
    truth_s = truth_ms / 1000
    return truth_s <= utc_s + slack_s and (uncertainty_s is None or truth_s >= utc_s - uncertainty_s - slack_s)


def test_a_clock_that_is_set_is_noticed_and_one_that_drifts_is_not() -> None:
    """Forwards, backwards, once each; a second of slewing is nothing."""
    wall, counted = [START_MS], [5_000]
    steps = Steps(lambda: wall[0], lambda: counted[0])
    assert steps.look() == (START_MS, 0)
    for wall_by, count_by, step in (
        (61_000, 60_000, 0),
        (HOUR_MS, 1000, HOUR_MS - 1000),
        (1000, 1000, 0),
        (-HOUR_MS, 1000, -HOUR_MS - 1000),
    ):
        wall[0] += wall_by
        counted[0] += count_by
        assert steps.look() == (wall[0], step)


@pytest.mark.parametrize("wrong_ms", [-30 * 24 * HOUR_MS, -HOUR_MS, HOUR_MS, 400 * 24 * HOUR_MS])
def test_what_came_while_the_gateways_clock_was_wrong_is_mended_when_it_is_set(wrong_ms: int) -> None:
    """A month behind or a year ahead: once the clock is right, so is every time, signed ones that the wrong clock had taught too."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + 10_000 + wrong_ms)
    arrive(home, reading(2, 1, 70_000, (START_MS + 70_000 + wrong_ms) // 1000), START_MS + 70_000 + wrong_ms)
    assert not holds(time_of(home, 2), START_MS + 70_000)
    assert times.clock_stepped(home, 0, -wrong_ms) == 2
    arrive(home, reading(3, 1, 130_000, (START_MS + 130_000) // 1000), START_MS + 130_000)
    for sequence, up_ms in ((1, 10_000), (2, 70_000), (3, 130_000)):
        assert holds(time_of(home, sequence), START_MS + up_ms), sequence
        assert time_of(home, sequence)[1] == pytest.approx(2.0 if sequence == 3 else 5.0)


def test_a_reading_whose_age_was_known_moves_along_with_the_clock() -> None:
    """The age was counted by a clock that nobody sets, the moment of arrival was not; what comes later does not blur it again."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + 40_000 - HOUR_MS, 30_000)
    assert not holds(time_of(home, 1), START_MS + 10_000)
    times.clock_stepped(home, 0, HOUR_MS)
    arrive(home, reading(2, 1, 40_500), START_MS + 40_600)
    assert time_of(home, 1) == ((START_MS + 10_000) / 1000, 93.0, "presence")


def test_a_clock_set_wrong_and_right_again_changes_nothing_in_the_end() -> None:
    """What was right before the first step is right after the second."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + 10_000)
    arrive(home, reading(2, 1, 70_000), START_MS + 70_000)
    times.clock_stepped(home, 0, HOUR_MS)
    arrive(home, reading(3, 1, 130_000), START_MS + 130_000 + HOUR_MS)
    times.clock_stepped(home, 0, -HOUR_MS)
    for sequence, up_ms in ((1, 10_000), (2, 70_000), (3, 130_000)):
        assert time_of(home, sequence) == ((START_MS + up_ms) / 1000, 5.0, "anchor")


def test_what_an_earlier_process_received_is_not_moved() -> None:
    """A step moves what this process has received; of a boot that both heard, the anchor is made of all of it."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + 10_000)
    before = questions.newest(home)
    arrive(home, reading(2, 1, 70_000), START_MS + 70_000 - HOUR_MS)  # restarted with its clock an hour behind
    times.clock_stepped(home, before, HOUR_MS)
    for sequence, up_ms in ((1, 10_000), (2, 70_000)):
        assert time_of(home, sequence) == ((START_MS + up_ms) / 1000, 5.0, "anchor")


@pytest.mark.parametrize("off_s", [-86_400, -3600, 3600, 86_400])
def test_a_wrong_device_clock_is_not_believed(off_s: int) -> None:
    """Too late or too early by an hour or a day, once two deliveries have anchored the boot."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + 10_000)
    arrive(home, reading(2, 1, 70_000), START_MS + 70_000)
    arrive(home, reading(3, 1, 130_000, (START_MS + 130_000) // 1000 + off_s), START_MS + 130_000)
    assert time_of(home, 3) == ((START_MS + 130_000) / 1000, 5.0, "anchor")
    arrive(home, reading(4, 1, 190_000, (START_MS + 190_000) // 1000), START_MS + 190_000)
    assert time_of(home, 4)[2] == "signed"


@pytest.mark.parametrize("fast", [-60e-6, -20e-6, 20e-6, 60e-6])
@pytest.mark.parametrize("signs", [False, True])
def test_a_device_whose_crystal_is_off_is_believed_for_a_year(fast: float, signs: bool) -> None:
    """It runs half an hour ahead or behind in the end. Each reading keeps the time it was measured at, and a signed time is believed.

    In spring the home is away for three weeks and gets all of them at once, and in autumn somebody sets its clock and sets it right again.
    """
    home = database()
    truths_ms = [START_MS + number * 12 * HOUR_MS for number in range(1, 2 * 365)]
    away = range(200, 242)
    after = 0
    for sequence, truth_ms in enumerate(truths_ms, 1):
        up_ms = round((truth_ms - START_MS) * (1 + fast))
        arrived_ms = truths_ms[away[-1]] - 60_000 if sequence in away else truth_ms
        arrive(home, reading(sequence, 1, up_ms, truth_ms // 1000 if signs else None), arrived_ms + sequence % 7 * 50)
        if sequence == 500:
            after = questions.newest(home)
        if sequence == 520:
            times.clock_stepped(home, after, HOUR_MS)
            times.clock_stepped(home, after, -HOUR_MS)
    for sequence, truth_ms in enumerate(truths_ms, 1):
        found = time_of(home, sequence)
        assert holds(found, truth_ms, 5.0 if sequence == 1 else 2.0), sequence  # the first got its time by the second, half a day later
        assert found[2] == ("signed" if signs else "anchor"), sequence
        uncertainty_s = found[1] or 0.0
        assert uncertainty_s < 10 or sequence in range(200, 250), "after two that did not wait it is as sure as before"
        assert uncertainty_s < 600, "what a crystal in the cold explains in three weeks, one way and the other"


def test_two_readings_of_one_delivery_agree_on_nothing() -> None:
    """They waited an hour together, two seconds apart: their time is not held to be sure; the next that does not wait mends both."""
    home = database()
    late_ms = START_MS + HOUR_MS
    arrive(home, reading(1, 1, 10_000), late_ms)
    arrive(home, reading(2, 1, 12_000), late_ms + 100)
    assert time_of(home, 1)[1] is None
    assert time_of(home, 2)[1] is None
    arrive(home, reading(3, 1, HOUR_MS + 60_000), START_MS + HOUR_MS + 60_000)
    arrive(home, reading(4, 1, HOUR_MS + 120_000), START_MS + HOUR_MS + 120_000)
    for sequence, up_ms in ((1, 10_000), (2, 12_000)):
        assert time_of(home, sequence) == ((START_MS + up_ms) / 1000, 5.0, "anchor")


def test_a_boot_that_never_met_a_gateway_is_held_between_its_neighbours() -> None:
    """Measured while the home was away, delivered after a change of battery: after the last sign, before the next start."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + 10_000)  # boot 1 is heard
    third_ms = START_MS + 10 * HOUR_MS  # boot 2 takes one at START + 4 h; boot 3 begins at START + 10 h and delivers at + 11 h
    delivered_ms = third_ms + HOUR_MS
    arrive(home, reading(100, 2, 5_000), delivered_ms)
    _, uncertainty_s, source = time_of(home, 100)
    assert source == "arrival"
    assert uncertainty_s == pytest.approx((delivered_ms - START_MS - 10_000) / 1000)
    arrive(home, reading(200, 3, HOUR_MS), delivered_ms + 200)
    narrowed_s, narrower_s, _ = time_of(home, 100)
    assert narrowed_s == pytest.approx((third_ms + 200) / 1000)
    assert narrower_s is not None
    assert uncertainty_s is not None
    assert narrower_s < uncertainty_s
    assert holds(time_of(home, 100), START_MS + 4 * HOUR_MS)


def test_the_first_boot_that_never_met_a_gateway_says_that_nobody_knows() -> None:
    """Nothing bounds it from below; the end is still known."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + HOUR_MS)
    arrive(home, reading(70, 2, 60_000), START_MS + HOUR_MS + 100)
    assert time_of(home, 1) == ((START_MS + HOUR_MS + 100 - 60_000) / 1000, None, "arrival")


def test_a_floor_from_a_clock_that_was_ahead_bounds_nothing() -> None:
    """Heard last "in an hour", the gateway then restarted with the right time: a contradiction is no bound."""
    home = database()
    arrive(home, reading(1, 1, 10_000), START_MS + HOUR_MS)
    arrive(home, reading(70, 2, 5_000), START_MS + 600_000)
    assert time_of(home, 70)[1] is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["measure", "restart", "deliver", "wait", "learn"]), st.integers(1, 4 * HOUR_MS)), min_size=3, max_size=25
    )
)
def test_a_right_clock_never_claims_what_is_not_so(events: list[tuple[str, int]]) -> None:
    """Whatever is measured, restarted, delayed and delivered in whatever order: the truth lies within what each time says of itself."""
    home = database()
    now_ms = START_MS
    boot, began_ms, sequence, clock_known = 1, now_ms, 0, False
    waiting: list[tuple[int, int, int, int | None]] = []
    truth: dict[int, int] = {}
    for event, amount in [*events, ("deliver", 1)]:
        if event == "wait":
            now_ms += amount
        elif event == "measure":
            now_ms += 1 + amount % 120_000
            sequence += 1
            truth[sequence] = now_ms
            waiting.append((sequence, boot, now_ms - began_ms, now_ms // 1000 if clock_known else None))
        elif event == "restart":
            now_ms += 1 + amount % 60_000
            boot, began_ms, clock_known, sequence = boot + 1, now_ms, False, sequence + 64
        elif event == "deliver":
            now_ms += 1 + amount % 1000
            for number, of_boot, up_ms, signed_s in waiting:
                now_ms += 20
                arrive(home, reading(number, of_boot, up_ms, signed_s), now_ms)
                clock_known = clock_known or of_boot == boot
            waiting = []
    for number in truth.keys() - {number for number, *_ in waiting}:
        assert holds(time_of(home, number), truth[number]), (number, time_of(home, number), truth[number] / 1000)
