"""Opening a store: the engine with what durability and erasing ask of it, and its migrations.

The address chooses: SQLite in a file, or PostgreSQL over a socket; everything above asks the same questions of both. The two stores
are opened by two processes with different rights, so nothing here knows both. On SQLite a transaction that writes begins with
BEGIN IMMEDIATE: two writers wait for each other instead of failing half-way. `secure_delete` overwrites what is deleted; that alone
erases nothing (notes on privacy, point 8), which is why personal columns are under an erasure key as well. On PostgreSQL writers
wait for the rows they share, and a transaction that wrote says so afterwards (NOTIFY), for whoever shows a live page; said
within the transaction it would make all commits queue behind one another.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Any, LiteralString

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import Connection as ServerConnection
from psycopg import Cursor
from psycopg import Error as ServerError
from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, DBAPIError

from cloud.errors import CannotStart

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 5000
CONNECT_TIMEOUT_S = 5
# The channel on which a PostgreSQL store tells that it has changed.
CHANGED = "foyer_changed"
# Numbers of advisory locks: any, as long as each is used for one thing.
_UPGRADING, _ERASING = 0x666F79_01, 0x666F79_02


def open_store(url: URL, *, read_only: bool = False) -> Engine:
    """Return the engine of a store; read_only: whoever holds it can change nothing.

    Raises CannotStart: the file cannot be opened.
    """
    return _open_server(url, read_only) if url.get_backend_name() == "postgresql" else _open_file(url, read_only)


def _open_file(url: URL, read_only: bool) -> Engine:
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The folder {folder} of a store cannot be made ({error.strerror}).") from None
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def prepare(connection: SQLiteConnection, _record: object) -> None:
        # autocommit mode of the driver: the transactions are ours, begun below
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            *(["query_only = ON"] if read_only else []),
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("foyer_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _open_server(url: URL, read_only: bool) -> Engine:
    # fsync belongs to whoever runs the server; that a commit waits for it is asked for here
    asked = ["synchronous_commit=on", "lock_timeout=10s", "idle_in_transaction_session_timeout=60s"]
    asked += ["default_transaction_read_only=on"] if read_only else []
    options = " ".join(f"-c {each}" for each in asked)
    arguments = {"options": options, "connect_timeout": CONNECT_TIMEOUT_S, "application_name": "foyer"}
    # a connection may have ended since it was last used: the server was restarted, a standby took its place
    return create_engine(url, pool_pre_ping=True, connect_args=arguments)


def is_server(connection: Connection | Engine) -> bool:
    """Whether the store is PostgreSQL."""
    return connection.dialect.name == "postgresql"


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back on any error."""
    with engine.connect().execution_options(foyer_writing=True) as connection:
        with connection.begin():
            yield connection
        if is_server(connection):
            # this commit need not wait for the disk: what it says is heard now or not at all
            in_one_round(connection, ("SET LOCAL synchronous_commit = off", ()), ("SELECT pg_notify(%s, '')", (CHANGED,)), ("COMMIT", ()))


def insert_new(connection: Connection, table: Table) -> Any:
    """Return an INSERT that leaves alone what is there already."""
    insert = postgresql.insert if is_server(connection) else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def in_one_round(connection: Connection, *questions: tuple[LiteralString, Sequence[object]]) -> list[Cursor[Any]]:
    """Ask a server all of this before waiting for its first answer: each wait costs a group of messages more than a statement does.

    Each question begins when the one before it has ended, and sees what that left. Raises DBAPIError, as any other statement does.
    """
    driver: ServerConnection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        with driver.pipeline():
            return [driver.execute(sql, values) for sql, values in questions]
    except ServerError as error:
        raise DBAPIError.instance(questions[0][0], None, error, ServerError, dialect=connection.dialect) from None


# Until this transaction ends nobody erases, so what was looked for and not found is still gone when it commits.
HOLD_OFF_ERASING: LiteralString = f"SELECT pg_advisory_xact_lock_shared({_ERASING})"


def erasing(connection: Connection) -> None:
    """Until this transaction ends nobody adds rows who has not yet seen what it lays."""
    if is_server(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_ERASING)))


def one_at_a_time(connection: Connection, about: bytes) -> None:
    """Wait for every other transaction that asked this about the same bytes; on SQLite writers wait anyhow."""
    if is_server(connection):
        number = int.from_bytes(about[:8], "big", signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def upgrade(engine: Engine, store: str) -> None:
    """Bring a store ("accounts" or "readings") up to this release; each step commits together with its record.

    Raises CannotStart: the database cannot be opened or written, or comes from a later release.
    """
    head, known = _revisions(store)
    try:
        with engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
        configuration = _configuration(store)
        with writing(engine) as connection:
            if is_server(connection):
                connection.execute(select(func.pg_advisory_xact_lock(_UPGRADING)))
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise _too_new(store)
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
    except DatabaseError as error:
        raise _cannot_use(engine, store, error) from None


def look(engine: Engine, store: str) -> None:
    """Look at a store without changing it. Raises CannotStart: it cannot be opened, is damaged, or comes from a later release."""
    _, known = _revisions(store)
    try:
        with engine.connect() as connection:
            if not is_server(connection):
                said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
                if said != "ok":
                    raise CannotStart(f"The {store} store {engine.url.database} is damaged ({said}); restore a backup.")
            current = MigrationContext.configure(connection).get_current_revision()
    except DatabaseError as error:
        raise _cannot_use(engine, store, error) from None
    if current is not None and current not in known:
        raise _too_new(store)


def wait_until_current(engine: Engine, store: str, timeout_s: float = 30) -> None:
    """Return as soon as another process has brought the store up to this release.

    Raises CannotStart: nobody did in time.
    """
    head, _ = _revisions(store)
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        try:
            with engine.connect() as connection:
                if MigrationContext.configure(connection).get_current_revision() == head:
                    return
        except DatabaseError as error:
            # the other process may be in the middle of it; the loop's end says so if not
            if "locked" not in str(error.orig):
                raise _cannot_use(engine, store, error) from None
        time.sleep(0.05)
    raise CannotStart(f"The {store} store is not of this release; start the ingester first: ./foyer cloud ingest.")


def _too_new(store: str) -> CannotStart:
    return CannotStart(f"The {store} store was written by a later release of Foyer; install that one.")


def _cannot_use(engine: Engine, store: str, error: DatabaseError) -> CannotStart:
    # PostgreSQL says it in several lines, the cause last in the first
    cause = str(error.orig).strip().partition("\n")[0]
    return CannotStart(f"The {store} store {engine.url.database} cannot be used: {cause}.")


@cache
def _revisions(store: str) -> tuple[str | None, frozenset[str]]:
    """The newest revision of a store, and every one that this release knows."""
    scripts = ScriptDirectory.from_config(_configuration(store))
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())


def _configuration(store: str) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS / store).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
