"""The readings store: sealed rows under pseudonyms, and the questions asked of them.

A row is pseudonym | minute | id | sealed bytes, and nothing else: no kind, no account, no gateway, no address, and no order in
which it came: the table has no numbers of its own. The same id with other bytes is a conflict, which is set aside and changes
nothing (threats T4). What can never be stored is set aside too, so that it is looked at by a person and blocks nobody.

A withdrawn id and an erased pseudonym leave a digest, a tombstone, so that nothing that is still on its way brings them back: a
withdrawal and its row may come in any order (T12). A pseudonym that nobody wrote under or asked after for 13 months lapses.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from cloud import wrapping
from protocol import cbor
from protocol.envelope import ALREADY, CONFLICT, ERASED, STANDS, STORED, WITHDRAWN, Batch, Row

# Set-aside messages are evidence, not an archive: beyond this many the newest are counted in the log only.
SET_ASIDE_AT_MOST = 10_000

METADATA = MetaData()

SEALED_ROWS = Table(
    "sealed_rows",
    METADATA,
    Column("pseudonym", LargeBinary(16), nullable=False, comment="pseudonymous: hash of the write key"),
    Column("id", LargeBinary(16), nullable=False, comment="random"),
    Column("minute", Integer, nullable=False, comment="pseudonymous: UTC minutes since 1970"),
    Column("sealed", LargeBinary, nullable=False, comment="sealed to the owner"),
    PrimaryKeyConstraint("pseudonym", "id"),
    # SQLite's own row numbers would tell which rows of two people came together, for ever
    sqlite_with_rowid=False,
)

SET_ASIDE = Table(
    "set_aside",
    METADATA,
    Column("digest", LargeBinary(32), nullable=False, comment="SHA-256 of the bytes"),
    Column("reason", Text, nullable=False, comment="one word"),
    Column("day", Integer, nullable=False, comment="UTC days since 1970"),
    Column("bytes", LargeBinary, nullable=False, comment="sealed: as they came from the broker, or the second row of a conflict"),
    PrimaryKeyConstraint("digest", "reason"),
)

TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of an erased pseudonym, or of one with a row's id"),
    Column("until_day", Integer, nullable=False, comment="UTC days since 1970: as long as backups and queues live"),
)

PSEUDONYMS = Table(
    "pseudonyms",
    METADATA,
    Column("pseudonym", LargeBinary(16), primary_key=True, comment="pseudonymous: hash of the write key"),
    Column("seen_day", Integer, nullable=False, comment="UTC days since 1970: when its write key was last used, to the month"),
    sqlite_with_rowid=False,
)

# As long as backups and the queues of homes live, and as long as nobody need be heard of: 13 months.
LAPSE_DAYS = 396
# Noted no more often than this, so that two pseudonyms of a home do not move together day by day.
SEEN_STEP_DAYS = 28
# A clock that jumped makes everybody look forgotten; then nobody is.
QUIET_AT_MOST_DAYS = 35


class SealedRow(NamedTuple):
    """One row as it is kept."""

    pseudonym: bytes
    row_id: bytes
    minute: int
    sealed: bytes


def tombstone_of(pseudonym: bytes) -> bytes:
    """Return what is kept of a pseudonym whose owner erased it: a digest."""
    return wrapping.digest(b"foyer erased\x00" + pseudonym)


def tombstone_of_row(pseudonym: bytes, row_id: bytes) -> bytes:
    """Return what is kept of a single row that its owner deleted: a digest."""
    return wrapping.digest(b"foyer erased row\x00" + pseudonym + row_id)


class Added(NamedTuple):
    """What became of a batch: the status of each row, and how its pseudonym stands (protocol/envelope.py)."""

    statuses: list[int]
    standing: int


def add_batch(connection: Connection, batch: Batch, day: int) -> Added:
    """Do what a batch asks: store and withdraw rows, erase all, or nothing but note that its pseudonym is still wanted."""
    if batch.erases:
        erase(connection, batch.pseudonym, day)
        return Added([], ERASED)
    return add_rows(connection, batch.pseudonym, batch.rows, day)


def add_rows(connection: Connection, pseudonym: bytes, rows: list[Row], day: int) -> Added:
    """Store rows; return the status of each: STORED, ALREADY (same bytes) or CONFLICT (other bytes, set aside).

    A row without bytes withdraws that id. What was withdrawn or deleted does not come back: such a row is ALREADY, so its home need
    not send it again. All rows of an erased pseudonym are CONFLICT, and nothing of them is kept: no receipt says that they are here.
    """
    own = tombstone_of(pseudonym)
    by_digest = {tombstone_of_row(pseudonym, row.row_id): row.row_id for row in rows}
    laid = set(connection.execute(select(TOMBSTONES.c.digest).where(TOMBSTONES.c.digest.in_([own, *by_digest]))).scalars())
    if own in laid:
        return Added([CONFLICT] * len(rows), ERASED)
    see(connection, pseudonym, day)
    withdrawn = [row.row_id for row in rows if row.sealed == WITHDRAWN]
    if withdrawn:
        withdraw(connection, pseudonym, withdrawn, day)
    gone = {by_digest[digest] for digest in laid}
    known = {
        row.id: (row.minute, row.sealed)
        for row in connection.execute(
            select(SEALED_ROWS.c.id, SEALED_ROWS.c.minute, SEALED_ROWS.c.sealed).where(
                SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.id.in_([row.row_id for row in rows])
            )
        )
    }
    statuses = []
    new: list[Row] = []
    for row in rows:
        kept = known.get(row.row_id)
        if row.sealed == WITHDRAWN:
            statuses.append(ALREADY if row.row_id in gone else STORED)
        elif row.row_id in gone or row.row_id in withdrawn:
            statuses.append(ALREADY)
        elif kept is None:
            known[row.row_id] = (row.minute, row.sealed)
            new.append(row)
            statuses.append(STORED)
        elif kept == (row.minute, row.sealed):
            statuses.append(ALREADY)
        else:
            set_aside(connection, _as_bytes(pseudonym, row), "conflict", day)
            statuses.append(CONFLICT)
    if new:
        connection.execute(
            insert(SEALED_ROWS), [{"pseudonym": pseudonym, "id": row.row_id, "minute": row.minute, "sealed": row.sealed} for row in new]
        )
    return Added(statuses, STANDS)


def withdraw(connection: Connection, pseudonym: bytes, row_ids: list[bytes], day: int) -> int:
    """Delete rows and lay their tombstones; return how many were there."""
    own = (SEALED_ROWS.c.pseudonym == pseudonym) & SEALED_ROWS.c.id.in_(row_ids)
    count = connection.execute(delete(SEALED_ROWS).where(own)).rowcount
    lay(connection, [tombstone_of_row(pseudonym, row_id) for row_id in row_ids], day + LAPSE_DAYS)
    return count


def erase(connection: Connection, pseudonym: bytes, day: int) -> int:
    """Delete all of a pseudonym, what was set aside of it too, and lay its tombstone; return how many rows went."""
    # what was set aside as a conflict holds the pseudonym in clear
    found = connection.execute(select(SET_ASIDE.c.digest, SET_ASIDE.c.bytes).where(SET_ASIDE.c.reason == "conflict"))
    for digest in [row.digest for row in found if pseudonym in row.bytes]:
        connection.execute(delete(SET_ASIDE).where(SET_ASIDE.c.digest == digest))
    connection.execute(delete(PSEUDONYMS).where(PSEUDONYMS.c.pseudonym == pseudonym))
    count = connection.execute(delete(SEALED_ROWS).where(SEALED_ROWS.c.pseudonym == pseudonym)).rowcount
    lay(connection, [tombstone_of(pseudonym)], day + LAPSE_DAYS)
    return count


def lay(connection: Connection, digests: list[bytes], until_day: int) -> None:
    """Lay tombstones."""
    values = [{"digest": digest, "until_day": until_day} for digest in digests]
    connection.execute(insert_or_ignore(TOMBSTONES).on_conflict_do_nothing(), values)


def lapsed(connection: Connection, day: int) -> list[bytes]:
    """Return the pseudonyms that nobody wrote under or asked after for 13 months; none while nobody at all was heard of lately."""
    newest = connection.execute(select(func.max(PSEUDONYMS.c.seen_day))).scalar_one()
    if newest is None or day - newest > QUIET_AT_MOST_DAYS:
        return []
    return list(connection.execute(select(PSEUDONYMS.c.pseudonym).where(PSEUDONYMS.c.seen_day < day - LAPSE_DAYS)).scalars())


def keep_house(connection: Connection, day: int) -> list[bytes]:
    """Erase what lapsed and take away tombstones that have served; return the pseudonyms that went."""
    gone = lapsed(connection, day)
    for pseudonym in gone:
        erase(connection, pseudonym, day)
    connection.execute(delete(TOMBSTONES).where(TOMBSTONES.c.until_day < day))
    return gone


def unseen_since(connection: Connection, pseudonyms: Iterable[bytes], day: int) -> list[bytes]:
    """Return which of these pseudonyms hold rows and were last noted before a day."""
    asked = PSEUDONYMS.c.pseudonym.in_(list(pseudonyms)) & (PSEUDONYMS.c.seen_day < day)
    return list(connection.execute(select(PSEUDONYMS.c.pseudonym).where(asked)).scalars())


def see(connection: Connection, pseudonym: bytes, day: int) -> None:
    """Note that a pseudonym's write key was used."""
    seen = connection.execute(select(PSEUDONYMS.c.seen_day).where(PSEUDONYMS.c.pseudonym == pseudonym)).scalar_one_or_none()
    if seen is None:
        connection.execute(insert(PSEUDONYMS).values(pseudonym=pseudonym, seen_day=day))
    elif seen <= day - SEEN_STEP_DAYS:
        connection.execute(update(PSEUDONYMS).where(PSEUDONYMS.c.pseudonym == pseudonym).values(seen_day=day))


