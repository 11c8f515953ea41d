"""Tells the account store what became of releases in this home, so that a bad one is halted before it reaches further homes.

What is told is in `protocol/outcomes.py`: kind of device, number, kept or why not. There is no receipt for it, because it may be said as
often as we like and counts once: it is said over every new connection, and again every six hours. What is new is in the log of exchanges
before it leaves.
"""

import asyncio
import contextlib
from collections.abc import Callable
from sqlite3 import Connection

from structlog.typing import FilteringBoundLogger

from gateway import records
from gateway.edges import households, ledger
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.errors import NoRoom
from protocol import outcomes
from protocol.outcomes import Outcome

_LOOK_S = 60.0
_AGAIN_MS = 6 * 3_600_000
_LEAST_PAUSE_S = 1.0
_TOLD = "outcomes_told"


class Outcomes:
    """of_home(): what became of releases here; outside: the connection to the broker."""

    def __init__(self, buffer: Buffer, outside: Outside, of_home: Callable[[], list[Outcome]], log: FilteringBoundLogger) -> None:
        self._buffer = buffer
        self._outside = outside
        self._of_home = of_home
        self._log = log
        self._woken = asyncio.Event()
        self._said: dict[tuple[str, int], tuple[int, int]] = {}

    def wake(self) -> None:
        """Say that a device has said something of an update."""
        self._woken.set()

    def connection_changed(self) -> None:
        """Say everything again: nobody knows what arrived."""
        self._said.clear()
        self.wake()

    async def run(self) -> None:
        """Tell what there is to tell, until cancelled."""
        while True:
            with contextlib.suppress(NoRoom):  # what is in no log does not leave; a full disk has other cares
                await self.tell()
            await asyncio.sleep(_LEAST_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._woken.wait()
            self._woken.clear()

    async def tell(self) -> None:
        """Tell what was not told over this connection, or long ago. Raises NoRoom."""
        if not self._outside.connected:
            return
        now_ms, known = utc_ms(), self._of_home()
        for each in known:
            fault, at_ms = self._said.get((each.kind, each.sequence), (None, 0))
            if fault == each.fault and now_ms - at_ms < _AGAIN_MS:
                continue
            await self._buffer.write(lambda connection, each=each: note(connection, each, now_ms))  # type: ignore[misc]  # bound now
            self._outside.publish("link", outcomes.encode(each))
            self._said[each.kind, each.sequence] = each.fault, now_ms
            self._log.info("update.told", kind=each.kind, sequence=each.sequence, fault=each.fault)


def note(connection: Connection, said: Outcome, now_ms: int) -> None:
    """Write into the log of exchanges what is told for the first time."""
    name = f"{_TOLD}.{said.kind}.{said.sequence}"
    if households.household(connection, name) == str(said.fault):
        return
    households.set_household(connection, name, str(said.fault))
    ledger.add(connection, records.COMMANDED, "update_told", None, 1, now_ms)
