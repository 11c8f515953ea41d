"""What a scale's display is told of whose weight it shows: initials, the way the weight goes, and nothing else."""

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import display
from protocol import receipts
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway

DAY_s = 86_400


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["Ada Lovelace", "Tom"], ["AL", "T"]),
        (["Élodie", "Øystein Ås"], ["E", "YA"]),
        (["Jean-Luc de la Tour", "émile zola"], ["JLT", "EZ"]),
        (["Ada", "Alan", "Tom"], ["A1", "A2", "T"]),
        (["Ana Maria da Silva", "Ana Mota Souza"], ["AM1", "AM2"]),
        (["A B C", "A B C", "A B D", "A B D", "A B"], ["AB1", "AB2", "AB3", "AB4", "AB"]),
        (["Юлия", "3PO"], ["", "P"]),
    ],
)
def test_initials_are_letters_the_display_has_and_tell_people_apart(names: list[str], shown: list[str]) -> None:
    """Accents are dropped, middle names give way, two alike get numbers, and a name without such letters is not shown."""
    household = dict(enumerate(names, 1))
    assert [display.initials(number, household) for number in household] == shown


@given(st.lists(st.text("ABé -", min_size=1, max_size=7) | st.text(min_size=1, max_size=40), min_size=1, max_size=12))
def test_no_two_people_share_what_the_display_says(names: list[str]) -> None:
    """Whatever they are called, at most three of A to Z and 1 to 9; what fits a receipt; and never the same for two."""
    household = dict(enumerate(names))
    shown = [text for text in (display.initials(number, household) for number in household) if text]
    assert len(set(shown)) == len(shown)
    for text in shown:
        assert receipts.decode(receipts.encode(1, bytes(8), 1, 0, text, 1)).initials == text
        assert text.isascii()


def weighings(*grams: int, end_day: int = 28, every_days: int = 1) -> list[tuple[float, int]]:
    return [((end_day - at * every_days) * DAY_s, weight) for at, weight in enumerate(reversed(grams))]


def test_a_weight_that_goes_somewhere_for_weeks_gets_an_arrow() -> None:
    """Half a kilogram a week, with the swing of breakfasts; the same swing around one weight gets none."""
    swing = [0, 400, -300, 250, -400, 100, 350, -200]
    rising = [72_000 + 70 * day + swing[day % 8] for day in range(28)]
    assert display.trend(weighings(*rising)) == receipts.RISING
    assert display.trend(weighings(*reversed(rising))) == receipts.FALLING
    assert display.trend(weighings(*[72_000 + swing[day % 8] for day in range(28)])) == receipts.STEADY


def test_one_heavy_breakfast_and_a_first_week_get_no_arrow() -> None:
    """A kilogram more on one day is a day's swing; before there is a week to compare with nothing is said."""
    assert display.trend(weighings(*[72_000] * 27, 73_000)) == receipts.STEADY
    assert display.trend(weighings(72_000, 80_000)) == receipts.STEADY
    assert display.trend([]) == receipts.STEADY
    assert display.trend([(0.0, 90_000), *weighings(72_000, end_day=60)]) == receipts.STEADY  # too long ago


@pytest.mark.anyio
async def test_the_receipt_says_whose_weight_it_is_when_the_home_knows(tmp_path: Path) -> None:
    """Weeks of weighings, then today's: initials and an arrow come with the receipt, again with the second; a stranger's has neither."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    now_s = int(time.time())
    async with gateway(configure(tmp_path)) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        connection = sqlite3.connect(tmp_path / "data" / "home.db", timeout=10)
        with connection:
            add = "INSERT INTO subjects (kind, name, usual_g, person_id, made_ms) VALUES (0, ?, ?, ?, 0)"
            connection.execute(add, ("Ada Lovelace", 71_000, bytes(16)))
            connection.execute(add, ("Tom", 90_000, bytes(15) + b"1"))
        connection.close()
        async with link(device, port) as way:
            for sequence, (days_ago, grams) in enumerate([(20, 71_000), (18, 71_200), (2, 72_600), (1, 72_500)], 1):
                first = await way.send(device.signed(device.fields(sequence, _3=now_s - days_ago * DAY_s, _10=grams)))
                assert first[5] == "AL"
            message = device.signed(device.fields(9, _3=now_s, _10=72_700))
            receipt = await way.send(message)
            assert (receipt[4], receipt[5], receipt[6]) == (0, "AL", 1)
            again = await way.send(message)
            assert (again[4], again[5], again[6]) == (1, "AL", 1)
            assert set(await way.send(device.signed(device.fields(10, _3=now_s, _10=120_000)))) == {1, 2, 3, 4}
            assert set(await way.send(device.signed({0: 4, 1: 11, 2: [1, 9000], 21: 24}))) == {1, 2, 3, 4}
        assert await home.stop() == 0
