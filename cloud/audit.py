"""The log of an account: every connection and every exchange, as a hash chain that its person can read and verify (R28, R29).

Each entry is sealed under the account's erasure key; its digest is made of the entry before it and of the sealed bytes. So nothing
can be changed, dropped or slipped in without every later digest changing, and whoever noted the last digest (it is in every export)
can tell. When an entry is old enough its box is emptied and its digest stays: the chain holds without it. Erasing the key makes the
whole log unreadable at once. The operator has a log of the same kind, which names no person.
"""

import time
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from cloud import stores, wrapping
from cloud.accounts import LOG_ENTRIES
from cloud.errors import CannotUnwrap
from protocol import cbor

CONNECTIONS_DAYS, EXCHANGES_DAYS = 30, 365
OPERATOR = bytes(16)
# The operator's log says what was done and when, and holds no personal data; a fixed key only keeps the rows of one shape.
OPERATOR_KEY = wrapping.hkdf(b"", b"foyer operator log", b"foyer log 1", 32)
BEGINNING = bytes(32)
CONNECTIONS = ("signed-in", "signed-in-by-passkey", "signed-out", "session-ended")
_PURPOSE = b"foyer log entry\x00"


class Entry(NamedTuple):
    """One entry as it is read; what is None when it was emptied by age."""

    number: int
    utc_s: int
    what: str | None
    facts: dict[str, str]
    digest: bytes


class BrokenChain(Exception):
    """An entry does not follow from the one before it; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(f"entry {number} does not follow")
        self.number = number


def write(connection: Connection, account_id: bytes, key: bytes, what: str, now_utc_s: int, **facts: str) -> None:
    """Add an entry, in the transaction of what it tells."""
    stores.one_at_a_time(connection, account_id)
    columns = (LOG_ENTRIES.c.number, LOG_ENTRIES.c.entry_digest)
    newest = select(*columns).where(LOG_ENTRIES.c.account_id == account_id).order_by(LOG_ENTRIES.c.number.desc()).limit(1)
    last = connection.execute(newest).one_or_none()
    number, before = (0, BEGINNING) if last is None else (last.number + 1, last.entry_digest)
    keep_until_day = now_utc_s // 86400 + (CONNECTIONS_DAYS if what in CONNECTIONS else EXCHANGES_DAYS)
    box = wrapping.wrap(key, cbor.encode({0: now_utc_s, 1: what, 2: facts}), _PURPOSE + account_id)
    box_digest = wrapping.digest(box)
    values = {"account_id": account_id, "number": number, "keep_until_day": keep_until_day, "box": box, "box_digest": box_digest}
    connection.execute(insert(LOG_ENTRIES).values(**values, entry_digest=link(before, number, keep_until_day, box_digest)))


def link(before: bytes, number: int, keep_until_day: int, box_digest: bytes) -> bytes:
    """Return the digest of an entry: SHA-256 over CBOR [the digest before, number, last day, SHA-256 of the box]."""
    return wrapping.digest(cbor.encode([before, number, keep_until_day, box_digest]))


def read(connection: Connection, account_id: bytes, key: bytes) -> list[Entry]:
    """Return the whole log, oldest first, every link checked. Raises BrokenChain."""
    entries, before = [], BEGINNING
    rows = connection.execute(select(LOG_ENTRIES).where(LOG_ENTRIES.c.account_id == account_id).order_by(LOG_ENTRIES.c.number))
    for expected, row in enumerate(rows):
        fits = row.number == expected and row.entry_digest == link(before, row.number, row.keep_until_day, row.box_digest)
        if not fits or (row.box is not None and wrapping.digest(row.box) != row.box_digest):
            raise BrokenChain(expected)
        before = row.entry_digest
        try:
            fields = None if row.box is None else cbor.decode(wrapping.unwrap(key, row.box, _PURPOSE + account_id))
        except CannotUnwrap:
            raise BrokenChain(expected) from None
        if isinstance(fields, dict):
            entries.append(Entry(row.number, fields[0], fields[1], fields[2], row.entry_digest))
        else:
            entries.append(Entry(row.number, 0, None, {}, row.entry_digest))
    return entries


def raw(connection: Connection, account_id: bytes) -> list[dict[str, object]]:
    """Return what the chain is made of, for whoever verifies it by themselves."""
    rows = connection.execute(select(LOG_ENTRIES).where(LOG_ENTRIES.c.account_id == account_id).order_by(LOG_ENTRIES.c.number))
    return [
        {
            "number": row.number,
            "keep_until_day": row.keep_until_day,
            "box_sha256": row.box_digest.hex(),
            "entry_sha256": row.entry_digest.hex(),
        }
        for row in rows
    ]


def empty_old(connection: Connection, now_utc_s: int) -> int:
    """Empty the boxes that are past their last day; return how many."""
    old = LOG_ENTRIES.c.keep_until_day < now_utc_s // 86400
    count: int = connection.execute(select(func.count()).select_from(LOG_ENTRIES).where(old, LOG_ENTRIES.c.box.is_not(None))).scalar_one()
    connection.execute(update(LOG_ENTRIES).where(old).values(box=None))
    return count


def write_for_operator(connection: Connection, what: str, **facts: str) -> None:
    """Add an entry to the operator's own log."""
    write(connection, OPERATOR, OPERATOR_KEY, what, int(time.time()), **facts)
