"""A room's climate leaves the home as means of quarters and of hours, each once, whatever comes late; no single value does."""

import os
import random
import sqlite3
from hashlib import sha256

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import climate, reception
from gateway.edges import households, places, questions, summaries
from gateway.edges.custody import Custody
from gateway.pseudonyms import Keyring
from protocol import readings
from tests.gateway.ground import database

NOON_S = 1_790_000_000 // 3600 * 3600
QUARTER_S, HOUR_S = 900, 3600


class Home:
    """A home with a nursery, and a babyphone that measures."""

    def __init__(self, linked: bool = True, minutes: int = 15) -> None:
        self.connection: sqlite3.Connection = database()
        self.room = households.add_subject(self.connection, 1, "Nursery", None, os.urandom(16), 0)
        self.spans_s = climate.spans_s(minutes)
        self.book = Custody(Keyring((os.urandom(32),)).keys, os.urandom, each_climate=not minutes)
        self.sequence = 0
        if linked:
            self.link()

    def link(self) -> None:
        self.connection.execute("UPDATE subjects SET account_key = ? WHERE subject = ?", (bytes(32), self.room))

    def measure(self, utc_s: float, centi_Cel: int = 2000, percent: int = 50) -> None:
        self.sequence += 1
        fields = {0: 2, 1: self.sequence, 2: [1, self.sequence], 13: centi_Cel, 14: percent}
        signed = cbor2.dumps([b"", {}, cbor2.dumps(fields), bytes(64)])
        self.connection.execute(
            "INSERT INTO readings (kid, sequence, kind, boot, up_ms, utc_s, time_source, digest, signed, pairing, public_key, received_ms,"
            " place, subject) VALUES (x'01020304', ?, 2, 1, 0, ?, 'test', ?, ?, x'', x'', 0, ?, ?)",
            (self.sequence, utc_s, sha256(signed).digest(), signed, places.HOME, self.room),
        )

    def look(self, now_s: float) -> int:
        return sum(summaries.make(self.connection, span_s, now_s, climate.LOOKED_FAR_BACK_S) for span_s in self.spans_s)

    def made(self) -> list[tuple[int, float, int, int]]:
        """Return the summaries: (length, middle, hundredths of a degree, percent)."""
        rows = self.connection.execute("SELECT utc_s, signed FROM readings WHERE kid = x'' ORDER BY utc_s, reading").fetchall()
        found = []
        for row in rows:
            fields = reception.stored_fields(row["signed"])
            found.append((fields[readings.SPAN_SECONDS], row["utc_s"], fields[readings.TEMPERATURE], fields[readings.HUMIDITY]))
        return found

    def sealed(self) -> list[int]:
        """Seal whatever may leave; return the lengths of what did, 0 for a single value."""
        sealed = self.book.seal(self.connection, 10_000, 0)
        signed = [
            self.connection.execute("SELECT signed FROM readings WHERE reading = ?", (each.reading,)).fetchone()[0] for each in sealed
        ]
        return sorted(reception.stored_fields(each).get(readings.SPAN_SECONDS, 0) for each in signed)


