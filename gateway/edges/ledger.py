"""Where the home's records lie: entries are added in the transaction of what they tell, and nothing changes one afterwards.

Connections are noted as they come and written a moment later, like the stops of `way.py`; a crash may lose the last of them.
"""

import asyncio
from collections.abc import Mapping
from sqlite3 import Connection
from sqlite3 import Row as Found

from gateway import records
from gateway.edges import households
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.errors import NoRoom
from gateway.records import Exchange

BROWSER, DEVICE, BROKER = "browser", "device", "broker"
_BEGIN = "exchanges_begin"
_PAUSE_S = 1.0
_MOST_NOTED = 1000
_SWEEP_MS = 3_600_000


def add(connection: Connection, what: str, whom: str, subject: int | None, count: int, now_ms: int) -> None:
    """Add one exchange to the chain."""
    last = connection.execute("SELECT number, digest FROM exchanges ORDER BY number DESC LIMIT 1").fetchone()
    before = begin(connection) if last is None else last["digest"]
    number = int(households.household(connection, "exchanges_next") or 1) if last is None else last["number"] + 1
    entry = Exchange(number, now_ms, what, whom, subject, count)
    connection.execute(
        "INSERT INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?)", (number, now_ms, what, whom, subject, count, records.digest(before, entry))
    )


def add_sent(connection: Connection, counts: Mapping[int, int], now_ms: int) -> None:
    """Add what a receipt of the account store ended: how many readings of whom."""
    for subject, count in sorted(counts.items()):
        add(connection, records.SENT, "account", subject, count, now_ms)


def begin(connection: Connection) -> bytes:
    """Return the digest that the oldest kept exchange follows."""
    return bytes.fromhex(households.household(connection, _BEGIN) or records.BEGIN.hex())


def exchanges(connection: Connection) -> list[Exchange]:
    """Return every exchange that is kept, oldest first."""
    return [Exchange(**dict(row)) for row in connection.execute("SELECT * FROM exchanges ORDER BY number")]


def connections(connection: Connection) -> list[Found]:
    """Return every connection that is kept, newest first."""
    return connection.execute("SELECT * FROM connections ORDER BY number DESC").fetchall()


def sweep(connection: Connection, now_ms: int) -> None:
    """Forget what is older than it is kept; the chain then begins behind the last that left."""
    connection.execute("DELETE FROM connections WHERE at_ms < ?", (now_ms - records.CONNECTIONS_KEPT_MS,))
    last = connection.execute(
        "SELECT number, digest FROM exchanges WHERE at_ms < ? ORDER BY number DESC LIMIT 1", (now_ms - records.EXCHANGES_KEPT_MS,)
    ).fetchone()
    if last is not None:
        households.set_household(connection, _BEGIN, last["digest"].hex())
        households.set_household(connection, "exchanges_next", str(last["number"] + 1))
        connection.execute("DELETE FROM exchanges WHERE number <= ?", (last["number"],))


class Ledger:
    """Who is connected: `came` and `went` are noted at once and written soon."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._noted: list[tuple[str, str, int, bool]] = []
        self._any = asyncio.Event()
        self._swept_ms = 0

    def came(self, what: str, who: str) -> None:
        """Note that somebody connected."""
        self._note(what, who, came=True)

    def went(self, what: str, who: str) -> None:
        """Note that somebody's connection ended."""
        self._note(what, who, came=False)

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            await self._any.wait()
            await asyncio.sleep(_PAUSE_S)
            await self.write()

    async def write(self) -> None:
        """Write what was noted so far, and forget what is old."""
        self._any.clear()
        noted, now_ms = self._noted[:], utc_ms()
        sweeps = now_ms - self._swept_ms > _SWEEP_MS

        def write(connection: Connection) -> None:
            for what, who, at_ms, came in noted:
                # whoever comes again has gone in between, noticed or not
                connection.execute(
                    "UPDATE connections SET ended_ms = ? WHERE what = ? AND who = ? AND ended_ms IS NULL", (at_ms, what, who)
                )
                if came:
                    connection.execute("INSERT INTO connections (at_ms, what, who) VALUES (?, ?, ?)", (at_ms, what, who))
            if sweeps:
                sweep(connection, now_ms)

        if not noted and not sweeps:
            return
        try:
            await self._buffer.write(write)
            self._swept_ms = now_ms if sweeps else self._swept_ms
        except NoRoom:
            pass  # a full disk keeps no visits; the readings it has are what matters
        del self._noted[: len(noted)]

    def _note(self, what: str, who: str, *, came: bool) -> None:
        if len(self._noted) < _MOST_NOTED:
            self._noted.append((what, who, utc_ms(), came))
            self._any.set()
