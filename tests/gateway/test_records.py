"""The home's chain of exchanges: whatever is done to it afterwards shows, and forgetting the oldest does not break it."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway import records
from gateway.edges import ledger
from gateway.records import Exchange

MIGRATIONS = Path(ledger.__file__).parent / "migrations"
DAY_MS = 86_400_000
KINDS = st.tuples(st.sampled_from(records.WHAT), st.sampled_from(["account", "page"]), st.none() | st.integers(0, 9), st.integers(0, 50))


def home() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    for step in sorted(MIGRATIONS.glob("*.sql")):
        connection.executescript(step.read_text())
    return connection


def broken(connection: sqlite3.Connection) -> int | None:
    return records.first_broken(ledger.begin(connection), ledger.exchanges(connection))


@given(st.lists(KINDS, min_size=2, max_size=12), st.data())
def test_a_changed_moved_or_missing_entry_shows(done: list[tuple[str, str, int | None, int]], data: st.DataObject) -> None:
    """Each change of each field of any entry, and taking any but the last out, breaks the chain at or behind it."""
    connection = home()
    for at, (what, whom, subject, count) in enumerate(done):
        ledger.add(connection, what, whom, subject, count, 1000 * at)
    entries = ledger.exchanges(connection)
    assert (len(entries), broken(connection)) == (len(done), None)
    place = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.sampled_from(["at_ms", "count", "subject", "what", "whom"]))
    changed: dict[str, object] = {"at_ms": -1, "count": 99, "subject": 77, "what": "nothing", "whom": "somebody"}
    altered = [replace(each, **{other: changed[other]}) if at == place else each for at, each in enumerate(entries)]  # type: ignore[arg-type]  # by name
    assert records.first_broken(records.BEGIN, altered) == entries[place].number
    if place < len(entries) - 1:
        assert records.first_broken(records.BEGIN, entries[:place] + entries[place + 1 :]) == entries[place + 1].number


@given(st.lists(st.integers(0, 800), min_size=1, max_size=20), st.integers(0, 1200))
def test_the_old_is_forgotten_and_the_rest_still_holds(days: list[int], today: int) -> None:
    """After a sweep nothing older than a year is there, everything younger is, the chain holds, and numbers go on, even from nothing."""
    connection = home()
    for day in sorted(days):
        ledger.add(connection, records.SENT, "account", 1, 1, day * DAY_MS)
    ledger.sweep(connection, today * DAY_MS)
    assert [each.at_ms for each in ledger.exchanges(connection)] == [day * DAY_MS for day in sorted(days) if today - day <= 365]
    assert broken(connection) is None
    ledger.add(connection, records.EXPORTED, "page", None, 1, 2000 * DAY_MS)
    assert ledger.exchanges(connection)[-1].number == len(days) + 1
    assert broken(connection) is None


def test_connections_are_kept_for_a_month() -> None:
    """Thirty days, and no more."""
    connection = home()
    for day in (0, 1, 30):
        connection.execute("INSERT INTO connections (at_ms, what, who) VALUES (?, 'browser', 'x')", (day * DAY_MS,))
    ledger.sweep(connection, 31 * DAY_MS)
    assert [row["at_ms"] // DAY_MS for row in ledger.connections(connection)] == [30, 1]


def test_an_erased_person_leaves_the_chain_whole() -> None:
    """Entries hold a number that points at nobody any more; nothing of the chain has to be touched."""
    connection = home()
    ledger.add(connection, records.SENT, "account", 7, 3, 0)
    connection.execute("DELETE FROM subjects WHERE subject = 7")
    assert broken(connection) is None
    assert ledger.exchanges(connection) == [Exchange(1, 0, "sent", "account", 7, 3, ledger.exchanges(connection)[0].digest)]