def test_an_hour_becomes_four_quarters_and_one_hour() -> None:
    """With the means of what was measured, in the middle of each period, and nothing else leaves."""
    home = Home()
    for number in range(360):
        home.measure(NOON_S + 10 * number, 2000 + number // 90, 40 + number // 90)
    home.look(NOON_S + HOUR_S + climate.SETTLED_S)
    quarters = [(QUARTER_S, NOON_S + QUARTER_S * number + 450, 2000 + number, 40 + number) for number in range(4)]
    assert home.made() == sorted([*quarters, (HOUR_S, NOON_S + 1800, 2002, 42)], key=lambda each: each[1])
    assert home.sealed() == [QUARTER_S] * 4 + [HOUR_S]
    assert home.sealed() == []


def test_a_period_is_summed_when_it_is_over_and_not_before() -> None:
    """Two minutes after its end, for what is still on its way."""
    home = Home()
    home.measure(NOON_S + 5)
    assert home.look(NOON_S + QUARTER_S + climate.SETTLED_S - 1) == 0
    assert home.look(NOON_S + QUARTER_S + climate.SETTLED_S) == 1
    assert home.look(NOON_S + QUARTER_S + climate.SETTLED_S) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4 * HOUR_S - 1), st.integers(-4000, 12500), st.integers(0, 100)), min_size=1, max_size=30),
    st.lists(st.integers(0, 5 * HOUR_S), max_size=6),
)
def test_each_period_leaves_once_whatever_comes_when(values: list[tuple[int, int, int]], looks: list[int]) -> None:
    """However often it is looked and in whatever order values come, no period has two summaries, and none with a value is left out."""
    home = Home()
    waiting = list(values)
    for after_s in sorted(looks):
        for value in [each for each in waiting if each[0] < after_s][::2]:
            waiting.remove(value)
            home.measure(NOON_S + value[0], *value[1:])
        home.look(NOON_S + after_s)
        home.sealed()
    for value in waiting:
        home.measure(NOON_S + value[0], *value[1:])
    home.look(NOON_S + 6 * HOUR_S)
    assert 0 not in home.sealed()
    for span_s in (QUARTER_S, HOUR_S):
        found = [(utc_s - NOON_S) // span_s for length, utc_s, _, _ in home.made() if length == span_s]
        assert sorted(found) == sorted({after_s // span_s for after_s, _, _ in values})


def test_a_home_without_an_account_makes_none_and_one_linked_later_catches_up() -> None:
    """What was measured in the month before the link is summed then; what is older stays at home."""
    home = Home(linked=False)
    for days in (40, 20, 1):
        home.measure(NOON_S - days * 86_400)
    assert home.look(NOON_S) == 0
    home.link()
    home.look(NOON_S)
    assert {utc_s for _, utc_s, _, _ in home.made()} == {NOON_S - days * 86_400 + half for days in (20, 1) for half in (450, 1800)}


@pytest.mark.parametrize(("minutes", "lengths"), [(0, [0, 0]), (5, [300, 300, 3600]), (60, [3600])])
def test_the_setting_says_how_long_a_period_is(minutes: int, lengths: list[int]) -> None:
    """0 sends each value as its device signed it; 60 sends hours alone."""
    home = Home(minutes=minutes)
    home.measure(NOON_S)
    home.measure(NOON_S + 310)
    home.look(NOON_S + 2 * HOUR_S)
    assert home.sealed() == lengths


@pytest.mark.parametrize("minutes", [0, 15])
def test_a_year_of_values_is_not_walked_through(minutes: int) -> None:
    """What may be sealed is found at once, whether the values before it stay at home or are in the account one by one."""

    def look_costs(home: Home) -> int:
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        home.connection.set_progress_handler(step, 1)
        assert questions.sealable(home.connection, 1, each_climate=not minutes) == []
        home.connection.set_progress_handler(None, 1)
        return steps

    home = Home(minutes=minutes)
    before = look_costs(home)
    for number in range(1000):
        home.measure(NOON_S + 60 * number)
    if not minutes:
        home.connection.execute("UPDATE readings SET place = ?", (places.ACCOUNT,))
    assert look_costs(home) < before + 100


def test_values_whose_means_the_account_has_are_let_go_with_it() -> None:
    """`home.keep_days` empties what an account has: of a room's climate the values around a mean that arrived there, and no others."""
    home = Home()
    home.measure(NOON_S + 5)
    home.measure(NOON_S + 3 * HOUR_S)
    home.look(NOON_S + 5 * HOUR_S)
    home.sealed()
    home.connection.execute("UPDATE readings SET received_ms = 0")
    assert home.book.let_go(home.connection, 1, 100) == 0
    home.connection.execute("UPDATE readings SET place = 'account' WHERE kid = x'' AND utc_s < ?", (NOON_S + HOUR_S,))
    home.connection.execute("DELETE FROM outgoing")
    assert home.book.let_go(home.connection, 1, 100) == 3
    left = home.connection.execute("SELECT utc_s FROM readings WHERE place = 'home' AND kid != x''").fetchall()
    assert [row["utc_s"] for row in left] == [NOON_S + 3 * HOUR_S]


def test_what_happens_in_a_nursery_cannot_be_counted_outside_it() -> None:
    """Hour after hour of sleep, and hours of an open window, a heater and lost values: as many rows leave, at the same minutes (T26)."""
    chance = random.Random(26)
    asleep, lively = Home(), Home()
    left: dict[Home, list[tuple[int, int]]] = {asleep: [], lively: []}
    for second in range(0, 3 * HOUR_S, 10):
        asleep.measure(NOON_S + second, 1900, 48)
        if chance.random() < 0.7:
            lively.measure(NOON_S + second, chance.randrange(-4000, 12500), chance.randrange(101))
        if second % 30 == 0:
            for home, seen in left.items():
                home.look(NOON_S + second)
                sealed = len(home.book.seal(home.connection, 10_000, 0))
                if sealed:
                    seen.append((second, sealed))
    assert left[asleep] == left[lively]
    assert [second for second, _ in left[asleep]] == [QUARTER_S * quarter + climate.SETTLED_S for quarter in range(1, 12)]
