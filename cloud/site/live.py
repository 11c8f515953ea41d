"""Noticing that a store has changed, cheaply, and telling the pages that are open.

SQLite counts the commits of others in `PRAGMA data_version`; asking costs some ten microseconds and no lock, so both stores are
asked every 50 ms while somebody looks at a live page, and not at all otherwise. What changed is each page's own question.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

STEP_S = 0.05


class Watch:
    """Watches the files of both stores for whoever listens."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._listeners: set[asyncio.Event] = set()
        self._wanted = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Look again and again, until cancelled; the site's one task of its own."""
        with closing(sqlite3.connect(self._paths[0])) as first, closing(sqlite3.connect(self._paths[1])) as second:
            connections = (first, second)
            versions = [_version(connection) for connection in connections]
            while True:
                await self._wanted.wait()
                now = [_version(connection) for connection in connections]
                if now != versions:
                    versions = now
                    for listener in self._listeners:
                        listener.set()
                await asyncio.sleep(STEP_S)

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
        for listener in self._listeners:
            listener.set()

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
