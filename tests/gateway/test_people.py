"""Whose weight it is: sure, or asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.people import Person, assign, by_weight, followed
from protocol import readings

ANNA, BEN, CY = Person(1, 62_000), Person(2, 84_000), Person(3, 65_500)


@pytest.mark.parametrize(
    ("weight_g", "people", "subject", "reason"),
    [
        (62_400, [ANNA, BEN], 1, "nearest"),
        (85_500, [ANNA, BEN], 2, "nearest"),
        (73_000, [ANNA, BEN], None, "nobody_near"),
        (62_000 + 4 * 1240, [ANNA], 1, "nearest"),
        (62_000 + 4 * 1240 + 1, [ANNA], None, "nobody_near"),
        (63_700, [ANNA, CY], None, "two_alike"),
        (61_000, [ANNA, CY], 1, "nearest"),
        (9_000, [ANNA, BEN], None, "nobody_near"),
        (70_000, [], None, "nobody_known"),
        (3_900, [Person(9, 3_500)], 9, "nearest"),
    ],
)
def test_a_weight_goes_to_the_nearest_or_to_the_inbox(weight_g: int, people: list[Person], subject: int | None, reason: str) -> None:
    """Within four standard deviations and twenty times likelier than the next, or a person must say."""
    given_ = by_weight(weight_g, people)
    assert (given_.subject, given_.reason) == (subject, reason)


@given(st.integers(1000, 250_000), st.lists(st.integers(2000, 250_000), max_size=6))
def test_the_order_of_people_changes_nothing(weight_g: int, usual: list[int]) -> None:
    """Who was added first is no reason; a certain assignment is never farther than four standard deviations."""
    people = [Person(number, usual_g) for number, usual_g in enumerate(usual)]
    one, other = by_weight(weight_g, people), by_weight(weight_g, people[::-1])
    assert one.subject == other.subject
    if one.subject is not None:
        usual_g = people[one.subject].usual_g
        assert abs(weight_g - usual_g) <= 4 * max(1000.0, 0.02 * usual_g)
        assert one.probability >= 20 / (20 + len(people))


def test_other_kinds_follow_their_device() -> None:
    """A cuff's user, a babyphone's room, or the inbox; a fault is the device's own."""
    assert assign(readings.CUFF, None, [ANNA], 1, None).subject == 1
    assert assign(readings.CUFF, None, [ANNA], None, None).reason == "nobody_said"
    assert assign(readings.CLIMATE, None, [ANNA], None, 7).subject == 7
    assert assign(readings.FAULT, None, [ANNA], 1, 7).subject is None


def test_the_usual_weight_follows_slowly() -> None:
    """One odd day moves it by a fifth; a month of the same weight brings it there."""
    assert followed(62_000, 63_000) == 62_200
    usual_g = 62_000
    for _ in range(30):
        usual_g = followed(usual_g, 60_000)
    assert usual_g == pytest.approx(60_000, abs=10)
