"""The verdict: what it calls good, and that it finds each way in which readings can go wrong, in any mixture."""

from hypothesis import given
from hypothesis import strategies as st

from tools.verdict import Shown, Truth, judge

PEOPLE = ("Ada", "Ben", "Cleo")


def truths(weights: list[float]) -> list[Truth]:
    """Weigh-ins a minute apart, each by the next person."""
    return [Truth("weight", PEOPLE[number % 3], {"weight_kg": kg}, 1000.0 + 60 * number) for number, kg in enumerate(weights)]


def shown(made: list[Truth]) -> list[Shown]:
    return [
        Shown(truth.person, f"{number:032x}", truth.kind, dict(truth.values), truth.at_s - 1.5, True) for number, truth in enumerate(made)
    ]


weights = st.lists(st.floats(20, 150).map(lambda kg: round(kg, 1)), min_size=1, max_size=12)


@given(weights, st.randoms())
def test_what_arrived_once_unaltered_is_good_in_any_order(made: list[float], random: object) -> None:
    """Every truth with its row: nothing to find."""
    rows = shown(truths(made))
    random.shuffle(rows)  # type: ignore[attr-defined]
    verdict = judge(truths(made), rows)
    assert verdict.good
    assert verdict.counts["arrived"] == verdict.counts["readings"] == len(made)


@given(weights, st.data())
def test_a_dropped_row_is_missed(made: list[float], data: st.DataObject) -> None:
    """One row fewer is one reading not arrived."""
    rows = shown(truths(made))
    del rows[data.draw(st.integers(0, len(rows) - 1))]
    verdict = judge(truths(made), rows)
    assert not verdict.good
    assert verdict.counts["arrived"] == len(made) - 1


@given(weights, st.data())
def test_a_row_shown_twice_is_a_duplicate(made: list[float], data: st.DataObject) -> None:
    """A second row with the same value at the same time belongs to no other truth."""
    rows = shown(truths(made))
    rows.append(rows[data.draw(st.integers(0, len(rows) - 1))]._replace(row="f" * 32))
    verdict = judge(truths(made), rows)
    assert not verdict.good
    assert verdict.counts["duplicates"] == 1


@given(weights, st.data(), st.floats(0.3, 50))
def test_an_altered_value_is_found(made: list[float], data: st.DataObject, off_kg: float) -> None:
    """A weight that did not stand on the plate is no arrival of the one that did."""
    rows = shown(truths(made))
    at = data.draw(st.integers(0, len(rows) - 1))
    rows[at] = rows[at]._replace(values={"weight_kg": rows[at].values["weight_kg"] + off_kg})
    verdict = judge(truths(made), rows)
    assert not verdict.good
    assert verdict.counts["altered"] == 1


@given(weights, st.data())
def test_a_row_under_another_person_is_misassigned(made: list[float], data: st.DataObject) -> None:
    """The right weight in the wrong account has not arrived."""
    rows = shown(truths(made))
    at = data.draw(st.integers(0, len(rows) - 1))
    rows[at] = rows[at]._replace(person="somebody else")
    verdict = judge(truths(made), rows)
    assert not verdict.good
    assert verdict.counts["misassigned"] == 1
    assert verdict.counts["arrived"] == len(made) - 1


def test_a_row_whose_signature_does_not_hold_is_altered() -> None:
    """The right value with a broken signature is not believed."""
    made = truths([70.0])
    verdict = judge(made, [row._replace(verified=False) for row in shown(made)])
    assert verdict.counts["altered"] == 1


def test_a_row_that_nothing_explains_is_a_fault() -> None:
    """A reading out of nowhere is found too."""
    made = truths([70.0])
    verdict = judge(made, [*shown(made), Shown("Ada", "e" * 32, "weight", {"weight_kg": 12.0}, 90_000.0, True)])
    assert not verdict.good
    assert verdict.counts["unexplained"] == 1


def test_an_evening_without_readings_is_not_good() -> None:
    """Nothing measured and nothing shown proves nothing."""
    assert not judge([], []).good
