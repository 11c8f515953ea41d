"""A disk that forgets: SQLite's own files seen through apsw, where a power cut keeps what was synced and a whim of the rest.

Between two syncs a disk may have written any sector of any write, in any order, or none: `after_a_cut` draws one such outcome. What a
write did not touch stays as it was, which SQLite relies on as well ("powersafe overwrite", on by default). A file that was made and
never synced may be missing; one that was deleted without a sync of its folder may be back.

`connect` gives the buffer a connection that speaks as `sqlite3`'s does, so the code that is tested is the code that runs at home.
"""

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw

_SECTOR = 512


class Disk(apsw.VFS):
    """Passes everything on to the real files, and remembers what a power cut would leave of them.

    event: called before every write and after every sync; full: set it, and nothing can be written any more.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.durable: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        self.full = False
        self.event: Callable[[], None] = lambda: None
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.pending.pop(filename, None)
        self.deleted.add(filename)
        if syncdir:
            self.sync_folder()

    def sync_folder(self) -> None:
        """What was deleted stays so."""
        for path in self.deleted:
            self.durable.pop(path, None)
        self.deleted.clear()

    def after_a_cut(self, whim: random.Random) -> dict[str, bytes]:
        """Return one possible content of each file after the power went now."""
        left: dict[str, bytes] = {}
        for path in {*self.durable, *self.pending}:
            content = bytearray(self.durable.get(path, b""))
            for offset, data in self.pending.get(path, []):
                _overlay(content, offset, data, whim)
            if (path in self.durable and path not in self.deleted) or whim.random() < 0.5:
                left[path] = bytes(content)
        return left


def _overlay(content: bytearray, offset: int, data: bytes | None, whim: random.Random) -> None:
    """Write some sectors of a write, or cut the file where there are no data."""
    if data is None:
        if whim.random() < 0.5:
            del content[offset:]
        return
    fate = whim.choice(("none", "all", "torn"))
    start = 0
    while fate != "none" and start < len(data):
        end = min(len(data), start + _SECTOR - (offset + start) % _SECTOR)
        if fate == "all" or whim.random() < 0.5:
            if len(content) < offset + end:
                content.extend(bytes(offset + end - len(content)))
            content[offset + start : offset + end] = data[start:end]
        start = end


class File(apsw.VFSFile):
    """One open file."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else name
        super().__init__("", name, flags)
        self._disk.deleted.discard(self._path)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.full:
            raise apsw.FullError("the disk is full")
        self._disk.event()
        self._disk.pending.setdefault(self._path, []).append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.pending.setdefault(self._path, []).append((newsize, None))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        if self._path not in self._disk.durable:  # SQLite syncs the folder along with a journal it has just made
            self._disk.sync_folder()
        self._disk.pending.pop(self._path, None)
        self._disk.durable[self._path] = Path(self._path).read_bytes()
        self._disk.event()


class Row(tuple[Any, ...]):
    """A row that knows its columns' names."""

    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        return self.names


class Cursor:
    """What `execute` gives back, as `sqlite3` would."""

    def __init__(self, connection: apsw.Connection, rows: Iterable[Any]) -> None:
        self._rows = list(rows)
        self.lastrowid = connection.last_insert_rowid()
        self.rowcount = connection.changes()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        return self._rows


class Connection:
    """The part of `sqlite3.Connection` that the buffer and its questions use.

    replaced: statements that are carried out as others; how a test turns a promise off.
    """

    def __init__(self, path: Path, disk: Disk, replaced: dict[str, str]) -> None:
        self._replaced = replaced
        self._inner = apsw.Connection(str(path), vfs=disk.name)
        self._inner.set_busy_timeout(5000)
        self._inner.row_trace = _named

    @property
    def in_transaction(self) -> bool:
        return self._inner.in_transaction

    def execute(self, statement: str, bindings: Any = ()) -> Cursor:
        try:
            return Cursor(self._inner, self._inner.execute(self._replaced.get(statement, statement), bindings))
        except apsw.Error as error:
            raise _as_sqlite3(error) from error

    def executemany(self, statement: str, bindings: Iterable[Any]) -> Cursor:
        try:
            return Cursor(self._inner, self._inner.executemany(statement, bindings))
        except apsw.Error as error:
            raise _as_sqlite3(error) from error

    def executescript(self, script: str) -> None:
        self.execute(script)

    def close(self) -> None:
        self._inner.close()


def _named(cursor: apsw.Cursor, values: tuple[Any, ...]) -> Row:
    row = Row(values)
    row.names = tuple(name for name, _ in cursor.get_description())
    return row


def _as_sqlite3(error: apsw.Error) -> sqlite3.Error:
    kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
    same = kind(str(error))
    same.sqlite_errorcode = getattr(error, "extendedresult", sqlite3.SQLITE_FULL if isinstance(error, apsw.FullError) else 1)  # type: ignore[misc]  # read by the buffer
    return same


def connect(disk: Disk, replaced: dict[str, str] | None = None) -> Callable[[Path], sqlite3.Connection]:
    """Return how a buffer connects to a database on this disk."""

    def connected(path: Path) -> Any:
        connection = Connection(path, disk, replaced or {})
        connection.execute("PRAGMA foreign_keys = ON")
        # far more often than at home, where it takes 1000 pages: cuts must fall into checkpoints too
        connection.execute("PRAGMA wal_autocheckpoint = 30")
        return connection

    return connected
