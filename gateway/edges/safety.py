"""When the home's database is damaged: it is set aside, and a new one is put together from what can still be had.

That is the copy of the last day, which `Safety` keeps beside it, and over it every row of the damaged file that can still be read, a
reading only if its digest fits its bytes. Readings still on their devices come by themselves, for no device forgets one without a receipt;
what lies in an account is brought back (`recovery.py`). Whatever was receipted after the copy, stood on a page of the disk that cannot be
read any more and was in no account is lost, and nobody can know how much that was: so the page says what happened.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from structlog.typing import FilteringBoundLogger

from gateway import reception
from gateway.edges import buffer as databases
from gateway.edges import households
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.errors import Damaged, NotSigned

MENDED = "mended"  # the name of the household's fact about it
_BESIDE = ("", "-wal", "-shm")
_PAUSE_S = 60.0
_SAID_FOR_MS = 7 * 86_400_000
# Sessions are signed in to anew; what SQLite counts by itself follows from the rows.
_LEFT_OUT = ("sessions", "sqlite_sequence")
_HIGHEST_ROWID = 2**40
_COPYING_PAGES = 16
_MOST_TRIES = 5000  # a table whose very root is gone is given up within a second


class Mended(NamedTuple):
    """What became of a damaged database: where it lies now, how old the copy was (None: there was none), and the rows there are again."""

    set_aside: Path
    copy_ms: int | None
    rows: dict[str, int]


def copy_of(path: Path) -> Path:
    """Return where the copy of a database is kept."""
    return path.with_name("home.copy.db")


async def open_home(path: Path, largest_MiB: int, log: FilteringBoundLogger) -> Buffer:
    """Open the home's database; a damaged one is set aside first and put together anew. Raises FileUnusable."""
    with suppress(Damaged):
        return await Buffer.open(path, largest_MiB)
    mended = await asyncio.to_thread(mend, path, largest_MiB)
    log.error("home.mended", set_aside=mended.set_aside.name, copy_ms=mended.copy_ms, rows=mended.rows)
    age = "There was no copy of it." if mended.copy_ms is None else f"Its copy was {(utc_ms() - mended.copy_ms) // 3_600_000} hours old."
    print(
        f"The home's database was damaged: it was set aside as {mended.set_aside}, and a new one put together from what could be read."
        f" {age} Readings on devices will come and those in accounts come back; look at the home's page whether any are missing.",
        file=sys.stderr,
    )
    buffer = await Buffer.open(path, largest_MiB)
    fact = json.dumps({"at_ms": utc_ms(), "copy_ms": mended.copy_ms, "readings": mended.rows["readings"]})

    def note(connection: sqlite3.Connection) -> None:
        households.set_household(connection, MENDED, fact)
        households.want_back(connection)

    await buffer.write(note)
    return buffer


def lately_mended(buffer: Buffer) -> dict[str, Any] | None:
    """Return when the home was put together anew and with how many readings, None unless that was within a week."""
    fact = buffer.read(lambda connection: households.household(connection, MENDED))
    said: dict[str, Any] | None = None if fact is None else json.loads(fact)
    return said if said is not None and utc_ms() - said["at_ms"] < _SAID_FOR_MS else None


def mend(path: Path, largest_MiB: int) -> Mended:
    """Set a damaged database aside and put a new one in its place."""
    aside = path.with_name(f"home.damaged-{utc_ms()}.db")
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    draft = path.with_name("home.draft.db")
    _remove(draft)
    copy = copy_of(path)
    copy_ms = None
    if copy.exists() and _is_whole(copy):
        shutil.copyfile(copy, draft)
        copy_ms = copy.stat().st_mtime_ns // 1_000_000
    writer, reader = databases.open_both(draft, largest_MiB)
    reader.close()
    rows = _salvage(aside, writer)
    databases.close_writer(writer)
    _into_place(draft, path)
    return Mended(aside, copy_ms, rows)


class Safety:
    """Keeps a copy of the database of at most a day's age, and a newer one as soon as somebody was erased."""

    def __init__(self, buffer: Buffer, copy_hours: int, log: FilteringBoundLogger) -> None:
        self._buffer = buffer
        self._hours = copy_hours
        self._log = log
        self._path = copy_of(buffer.path)

    async def run(self) -> None:
        """Look once a minute whether a copy is due, until cancelled."""
        subjects: set[int] | None = None
        while True:
            now = {row["subject"] for row in self._buffer.read(households.subjects)}
            if self._is_due() or (subjects is not None and subjects - now):
                await self.copy()
            subjects = now
            await asyncio.sleep(_PAUSE_S)

    async def copy(self) -> None:
        """Make the copy anew; with copies turned off, only take the old one away."""
        if not self._hours:
            self._path.unlink(missing_ok=True)
            return
        try:
            await asyncio.to_thread(copy_database, self._buffer.path, self._path)
        except (sqlite3.Error, OSError) as error:
            # readings go on without it; an old copy of somebody who was erased must not stay
            self._path.unlink(missing_ok=True)
            self._log.error("home.not_copied", error=type(error).__name__)
        else:
            self._log.info("home.copied")

    def _is_due(self) -> bool:
        if not self._hours:
            return self._path.exists()
        try:
            age_ms = utc_ms() - self._path.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return True
        return not 0 <= age_ms < self._hours * 3_600_000


