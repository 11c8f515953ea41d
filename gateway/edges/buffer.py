"""The home's SQLite database: one thread that writes in groups, and a promise that is kept only after the disk has it.

Whoever writes hands in a function of the open transaction and awaits its result. All functions that wait when the writer is free run
in one transaction (group commit), each inside a savepoint of its own, and every result is given back only after COMMIT returned: WAL
with synchronous=FULL has then synced it. Reading uses a connection of its own and never waits for the writer.

The questions themselves stand in `edges/questions.py`; this file knows only when something is on disk.
"""

import asyncio
import concurrent.futures
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from gateway.edges.log import utc_ms
from gateway.errors import Damaged, FileUnusable, GatewayError, NoRoom

T = TypeVar("T")
Question = Callable[[sqlite3.Connection], T]
Connect = Callable[[Path], sqlite3.Connection]
_Future = asyncio.Future[Any] | concurrent.futures.Future[Any]
_Asked = tuple[Question[Any], _Future]
_Outcome = tuple[_Future, Any, BaseException | None]

# A group this large takes some 10 ms; more would make the first of it wait for the last.
_LARGEST_GROUP = 500
_PAGE_BYTES = 4096
# Every commit empties what the reader remembers, so more would only be taken and given back, again and again.
_READING_KiB = 256
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WHAT_NOW = "restore it from a backup, or move it away to begin anew"
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class Buffer:
    """The database of one home. Open with `await Buffer.open(path)`, end with `await close()`.

    full_since_ms: since when nothing new can be kept, or None; committed_s: called in the writer's thread with how long each
    commit took; full_changed: called in the loop when that begins or ends.
    """

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self.reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_groups, name="buffer")
        self._closed = False
        self._damaged = asyncio.Event()
        self.full_since_ms: int | None = None
        self.committed_s: Callable[[float], object] = lambda _: None
        self.full_changed: Callable[[bool], None] = lambda _: None

    @classmethod
    async def open(cls, path: Path, largest_MiB: int, connect: Connect | None = None) -> "Buffer":
        """Open or make the database, bring it to the newest version and start its writer.

        connect: how to open a file, for a disk that is not a real one.
        Raises Damaged: its pages contradict each other. Raises FileUnusable: it cannot be opened, or the disk is full.
        """
        buffer = cls(path, *await asyncio.to_thread(open_both, path, largest_MiB, connect))
        buffer._thread.start()
        return buffer

    async def write(self, question: Question[T]) -> T:
        """Return what `question` returns, after its transaction is on disk.

        Raises NoRoom: the disk or the database is full, and nothing of it was written.
        """
        if self._closed:
            raise NoRoom("closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put((question, future))
        return await future

    def write_now(self, question: Question[T]) -> T:
        """Return like `write`, holding up the caller until then; for the rare moment that cannot be awaited."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._waiting.put((question, future))
        return future.result()

    def read(self, question: Question[T]) -> T:
        """Return what `question` returns; it must only read, and shortly."""
        return question(self.reader)

    async def close(self) -> None:
        """Write what waits, empty the write-ahead log into the database, and close it."""
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)
        self.reader.close()
        await asyncio.to_thread(close_writer, self._writer)

    def _write_groups(self) -> None:
        last = False
        while not last:
            group = [self._waiting.get()]
            while len(group) < _LARGEST_GROUP and group[-1] is not None:
                try:
                    group.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            last = group[-1] is None
            asked = [pair for pair in group if pair is not None]
            if asked:
                self._write_group(asked)

    def _write_group(self, asked: list[_Asked]) -> None:
        outcomes: list[_Outcome] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for question, future in asked:
                outcomes.append(self._ask(question, future))
            began_s = time.perf_counter()
            self._writer.execute("COMMIT")
            self.committed_s(time.perf_counter() - began_s)
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            failure = _sort(error)
            outcomes = [(future, None, failure) for _, future in asked]
        self._look_for_damage(outcomes)
        self._note_room(not any(isinstance(error, NoRoom) for _, _, error in outcomes))
        here = [outcome for outcome in outcomes if isinstance(outcome[0], concurrent.futures.Future)]
        _settle_all(here)
        if len(here) < len(outcomes):
            self._loop.call_soon_threadsafe(_settle_all, [outcome for outcome in outcomes if isinstance(outcome[0], asyncio.Future)])

    async def watch(self) -> None:
        """Return never. Raises Damaged: the database turned out to contradict itself; the next start sets it aside."""
        await self._damaged.wait()
        raise Damaged(self.path, "it is damaged", "start the gateway again, which sets it aside and puts together what can be read")

    def _look_for_damage(self, outcomes: list[_Outcome]) -> None:
        if any(isinstance(error, sqlite3.Error) and _code(error) in _DAMAGED for _, _, error in outcomes):
            self._loop.call_soon_threadsafe(self._damaged.set)

    def _note_room(self, room: bool) -> None:
        if room == (self.full_since_ms is None):
            return
        self.full_since_ms = None if room else utc_ms()
        self._loop.call_soon_threadsafe(self.full_changed, not room)

    def _ask(self, question: Question[Any], future: _Future) -> _Outcome:
        self._writer.execute("SAVEPOINT question")
        try:
            result = question(self._writer)
        except Exception as error:  # goes to whoever asked; the others of the group are unharmed
            if isinstance(error, sqlite3.Error) and _is_full(error):
                raise
            self._writer.execute("ROLLBACK TO question")
            self._writer.execute("RELEASE question")
            return future, None, error
        self._writer.execute("RELEASE question")
        return future, result, None


def _settle_all(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():  # whoever asked has gone; what was written stays
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _is_full(error: sqlite3.Error) -> bool:
    return _code(error) in _FULL


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary error code, 0 if there is none."""
    code = getattr(error, "sqlite_errorcode", 0)
    return int(code) & 0xFF


def _sort(error: sqlite3.Error) -> GatewayError | sqlite3.Error:
    return NoRoom(str(error)) if _is_full(error) else error


def open_both(path: Path, largest_MiB: int, connect: Connect | None = None) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Return a connection that writes and one that reads, to a database of the newest version. Raises Damaged, FileUnusable."""
    connect = connect or _connect
    try:
        path.touch(mode=0o600)
        writer = connect(path)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute(f"PRAGMA max_page_count = {largest_MiB * 1024 * 1024 // _PAGE_BYTES}")
        if writer.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise Damaged(path, "it is damaged", _WHAT_NOW)
        _migrate(path, writer)
        # One write before anything is promised: a disk that is full says so now.
        writer.execute("INSERT INTO household VALUES ('opened', datetime()) ON CONFLICT DO UPDATE SET value = excluded.value")
        reader = connect(path)
        reader.execute("PRAGMA query_only = TRUE")
        reader.execute(f"PRAGMA cache_size = -{_READING_KiB}")
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.Error) and _code(error) in _DAMAGED:
            raise Damaged(path, str(error), _WHAT_NOW) from None
        step = "make room on its disk" if isinstance(error, sqlite3.Error) and _is_full(error) else "check its folder and its owner"
        raise FileUnusable(path, str(error), step) from None
    return writer, reader


@contextlib.contextmanager
def apart(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that only reads, all of one moment, for a thread of its own that looks through much: nobody else waits for it."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        yield connection


def _connect(path: Path) -> sqlite3.Connection:
    # No thread check: each connection is used by one thread at a time, and opened by another.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    folder = resources.files("gateway.edges") / "migrations"
    steps = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(steps):
        raise FileUnusable(path, f"it is of version {version}, newer than this program's {len(steps)}", "install the newer program")
    for number, step in enumerate(steps[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{step.read_text(encoding='utf-8')}\nPRAGMA user_version = {number};\nCOMMIT;")


def close_writer(connection: sqlite3.Connection) -> None:
    """Empty the write-ahead log into the database, and close it."""
    # Whatever remains in the log is replayed at the next start, so a failure here costs nothing.
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
