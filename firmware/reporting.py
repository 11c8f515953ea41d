"""What a device says of itself, as status readings: why it started, how its last life ended, how many measurements found no room.

An ordinary start says nothing: power that came and sleep that ended are in every reading's boot number. Also where a life is judged to
have gone well, which ends a row of bad starts.
"""

import asyncio

from micropython import const

from firmware import console, memory
from firmware.errors import OutboxFull
from firmware.flash import endings
from protocol import faults, readings

_LOOK_MS = const(1000)
_GOOD_LIFE_MS = const(60_000)
_POWER_ON = const(1)  # machine.*_RESET of the stock port
_WATCHDOG = const(3)
_DEEP_SLEEP = const(4)


class Reporting:
    """keep(kind, fields, reserve): as in `signing.py`; cause: machine.reset_cause(); safe: this is the safe mode; alive(): the
    task still runs.
    """

    def __init__(self, keep, outbox, held, clock, cause: int, safe: bool, alive):
        self._keep = keep
        self._outbox = outbox
        self._memory = held
        self._clock = clock
        self._cause = cause
        self._safe = safe
        self._alive = alive
        self._refused = 0
        self._asked = False
        self._good = False

    def refused(self) -> None:
        """A measurement found no room; the home will learn it."""
        self._refused += 1

    def ask(self) -> None:
        """Somebody wants to know how the device is: say it soon."""
        self._asked = True

    @property
    def done(self) -> bool:
        """Whether nothing is left to be said."""
        return not self._refused and not self._asked

    async def run(self) -> None:
        """Say how this life began, then what comes up, for ever."""
        await self._say_start()
        while True:
            self._alive()
            if self._refused:
                await self._say_full()
            if self._asked:
                await self._say_now()
            if not self._good and not self._safe and self._clock.up_ms() > _GOOD_LIFE_MS:
                self.lived_well()
            await asyncio.sleep_ms(_LOOK_MS)

    def lived_well(self) -> None:
        """This life went well."""
        self._good = True
        self._memory.put(memory.STARTS, 0)
        try:
            endings.lived()
        except OSError:
            console.fault(faults.FLASH_BROKEN)

    async def _say_start(self):
        last = endings.load()
        untold = last is not None and not last.told
        if self._cause in (_POWER_ON, _DEEP_SLEEP) and not untold and not self._safe:
            return
        fields = {readings.RESET_CAUSE: self._cause, readings.WAITING: len(self._outbox), readings.STARTS: self._memory.get(memory.STARTS)}
        if self._safe:
            fields[readings.FAULT_CODE] = faults.SAFE_MODE
        elif untold:
            fields[readings.FAULT_CODE] = last.fault
        elif self._cause == _WATCHDOG:
            fields[readings.FAULT_CODE] = faults.WATCHDOG
        if last is not None and last.what:
            fields[readings.LAST_EXCEPTION] = last.what.encode()[: readings.MAX_EXTENSION_BYTES]
        try:
            await self._keep(readings.STATUS, fields)
            endings.told()
        except OutboxFull:
            pass  # what waits goes first; the ending is still written down, and told at the next start

    async def _say_now(self):
        try:
            await self._keep(readings.STATUS, {readings.RESET_CAUSE: self._cause, readings.WAITING: len(self._outbox)})
        except OutboxFull:
            pass  # the outbox says so itself, and that is how the device is
        self._asked = False

    async def _say_full(self):
        fields = {readings.FAULT_CODE: faults.OUTBOX_FULL, readings.WAITING: len(self._outbox), readings.REFUSED: min(self._refused, 65535)}
        refused = self._refused
        try:
            await self._keep(readings.STATUS, fields, True)
            self._refused -= refused
        except OutboxFull:
            pass  # the reserve is taken by an earlier word of this kind: the next one tells both
