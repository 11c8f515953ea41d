"""How long the home keeps what an account has: `home.keep_days` after a reading arrived it is emptied here, and nothing else is.

What no account has receipted stays, however old: readings of people without one, those in the inbox, set aside, erased by an account, or
still on their way. Whoever is unlinked then has the rest in no place but the account's own export, so the default keeps everything.
"""

import asyncio

from structlog.typing import FilteringBoundLogger

from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.log import utc_ms
from gateway.errors import NoRoom

_PAUSE_S = 3600.0
_AT_ONCE = 200
_DAY_MS = 86_400_000


class Retention:
    """Lets go of what has been kept long enough."""

    def __init__(self, buffer: Buffer, book: Custody, keep_days: int, log: FilteringBoundLogger) -> None:
        """keep_days: 0 keeps everything."""
        self._buffer = buffer
        self._book = book
        self._keep_ms = keep_days * _DAY_MS
        self._log = log

    async def run(self) -> None:
        """Look once an hour, until cancelled."""
        while self._keep_ms:
            await self.look()
            await asyncio.sleep(_PAUSE_S)

    async def look(self) -> None:
        """Let go of all whose time is over."""
        before_ms, count, more = utc_ms() - self._keep_ms, 0, _AT_ONCE
        try:
            while more == _AT_ONCE:
                more = await self._buffer.write(lambda connection: self._book.let_go(connection, before_ms, _AT_ONCE))
                count += more
        except NoRoom:
            return  # in an hour again
        if count:
            self._log.info("readings.let_go", count=count)
