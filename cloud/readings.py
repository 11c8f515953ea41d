"""The readings store: sealed rows under pseudonyms, and the questions asked of them.

A row is pseudonym | minute | id | sealed bytes, and nothing else: no kind, no account, no gateway, no address. Rows are only ever
added here; the same id with other bytes is a conflict, which is set aside and changes nothing (threats T4). What can never be
stored is set aside too, so that it is looked at by a person and blocks nobody.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text, func, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from cloud import wrapping
from protocol import cbor
from protocol.envelope import ALREADY, CONFLICT, STORED, Batch, Row

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


def add_batch(connection: Connection, batch: Batch, day: int) -> list[int]:
    """Store the rows of a batch; return the status of each: STORED, ALREADY (same bytes) or CONFLICT (other bytes, set aside).

    What its owner deleted does not come back: such a row is ALREADY, so its home need not send it again. All rows of an erased
    pseudonym are CONFLICT, and nothing of them is kept: no receipt says that they are here (threats T12).
    """
    own = tombstone_of(batch.pseudonym)
    by_digest = {tombstone_of_row(batch.pseudonym, row.row_id): row.row_id for row in batch.rows}
    laid = set(connection.execute(select(TOMBSTONES.c.digest).where(TOMBSTONES.c.digest.in_([own, *by_digest]))).scalars())
    if own in laid:
        return [CONFLICT] * len(batch.rows)
    deleted = {by_digest[digest] for digest in laid}
    known = {
        row.id: (row.minute, row.sealed)
        for row in connection.execute(
            select(SEALED_ROWS.c.id, SEALED_ROWS.c.minute, SEALED_ROWS.c.sealed).where(
                SEALED_ROWS.c.pseudonym == batch.pseudonym, SEALED_ROWS.c.id.in_([row.row_id for row in batch.rows])
            )
        )
    }
    statuses = []
    new: list[Row] = []
    for row in batch.rows:
        kept = known.get(row.row_id)
        if row.row_id in deleted:
            statuses.append(ALREADY)
        elif kept is None:
            known[row.row_id] = (row.minute, row.sealed)
            new.append(row)
            statuses.append(STORED)
        elif kept == (row.minute, row.sealed):
            statuses.append(ALREADY)
        else:
            set_aside(connection, _as_bytes(batch.pseudonym, row), "conflict", day)
            statuses.append(CONFLICT)
    if new:
        connection.execute(
            insert(SEALED_ROWS),
            [{"pseudonym": batch.pseudonym, "id": row.row_id, "minute": row.minute, "sealed": row.sealed} for row in new],
        )
    return statuses


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
