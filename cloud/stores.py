"""Opening a store: the engine with what durability and erasing ask of it, and its migrations.

The two stores are opened by two processes with different rights, so nothing here knows both. A transaction that writes begins
with BEGIN IMMEDIATE: two writers wait for each other instead of failing half-way. `secure_delete` overwrites what is deleted;
that alone erases nothing (notes on privacy, point 8), which is why personal columns are under an erasure key as well.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from cloud.errors import CannotStart

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 5000


def open_store(url: URL, *, read_only: bool = False) -> Engine:
    """Return the engine of a store; read_only: whoever holds it can change nothing.

    Raises CannotStart: the file cannot be opened.
    """
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


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back on any error."""
    with engine.connect().execution_options(foyer_writing=True) as connection, connection.begin():
        yield connection


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
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise CannotStart(f"The {store} store was written by a later release of Foyer; install that one.")
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
    except DatabaseError as error:
        raise CannotStart(f"The {store} store {engine.url.database} cannot be used: {error.orig}.") from None


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
                raise CannotStart(f"The {store} store {engine.url.database} cannot be used: {error.orig}.") from None
        time.sleep(0.05)
    raise CannotStart(f"The {store} store is not of this release; start the ingester first: python -m cloud ingest.")


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
