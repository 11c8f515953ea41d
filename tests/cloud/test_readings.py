"""What a batch asks of the readings store: withdrawn stays withdrawn, erased stays erased, and what nobody asks after lapses."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event, select
from sqlalchemy.pool import StaticPool

from cloud import readings
from protocol.envelope import ALREADY, CONFLICT, ERASED, FROM_THE_FIRST, STANDS, STORED, WITHDRAWN, Batch, Page, Row, encode_page

DAY = 20_000
ANNA, BEN = b"a" * 16, b"b" * 16


def store() -> Connection:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    readings.METADATA.create_all(engine)
    return engine.connect()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with store() as made:
        yield made


def row(number: int, sealed: bytes = b"sealed") -> Row:
    return Row(1, bytes([number]) * 16, sealed)


def held(connection: Connection, pseudonym: bytes = ANNA) -> set[bytes]:
    return readings.ids_since(connection, pseudonym, 0)


def erasure(pseudonym: bytes = ANNA) -> Batch:
    return Batch(pseudonym, [], 0, b"", True, None)


@given(st.permutations([("row", 1), ("row", 1), ("withdraw", 1), ("withdraw", 1), ("row", 2)]))
def test_a_withdrawal_and_its_row_may_come_in_any_order(messages: list[tuple[str, int]]) -> None:
    """However often and in whatever order they come, the withdrawn row is not there in the end and the other is."""
    with store() as connection:
        for what, number in messages:
            readings.add_rows(connection, ANNA, [row(number, b"sealed" if what == "row" else WITHDRAWN)], DAY)
        assert held(connection) == {bytes([2]) * 16}


def test_a_withdrawal_says_whether_it_was_done_before(connection: Connection) -> None:
    """STORED the first time, ALREADY from then on; the row itself is ALREADY too, so its home need not send it again."""
    readings.add_rows(connection, ANNA, [row(1)], DAY)
    both = [row(1, WITHDRAWN), row(2)]
    assert readings.add_rows(connection, ANNA, both, DAY) == ([STORED, STORED], STANDS)
    assert readings.add_rows(connection, ANNA, both, DAY) == ([ALREADY, ALREADY], STANDS)
    assert readings.add_rows(connection, ANNA, [row(1)], DAY).statuses == [ALREADY]
    assert readings.add_rows(connection, ANNA, [row(2, b"other bytes")], DAY).statuses == [CONFLICT]


def test_an_erased_pseudonym_takes_nothing_and_says_so(connection: Connection) -> None:
    """All of it goes, another's stays; a queue that comes back is answered as erased and stored nowhere."""
    for whose in (ANNA, BEN):
        readings.add_rows(connection, whose, [row(1), row(2)], DAY)
    assert readings.add_batch(connection, erasure(), DAY) == ([], ERASED)
    assert readings.add_batch(connection, erasure(), DAY) == ([], ERASED)
    assert readings.add_rows(connection, ANNA, [row(1), row(3)], DAY) == ([CONFLICT, CONFLICT], ERASED)
    assert readings.add_rows(connection, ANNA, [], DAY) == ([], ERASED), "a question alone is answered too"
    assert (held(connection), len(held(connection, BEN))) == (set(), 2)


def test_what_nobody_asks_after_for_13_months_lapses(connection: Connection) -> None:
    """A question a year keeps a pseudonym; without one it is erased, tombstone included, when others are still heard of."""
    for whose in (ANNA, BEN):
        readings.add_rows(connection, whose, [row(1)], DAY)
    readings.add_rows(connection, BEN, [], DAY + 390)
    assert readings.keep_house(connection, DAY + 396) == []
    assert readings.keep_house(connection, DAY + 397) == [ANNA]
    assert (held(connection), len(held(connection, BEN))) == (set(), 1)
    assert readings.add_rows(connection, ANNA, [row(1)], DAY + 398).standing == ERASED


@given(
    st.dictionaries(st.binary(min_size=16, max_size=16).filter(any), st.sampled_from([b"s", bytes(540), bytes(8192)]), max_size=70),
    st.sets(st.binary(min_size=16, max_size=16), max_size=3),
)
def test_rows_that_are_asked_back_come_once_by_pages_that_travel(rows: dict[bytes, bytes], others: set[bytes]) -> None:
    """Each once, in pages that never are too large to be sent, whatever their rows' sizes; another's rows, and withdrawn ones, do not."""
    with store() as connection:
        readings.add_rows(connection, ANNA, [Row(7, row_id, sealed) for row_id, sealed in rows.items()], DAY)
        readings.add_rows(connection, BEN, [Row(7, row_id, b"Ben's") for row_id in others], DAY)
        readings.add_rows(connection, ANNA, [Row(7, row_id, WITHDRAWN) for row_id in others], DAY)
        back: list[Row] = []
        more, after = True, FROM_THE_FIRST
        while more:
            page, more = readings.page_after(connection, ANNA, after)
            encode_page(Page(bytes(32), page, STANDS, more), lambda _: bytes(64))
            assert page or not more
            back += page
            after = page[-1].row_id if page else after
    assert back == [Row(7, row_id, rows[row_id]) for row_id in sorted(set(rows) - others)]


def test_a_clock_that_jumped_forgets_nobody(connection: Connection) -> None:
    """When nobody at all was heard of lately it is the clock, or we were away: nothing lapses until somebody is."""
    readings.add_rows(connection, ANNA, [row(1)], DAY)
    assert readings.keep_house(connection, DAY + 4000) == []
    assert held(connection)


def test_the_store_keeps_no_order_in_which_rows_came(connection: Connection) -> None:
    """There are no row numbers, and the day a pseudonym was last used is noted once a month."""
    for number in range(9, 0, -1):
        readings.add_rows(connection, ANNA if number % 2 else BEN, [row(number)], DAY + number)
    statement = "SELECT sql FROM sqlite_master WHERE name IN ('sealed_rows', 'pseudonyms')"
    assert all("WITHOUT ROWID" in sql for (sql,) in connection.exec_driver_sql(statement))
    assert set(connection.execute(select(readings.PSEUDONYMS.c.seen_day)).scalars()) == {DAY + 9, DAY + 8}


def test_ten_statements_serve_every_number_of_rows(connection: Connection) -> None:
    """SQLite keeps each statement it has prepared, so a number of rows that never came before must not need another.

    That is so of what is new, of what was there already, and of what is looked up among what was withdrawn.
    """
    readings.withdraw(connection, BEN, [b"w" * 16], DAY)
    asked: set[str] = set()
    event.listen(connection, "before_cursor_execute", lambda _connection, _cursor, statement, *_: asked.add(statement))
    counts = [*range(1, 130), 700, 1300]
    for number, count in enumerate(counts):
        rows = [Row(1, number.to_bytes(8, "big") + place.to_bytes(8, "big"), b"sealed") for place in range(count)]
        assert readings.add_rows(connection, ANNA, rows, DAY).statuses == [STORED] * count
        assert readings.add_rows(connection, ANNA, rows, DAY).statuses == [ALREADY] * count
    for beginning in ("INSERT OR IGNORE INTO sealed_rows", "SELECT sealed_rows.id", "SELECT tombstones.digest"):
        assert 0 < len([statement for statement in asked if statement.startswith(beginning)]) <= 11, beginning
    assert len(held(connection)) == sum(counts)