def copy_database(path: Path, to: Path) -> None:
    """Copy a database in use, as it stands at one moment, synced before it takes the name `to`.

    Each page passes through once, so neither side gets room to remember any: with SQLite's usual two megabytes each, a gateway would
    stand at four more for the day.
    """
    draft = to.with_name(to.name + ".draft")
    _remove(draft)
    try:
        draft.touch(mode=0o600)
        with closing(sqlite3.connect(path, timeout=5.0)) as source, closing(sqlite3.connect(draft)) as target:
            for connection in (source, target):
                connection.execute(f"PRAGMA cache_size = {_COPYING_PAGES}")
            # the draft counts for nothing until it is synced below
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        _into_place(draft, to)
    finally:
        _remove(draft)  # what there was no room for takes none


def _into_place(draft: Path, path: Path) -> None:
    for name in (draft, draft.parent):
        number = os.open(name, os.O_RDONLY)
        try:
            if name is draft:
                os.fsync(number)
                draft.replace(path)
            else:
                os.fsync(number)
        finally:
            os.close(number)


def _remove(path: Path) -> None:
    for ending in _BESIDE:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def _salvage(damaged: Path, into: sqlite3.Connection) -> dict[str, int]:
    """Write every row of a damaged database that can be read and is whole over those of another; return how many each table then has."""
    into.execute("PRAGMA foreign_keys = OFF")
    tables = [row[0] for row in into.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if row[0] not in _LEFT_OUT]
    with closing(sqlite3.connect(damaged)) as source:
        source.row_factory = sqlite3.Row
        into.execute("BEGIN IMMEDIATE")
        for table in tables:
            names = [row[1] for row in into.execute(f"PRAGMA table_info({table})")]
            statement = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
            for row in _readable(source, table):
                if table == "readings" and not _is_sound(row):
                    continue
                try:
                    into.execute(statement, [row[name] for name in names])
                except (sqlite3.Error, IndexError):  # a value that cannot be, or an older version's row without a column
                    continue
        while broken := {(row[0], row[3]) for row in into.execute("PRAGMA foreign_key_check")}:
            for table, number in broken:
                _mend_reference(into, table, number)
        # else the next reading to come would take the number, and with it the row, of one that is lost; what is sealed of it still goes
        into.execute("DELETE FROM rows WHERE reading NOT IN (SELECT reading FROM readings)")
        into.execute(
            "UPDATE outgoing SET what = 'stone', reading = NULL WHERE what = 'row' AND reading NOT IN (SELECT reading FROM readings)"
        )
        into.execute("COMMIT")
    return {table: into.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608


def _mend_reference(into: sqlite3.Connection, table: str, number: int) -> None:
    """Do with rows that point at what could not be read as if it had been deleted."""
    _, _, parent, column, key, _, on_delete, _ = next(row for row in into.execute(f"PRAGMA foreign_key_list({table})") if row[0] == number)
    lost = f"{column} IS NOT NULL AND {column} NOT IN (SELECT {key} FROM {parent})"  # noqa: S608  # names of ours
    if on_delete == "SET NULL":
        into.execute(f"UPDATE {table} SET {column} = NULL WHERE {lost}")  # noqa: S608
    else:
        into.execute(f"DELETE FROM {table} WHERE {lost}")  # noqa: S608


def _readable(source: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """Yield the rows of a table that can be read, some of them twice."""
    try:
        yield from source.execute(f"SELECT * FROM {table} NOT INDEXED")  # noqa: S608  # a table of ours
    except sqlite3.Error:
        try:
            source.execute(f"SELECT rowid FROM {table} WHERE rowid = 0")  # noqa: S608
        except sqlite3.Error:
            yield from _from_the_end(source, table)
        else:
            yield from _between(source, table, 0, _HIGHEST_ROWID)


def _between(source: sqlite3.Connection, table: str, first: int, last: int) -> Iterator[sqlite3.Row]:
    """Yield the rows that can be read of those numbered first to last, halving whatever cannot be read at once, the widest first."""
    parts = deque([(first, last)])
    tries = 0
    while parts and tries < _MOST_TRIES:
        low, high = parts.popleft()
        try:
            yield from source.execute(f"SELECT * FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ?", (low, high))  # noqa: S608
        except sqlite3.Error:
            tries += 1
            middle = (low + high) // 2
            if low < high:
                parts += [(low, middle), (middle + 1, high)]


def _from_the_end(source: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """Yield what can be read of a table without row numbers, from its last row on towards the damage."""
    with suppress(sqlite3.Error):
        key = ", ".join(f"{row[1]} DESC" for row in source.execute(f"PRAGMA table_info({table})") if row[5])
        yield from source.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608  # a table of ours


def _is_sound(row: sqlite3.Row) -> bool:
    """Return whether a reading's digest fits its bytes; one that was emptied on purpose has none."""
    if not row["signed"]:
        return True
    try:
        return bool(reception.stored_digest(row["signed"], row["pairing"]) == row["digest"])
    except NotSigned:
        return False
