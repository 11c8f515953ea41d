"""Noticing that a store has changed, cheaply, and telling the pages that are open.

SQLite counts the commits of others in `PRAGMA data_version`; asking costs some ten microseconds and no lock, so both stores are
asked every 50 ms while somebody looks at a live page, and not at all otherwise. PostgreSQL says by itself when somebody wrote
(cloud/stores.py). What changed is each page's own question.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import psycopg
from sqlalchemy import Engine

from cloud import stores

STEP_S = 0.05
# A server that does not answer is asked again so often, and whoever listens looks for themselves meanwhile.
AGAIN_AFTER_S = 2.0


class Watch:
    """Watches both stores for whoever listens."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = engines
        self._listeners: set[asyncio.Event] = set()
        self._wanted = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Look again and again, until cancelled; the site's one task of its own."""
        files = [str(engine.url.database) for engine in self._engines if not stores.is_server(engine)]
        servers = [engine for engine in self._engines if stores.is_server(engine)]
        async with asyncio.TaskGroup() as tasks:
            if files:
                tasks.create_task(self._look_at(files))
            for engine in servers:
                tasks.create_task(self._listen_to(engine))

    async def _look_at(self, files: list[str]) -> None:
        connections = [sqlite3.connect(path) for path in files]
        try:
            versions = [_version(connection) for connection in connections]
            while True:
                await self._wanted.wait()
                now = [_version(connection) for connection in connections]
                if now != versions:
                    versions = now
                    self._tell()
                await asyncio.sleep(STEP_S)
        finally:
            for connection in connections:
                connection.close()

    async def _listen_to(self, engine: Engine) -> None:
        # the driver's own words for an address are those of libpq
        asked = {**engine.dialect.create_connect_args(engine.url)[1], "autocommit": True, "connect_timeout": stores.CONNECT_TIMEOUT_S}
        while True:
            with suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(**asked) as server:
                    await server.execute(f"LISTEN {stores.CHANGED}")
                    self._tell()
                    async for _ in server.notifies():
                        self._tell()
            await asyncio.sleep(AGAIN_AFTER_S)
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Listener"]:
        """Hear of every change from now on."""
        event = asyncio.Event()
        self._listeners.add(event)
        self._wanted.set()
        try:
            yield Listener(event, self)
        finally:
            self._listeners.discard(event)
            if not self._listeners:
                self._wanted.clear()

    def close(self) -> None:
        """Let every open page end, because the site does."""
        self._closing = True
        self._tell()

    @property
    def is_closing(self) -> bool:
        return self._closing


class Listener:
    """One page's ear."""

    def __init__(self, event: asyncio.Event, watch: Watch) -> None:
        self._event = event
        self._watch = watch

    @property
    def is_over(self) -> bool:
        """Whether the site is closing."""
        return self._watch.is_closing

    async def wait(self, timeout_s: float) -> bool:
        """Return True as soon as something changed since the last call, False after the timeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        changed = self._event.is_set()
        self._event.clear()
        return changed


def _version(connection: sqlite3.Connection) -> int:
    found: tuple[int] = connection.execute("PRAGMA data_version").fetchone()
    return found[0]
