"""The readings store: sealed rows under pseudonyms, and the questions asked of them.

A row is pseudonym | minute | id | sealed bytes, and nothing else: no kind, no account, no gateway, no address, and no order in
which it came: the table has no numbers of its own. The same id with other bytes is a conflict, which is set aside and changes
nothing (threats T4). What can never be stored is set aside too, so that it is looked at by a person and blocks nobody.

A withdrawn id and an erased pseudonym leave a digest, a tombstone, so that nothing that is still on its way brings them back: a
withdrawal and its row may come in any order (T12). A pseudonym that nobody wrote under or asked after for 13 months lapses.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar

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
    select,
)

from cloud import arrays, stores, wrapping
from protocol import cbor
from protocol.envelope import ALREADY, CONFLICT, ERASED, PAGE_SEALED_BYTES, ROWS_IN_BATCH, STANDS, STORED, WITHDRAWN, Batch, Row

# Set-aside messages are evidence, not an archive: beyond this many the newest are counted in the log only.
SET_ASIDE_AT_MOST = 10_000
# At most so many ids or rows in one statement, and always a power of two: ten statements serve every number. SQLite keeps each that it
# has prepared, some hundreds of bytes for an id or a row, and one for each number there ever was is memory that grows for days.
TOGETHER = 512

_T = TypeVar("_T")
_Values = tuple[bytes, bytes, int, bytes]
_UNNEST = (
    "INSERT INTO sealed_rows (pseudonym, id, minute, sealed)"
    " SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::int4[], %b::bytea[]) ON CONFLICT DO NOTHING"
)

_NOTE = "INSERT INTO pseudonyms (pseudonym, seen_day) SELECT one, %b::int4 FROM unnest(%b::bytea[]) AS one ON CONFLICT DO NOTHING"

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
    """Do what one batch asks, as add_batches does."""
    return add_batches(connection, [batch], day)[0]


def add_rows(connection: Connection, pseudonym: bytes, rows: list[Row], day: int) -> Added:
    """Store rows of one pseudonym, as add_batches does."""
    return add_batches(connection, [Batch(pseudonym, rows, 0, b"", False, None)], day)[0]


def add_batches(connection: Connection, batches: Sequence[Batch], day: int) -> list[Added]:
    """Do what each batch asks: store and withdraw rows, erase all, or nothing but note that its pseudonym is still wanted.

    A row is STORED, ALREADY there (same bytes) or a CONFLICT (other bytes, set aside). A row without bytes withdraws that id. What was
    withdrawn or deleted does not come back: such a row is ALREADY, so its home need not send it again. All rows of an erased pseudonym
    are CONFLICT, and nothing of them is kept: no receipt says that they are here.
    """
    runs = [(brings, list(run)) for brings, run in groupby(batches, key=_only_brings)]
    if not all(brings for brings, _ in runs):
        stores.erasing(connection)
    added: list[Added] = []
    for brings, run in runs:
        added += _bring(connection, run, day) if brings else [_erase_or_withdraw(connection, batch, day) for batch in run]
    return added


def _only_brings(batch: Batch) -> bool:
    return not batch.erases and WITHDRAWN not in map(attrgetter("sealed"), batch.rows)


def _erase_or_withdraw(connection: Connection, batch: Batch, day: int) -> Added:
    if batch.erases:
        erase(connection, batch.pseudonym, day)
        return Added([], ERASED)
    laid = _tombstones_among(connection, [batch])
    if tombstone_of(batch.pseudonym) in laid:
        return Added([CONFLICT] * len(batch.rows), ERASED)
    withdraw(connection, batch.pseudonym, [row.row_id for row in batch.rows if row.sealed == WITHDRAWN], day)
    # they find the tombstones just laid
    (others,) = _bring(connection, [batch._replace(rows=[row for row in batch.rows if row.sealed != WITHDRAWN])], day)
    rest = iter(others.statuses)
    gone = [ALREADY if tombstone_of_row(batch.pseudonym, row.row_id) in laid else STORED for row in batch.rows]
    return Added([status if row.sealed == WITHDRAWN else next(rest) for row, status in zip(batch.rows, gone, strict=True)], STANDS)


def _bring(connection: Connection, batches: Sequence[Batch], day: int) -> list[Added]:
    is_any_laid, seen = _first_questions(connection, {batch.pseudonym for batch in batches})
    laid = _tombstones_among(connection, batches) if is_any_laid else set()
    added: list[Added] = []
    # by pseudonym and id what is new as far as these batches tell; a second row of the same id is compared with the first
    new: dict[bytes, dict[bytes, tuple[Row, int, int]]] = {}
    again: list[tuple[int, int]] = []
    for number, batch in enumerate(batches):
        if laid and tombstone_of(batch.pseudonym) in laid:
            added.append(Added([CONFLICT] * len(batch.rows), ERASED))
            continue
        statuses = [STORED] * len(batch.rows)
        own = new.setdefault(batch.pseudonym, {})
        for place, row in enumerate(batch.rows):
            if laid and tombstone_of_row(batch.pseudonym, row.row_id) in laid:
                statuses[place] = ALREADY
            elif own.setdefault(row.row_id, found := (row, number, place)) is not found:
                again.append((number, place))
        added.append(Added(statuses, STANDS))
    _note_seen(connection, set(new), seen, day)
    # one order for everybody, so that two ingesters with the same rows wait for each other and not in a circle
    rows = [
        (pseudonym, row_id, row.minute, row.sealed) for pseudonym in sorted(new) for row_id, (row, _, _) in sorted(new[pseudonym].items())
    ]
    kept = _insert(connection, rows)
    for (pseudonym, row_id), known in kept.items():
        row, number, place = new[pseudonym][row_id]
        added[number].statuses[place] = _compared(connection, pseudonym, row, known, day)
    for number, place in again:
        pseudonym, row = batches[number].pseudonym, batches[number].rows[place]
        first = new[pseudonym][row.row_id][0]
        known = kept.get((pseudonym, row.row_id), (first.minute, first.sealed))
        added[number].statuses[place] = _compared(connection, pseudonym, row, known, day)
    return added


def _first_questions(connection: Connection, pseudonyms: Iterable[bytes]) -> tuple[bool, dict[bytes, int]]:
    """Return whether there are tombstones at all, and when each of these pseudonyms was last noted; nobody erases from now on."""
    if not stores.is_server(connection):
        return connection.execute(select(TOMBSTONES.c.digest).limit(1)).first() is not None, _seen(connection, pseudonyms)
    _, first, noted = stores.in_one_round(
        connection,
        (stores.HOLD_OFF_ERASING, ()),
        ("SELECT 1 FROM tombstones LIMIT 1", ()),
        ("SELECT pseudonym, seen_day FROM pseudonyms WHERE pseudonym = ANY(%b::bytea[])", (arrays.of_bytes(list(pseudonyms)),)),
    )
    return first.fetchone() is not None, dict(noted.fetchall())


def _tombstones_among(connection: Connection, batches: Sequence[Batch]) -> set[bytes]:
    digests = {tombstone_of(batch.pseudonym) for batch in batches}
    digests.update(tombstone_of_row(batch.pseudonym, row.row_id) for batch in batches for row in batch.rows)
    asked = list(digests)
    if stores.is_server(connection):
        (found,) = stores.in_one_round(
            connection, ("SELECT digest FROM tombstones WHERE digest = ANY(%b::bytea[])", (arrays.of_bytes(asked),))
        )
        return {digest for (digest,) in found}
    laid: set[bytes] = set()
    for some in _in_powers(asked):
        laid |= set(connection.execute(select(TOMBSTONES.c.digest).where(TOMBSTONES.c.digest.in_(some))).scalars())
    return laid


def _insert(connection: Connection, rows: list[_Values]) -> dict[tuple[bytes, bytes], tuple[int, bytes]]:
    """Insert rows; return minute and sealed bytes of those that were there already, and are left as they were."""
    new = rows
    kept: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}
    while new and not _all_inserted(connection, new):
        kept |= _kept(connection, [row[:2] for row in new])
        new = [row for row in new if row[:2] not in kept]
    return kept


def _all_inserted(connection: Connection, rows: list[_Values]) -> bool:
    """Insert rows; when some are there already, insert none and return False."""
    if stores.is_server(connection):
        # four arrays in PostgreSQL's binary form: nothing is quoted, and one statement is planned once
        pseudonyms, ids, minutes, sealed = zip(*rows, strict=True)
        columns = arrays.of_bytes(pseudonyms), arrays.of_bytes(ids), arrays.of_int4(minutes), arrays.of_bytes(sealed)
        _, inserted = stores.in_one_round(connection, ("SAVEPOINT attempt", ()), (_UNNEST, columns))
        count = inserted.rowcount
    else:
        connection.exec_driver_sql("SAVEPOINT attempt")
        count = sum(_insert_together(connection, part) for part in _in_powers(rows))
    if count != len(rows):
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT attempt")
    return count == len(rows)


def _in_powers(items: list[_T]) -> Iterator[list[_T]]:
    """Yield the items in parts whose numbers are powers of two, the largest first."""
    start = 0
    while start < len(items):
        size = min(TOGETHER, 1 << (len(items) - start).bit_length() - 1)
        yield items[start : start + size]
        start += size


def _insert_together(connection: Connection, rows: list[_Values]) -> int:
    # one statement: SQLite lets go of Python's lock at each, and whoever opens messages meanwhile is slow to give it back
    places = ", ".join(["(?, ?, ?, ?)"] * len(rows))
    sql = f"INSERT OR IGNORE INTO sealed_rows (pseudonym, id, minute, sealed) VALUES {places}"  # noqa: S608  question marks alone
    return connection.exec_driver_sql(sql, tuple(chain.from_iterable(rows))).rowcount


def _kept(connection: Connection, keys: list[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], tuple[int, bytes]]:
    """Return minute and sealed bytes of the rows with these keys that are there."""
    found: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}
    for pseudonym, own in groupby(keys, key=itemgetter(0)):
        for ids in _in_powers([row_id for _, row_id in own]):
            chosen = select(SEALED_ROWS.c.id, SEALED_ROWS.c.minute, SEALED_ROWS.c.sealed).where(
                SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.id.in_(ids)
            )
            found |= {(pseudonym, row.id): (row.minute, row.sealed) for row in connection.execute(chosen)}
    return found


def _compared(connection: Connection, pseudonym: bytes, row: Row, known: tuple[int, bytes], day: int) -> int:
    if known == (row.minute, row.sealed):
        return ALREADY
    set_aside(connection, _as_bytes(pseudonym, row), "conflict", day)
    return CONFLICT


def withdraw(connection: Connection, pseudonym: bytes, row_ids: list[bytes], day: int) -> int:
    """Delete rows and lay their tombstones; return how many were there."""
    stores.erasing(connection)
    own = (SEALED_ROWS.c.pseudonym == pseudonym) & SEALED_ROWS.c.id.in_(row_ids)
    count = connection.execute(delete(SEALED_ROWS).where(own)).rowcount
    lay(connection, [tombstone_of_row(pseudonym, row_id) for row_id in row_ids], day + LAPSE_DAYS)
    return count


def erase(connection: Connection, pseudonym: bytes, day: int) -> int:
    """Delete all of a pseudonym, what was set aside of it too, and lay its tombstone; return how many rows went."""
    stores.erasing(connection)
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
    connection.execute(stores.insert_new(connection, TOMBSTONES), values)


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


def see(connection: Connection, pseudonyms: Iterable[bytes], day: int) -> None:
    """Note that the write keys of pseudonyms were used."""
    asked = set(pseudonyms)
    _note_seen(connection, asked, _seen(connection, asked), day)


def _seen(connection: Connection, pseudonyms: Iterable[bytes]) -> dict[bytes, int]:
    found = connection.execute(select(PSEUDONYMS).where(PSEUDONYMS.c.pseudonym.in_(list(pseudonyms))))
    return {row.pseudonym: row.seen_day for row in found}


def _note_seen(connection: Connection, pseudonyms: set[bytes], seen: dict[bytes, int], day: int) -> None:
    asked = sorted(pseudonyms)
    old = [pseudonym for pseudonym in asked if seen.get(pseudonym, day) <= day - SEEN_STEP_DAYS]
    if old:
        # rows of this store are put and taken and never changed: the site's role may do no more
        connection.execute(delete(PSEUDONYMS).where(PSEUDONYMS.c.pseudonym.in_(old)))
    new = [pseudonym for pseudonym in asked if pseudonym not in seen or pseudonym in old]
    if new and stores.is_server(connection):
        stores.in_one_round(connection, (_NOTE, (day, arrays.of_bytes(new))))
    elif new:
        connection.execute(stores.insert_new(connection, PSEUDONYMS), [{"pseudonym": pseudonym, "seen_day": day} for pseudonym in new])


def set_aside(connection: Connection, data: bytes, reason: str, day: int) -> None:
    """Keep bytes that can never be stored, once per reason, while there is room."""
    if connection.execute(select(func.count()).select_from(SET_ASIDE)).scalar_one() < SET_ASIDE_AT_MOST:
        values = {"digest": wrapping.digest(data), "reason": reason, "day": day, "bytes": data}
        connection.execute(stores.insert_new(connection, SET_ASIDE).values(values))


def rows_since(connection: Connection, pseudonym: bytes, minute: int, until_minute: int | None = None) -> list[SealedRow]:
    """Return the rows of one pseudonym from a minute on, and before another, oldest first."""
    chosen = (
        select(SEALED_ROWS.c.pseudonym, SEALED_ROWS.c.id, SEALED_ROWS.c.minute, SEALED_ROWS.c.sealed)
        .where(SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.minute >= minute)
        .order_by(SEALED_ROWS.c.minute, SEALED_ROWS.c.id)
    )
    if until_minute is not None:
        chosen = chosen.where(SEALED_ROWS.c.minute < until_minute)
    return [SealedRow(*row) for row in connection.execute(chosen)]


def page_after(connection: Connection, pseudonym: bytes, row_id: bytes) -> tuple[list[Row], bool]:
    """Return the rows of one pseudonym whose ids follow `row_id`, as many as one page takes, and whether more follow those."""
    columns = select(SEALED_ROWS.c.minute, SEALED_ROWS.c.id, SEALED_ROWS.c.sealed)
    chosen = columns.where(SEALED_ROWS.c.pseudonym == pseudonym, SEALED_ROWS.c.id > row_id).order_by(SEALED_ROWS.c.id)
    found = [Row(*row) for row in connection.execute(chosen.limit(ROWS_IN_BATCH + 1))]
    sizes = accumulate(len(row.sealed) for row in found)
    page = [row for row, bytes_ in zip(found[:ROWS_IN_BATCH], sizes, strict=False) if bytes_ <= PAGE_SEALED_BYTES]
    return page, len(page) < len(found)


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
