"""The rows of a subject under all of its names, and whether any is missing from the chain that its home sealed.

A name is one chain: rows are numbered from 0, and each holds the digest of the row sealed before it. Where a row was withdrawn, at home or
here, a stone fills its place and tells its digest. So whoever opens them sees what the store left out, moved or put in between. It
cannot see that the store holds back the newest rows, which is why a home says how many it has sent (docs/privacy.md).
"""

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection

from cloud import readings as store
from cloud import wrapping
from cloud.readings import SealedRow
from cloud.site.opening import IMPORTED, Opener, Subject
from protocol import seals
from protocol.envelope import Row

_EVERY_KIND = range(seals.STONE + 1)


class Course(NamedTuple):
    """What one or more chains show: how many rows are there, how many were taken out by whoever may, and what is wrong."""

    rows: int
    taken_out: int
    # missing: numbers nobody has; moved: rows that do not follow the one before; strange: rows that open and belong nowhere
    missing: int
    moved: int
    strange: int

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.moved or self.strange)


class _Link(NamedTuple):
    previous: bytes
    digest: bytes
    is_stone: bool


def rows_since(connection: Connection, subject: Subject, minute: int, until_minute: int | None = None) -> list[SealedRow]:
    """Return the rows of a subject from a minute on, and before another, oldest first."""
    found = [row for name in subject.pseudonyms for row in store.rows_since(connection, name, minute, until_minute)]
    return sorted(found, key=lambda row: (row.minute, row.row_id)) if len(subject.epochs) > 1 else found


def ids_since(connection: Connection, subject: Subject, minute: int) -> set[bytes]:
    """Return the ids alone."""
    return {row_id for name in subject.pseudonyms for row_id in store.ids_since(connection, name, minute)}


def rows_named(connection: Connection, subject: Subject, row_ids: Iterable[bytes]) -> list[SealedRow]:
    """Return the rows with these ids, oldest first."""
    ids = list(row_ids)
    return [row for name in subject.pseudonyms for row in store.rows_named(connection, name, ids)]


def count_of(connection: Connection, subject: Subject) -> int:
    """Return how many rows are held of a subject."""
    return sum(store.count_of(connection, name) for name in subject.pseudonyms)


def check(connection: Connection, subject: Subject) -> Course:
    """Open every row of a subject and say what its chains show."""
    if subject.approval_key == IMPORTED:
        return Course(count_of(connection, subject), 0, 0, 0, 0)
    opener = Opener(subject)
    courses = [_check_one(opener, store.rows_since(connection, name, 0)) for name in subject.pseudonyms]
    return Course(*(sum(each) for each in zip(*courses, strict=True)))


def stone_for(subject: Subject, row: SealedRow) -> Row | None:
    """Return the stone that takes the place of a row which its owner deletes here; None: it was in no chain."""
    entry = Opener(subject).entry(row, _EVERY_KIND)
    if entry is None or subject.approval_key == IMPORTED:
        return None
    row_id = os.urandom(seals.ROW_ID_BYTES)
    root_key = subject.epoch_of(row.pseudonym).root_key
    about = (row.pseudonym, row.minute, row_id, seals.stone(entry, row.sealed, row.minute))
    return Row(row.minute, row_id, seals.seal_row(root_key, *about, wrapping.hkdf, wrapping.seal, os.urandom(seals.NONCE_BYTES)))


def _check_one(opener: Opener, rows: Sequence[SealedRow]) -> Course:
    chain: dict[int, _Link] = {}
    strange = 0
    for row in rows:
        entry = opener.entry(row, _EVERY_KIND)
        if entry is None:
            strange += 1
            continue
        is_stone = entry[seals.KIND] == seals.STONE
        digest = entry[seals.VALUES][seals.TAKEN_OUT] if is_stone else sha256(row.sealed).digest()
        link = _Link(entry[seals.PREVIOUS], digest, is_stone)
        number = entry[seals.NUMBER]
        if number in chain:
            # a second row in one place; beside a stone it is the one that was taken out, and is back
            strange += 1
        if number not in chain or is_stone:
            chain[number] = link
    numbers = sorted(chain)
    missing = (numbers[-1] + 1 - len(numbers)) if numbers else 0
    moved = sum(chain[number].previous != chain[number - 1].digest for number in numbers if number - 1 in chain)
    moved += sum(chain[number].previous != b"" for number in numbers if number == 0)
    stones = sum(link.is_stone for link in chain.values())
    return Course(len(rows) - stones, stones, missing, moved, strange)
