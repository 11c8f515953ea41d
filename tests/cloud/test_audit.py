"""The chained log: whoever changes, drops, reorders or slips in an entry is seen, and erasing leaves nothing readable."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from cloud import accounts, audit, stores, wrapping
from protocol import cbor

ACCOUNT, KEY = b"a" * 16, b"k" * 32
NOW_UTC_S = 1_790_000_000


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = stores.create_engine("sqlite://")
    accounts.METADATA.create_all(engine)
    with engine.begin() as made:
        yield made
    engine.dispose()


def write_some(connection: Connection, count: int = 5) -> None:
    for number in range(count):
        audit.write(connection, ACCOUNT, KEY, "signed-in", NOW_UTC_S + number, browser=f"Firefox {number}")


def test_entries_are_read_as_they_were_written(connection: Connection) -> None:
    """In order, with their times and facts; another account's are apart."""
    write_some(connection)
    audit.write(connection, b"b" * 16, KEY, "exported", NOW_UTC_S)
    found = audit.read(connection, ACCOUNT, KEY)
    assert [(entry.number, entry.utc_s - NOW_UTC_S, entry.what, entry.facts["browser"]) for entry in found] == [
        (number, number, "signed-in", f"Firefox {number}") for number in range(5)
    ]


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM log_entries WHERE number = 2",
        "UPDATE log_entries SET box = x'00' WHERE number = 2",
        "UPDATE log_entries SET box_digest = zeroblob(32) WHERE number = 2",
        "UPDATE log_entries SET keep_until_day = 0 WHERE number = 2",
        "UPDATE log_entries SET entry_digest = zeroblob(32) WHERE number = 2",
        "UPDATE log_entries SET number = 9 WHERE number = 4",
        """UPDATE log_entries SET box = (SELECT box FROM log_entries WHERE number = 1),
        box_digest = (SELECT box_digest FROM log_entries WHERE number = 1) WHERE number = 2""",
    ],
)
def test_tampering_is_seen(connection: Connection, tampering: str) -> None:
    """Dropped, changed, moved or copied: the chain breaks there, or right after."""
    write_some(connection)
    connection.execute(text(tampering))
    with pytest.raises(audit.BrokenChain) as broken:
        audit.read(connection, ACCOUNT, KEY)
    assert broken.value.number in (2, 3, 4)


def test_a_cut_off_end_is_seen_by_whoever_noted_the_last_digest(connection: Connection) -> None:
    """The rest is a whole chain, and the noted digest is not in it."""
    write_some(connection)
    noted = audit.read(connection, ACCOUNT, KEY)[-1].digest
    connection.execute(text("DELETE FROM log_entries WHERE number = 4"))
    assert noted not in [entry.digest for entry in audit.read(connection, ACCOUNT, KEY)]


def test_a_chain_can_be_verified_from_its_raw_rows_alone(connection: Connection) -> None:
    """What an export holds is enough, without any key."""
    write_some(connection)
    before = bytes(32)
    for row in audit.raw(connection, ACCOUNT):
        link: Any = [before, row["number"], row["keep_until_day"], bytes.fromhex(str(row["box_sha256"]))]
        before = wrapping.digest(cbor.encode(link))
        assert before.hex() == row["entry_sha256"]


def test_old_entries_are_emptied_and_the_chain_holds(connection: Connection) -> None:
    """Connections after 30 days, exchanges after 12 months."""
    audit.write(connection, ACCOUNT, KEY, "signed-in", NOW_UTC_S)
    audit.write(connection, ACCOUNT, KEY, "exported", NOW_UTC_S)
    for days, readable in ((30, ["signed-in", "exported"]), (31, [None, "exported"]), (366, [None, None])):
        audit.empty_old(connection, NOW_UTC_S + days * 86400)
        assert [entry.what for entry in audit.read(connection, ACCOUNT, KEY)] == readable
    audit.write(connection, ACCOUNT, KEY, "signed-in", NOW_UTC_S + 400 * 86400)
    assert audit.read(connection, ACCOUNT, KEY)[-1].what == "signed-in"


def test_without_the_key_nothing_is_read(connection: Connection) -> None:
    """Another key opens no entry, and no word of one stands in the store; the chain itself still holds."""
    write_some(connection)
    with pytest.raises(audit.BrokenChain):
        audit.read(connection, ACCOUNT, os.urandom(32))
    stored = b"".join(connection.execute(text("SELECT box FROM log_entries")).scalars())
    assert b"signed-in" not in stored
    assert b"Firefox" not in stored


@given(st.lists(st.tuples(st.sampled_from(["signed-in", "exported", "linked"]), st.dictionaries(st.text(max_size=8), st.text(max_size=8)))))
@settings(max_examples=30, deadline=None)
def test_whatever_is_written_is_read(entries: list[tuple[str, dict[str, str]]]) -> None:
    """Any facts, any length."""
    engine = stores.create_engine("sqlite://")
    accounts.METADATA.create_all(engine)
    with engine.begin() as connection:
        for what, facts in entries:
            safe = {f"x{name}": value for name, value in facts.items()}
            audit.write(connection, ACCOUNT, KEY, what, NOW_UTC_S, **safe)
        assert [entry.what for entry in audit.read(connection, ACCOUNT, KEY)] == [what for what, _ in entries]
    engine.dispose()