def set_aside(connection: Connection, data: bytes, reason: str, day: int) -> None:
    """Keep bytes that can never be stored, once per reason, while there is room."""
    if connection.execute(select(func.count()).select_from(SET_ASIDE)).scalar_one() < SET_ASIDE_AT_MOST:
        values = {"digest": wrapping.digest(data), "reason": reason, "day": day, "bytes": data}
        connection.execute(insert_or_ignore(SET_ASIDE).values(values).on_conflict_do_nothing())


def rows_since(connection: Connection, pseudonym: bytes, minute: int) -> list[SealedRow]:
    """Return the rows of one pseudonym from a minute on, oldest first."""
    found = connection.execute(
        select(SEALED_ROWS.c.pseudonym, SEALED_ROWS.c.id, SEALED_ROWS.c.minute, SEALED_ROWS.c.sealed)
        .where(SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.minute >= minute)
        .order_by(SEALED_ROWS.c.minute, SEALED_ROWS.c.id)
    )
    return [SealedRow(*row) for row in found]


def ids_since(connection: Connection, pseudonym: bytes, minute: int) -> set[bytes]:
    """Return the ids alone: what a live page compares with what it has shown."""
    return set(
        connection.execute(select(SEALED_ROWS.c.id).where(SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.minute >= minute)).scalars()
    )


def count_of(connection: Connection, pseudonym: bytes) -> int:
    """Return how many rows are held under a pseudonym."""
    count: int = connection.execute(select(func.count()).select_from(SEALED_ROWS).where(SEALED_ROWS.c.pseudonym == pseudonym)).scalar_one()
    return count


def rows_named(connection: Connection, pseudonym: bytes, row_ids: Iterable[bytes]) -> list[SealedRow]:
    """Return the rows of one pseudonym with these ids, oldest first."""
    columns = select(SEALED_ROWS.c.pseudonym, SEALED_ROWS.c.id, SEALED_ROWS.c.minute, SEALED_ROWS.c.sealed)
    chosen = columns.where(SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.id.in_(list(row_ids))).order_by(SEALED_ROWS.c.minute)
    return [SealedRow(*row) for row in connection.execute(chosen)]


def _as_bytes(pseudonym: bytes, row: Row) -> bytes:
    return cbor.encode([pseudonym, row.minute, row.row_id, row.sealed])
