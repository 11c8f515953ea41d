"""The minutes of the last day in each nursery, on disk, so that a gateway that starts again does not lose the night."""

import asyncio
import time
from sqlite3 import Connection

from gateway.edges.buffer import Buffer
from gateway.edges.changes import Changes
from gateway.errors import NoRoom
from gateway.night import KEPT_MINUTES, Minute

_EVERY_S = 20.0


class Nights:
    """Writes what was gathered each minute; what is older than a day goes."""

    def __init__(self, buffer: Buffer, changes: Changes) -> None:
        self._buffer = buffer
        self._changes = changes

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.write(time.time())

    async def write(self, utc_s: float) -> None:
        """Write the minutes before this moment's."""
        over = self._changes.gathering.take(utc_s)
        oldest = int(utc_s // 60) - KEPT_MINUTES

        def write(connection: Connection) -> None:
            connection.executemany(
                "INSERT INTO nights VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", [(kid, *minute) for kid, minute in over]
            )
            connection.execute("DELETE FROM nights WHERE minute < ?", (oldest,))

        if over:
            try:
                await self._buffer.write(write)
            except NoRoom:  # readings matter more: the chart has a gap
                return


def minutes(connection: Connection, kid: bytes, from_minute: int) -> list[Minute]:
    """Return a nursery's minutes from one on, in order."""
    rows = connection.execute(
        "SELECT minute, mean_dB, loudest_dB, crying_s, Cel, percent FROM nights WHERE kid = ? AND minute >= ? ORDER BY minute",
        (kid, from_minute),
    )
    return [Minute(*row) for row in rows]
