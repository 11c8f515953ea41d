"""What a device does about an update, from the home's order to the word that it is kept or given back.

Every step is written down before it is told, so a device that is switched off anywhere goes on, or says how far it came, at its next start.
"""

import gc
import sys

from micropython import const

from firmware import once
from firmware.errors import GaveWay, LinkError, UpdateRefused
from firmware.update import own, record
from firmware.update.record import Record
from firmware.update.slots import GIVEN_BACK, SETTLED, Slots
from protocol import faults, updates

_URI_PATH = const(11)
_SERVER_ERROR = const(0xA0)
_PERCENT_STEP = const(10)
_ENOSPC = const(28)
# To fetch and verify takes 12 KiB and leaves crumbs; a scale has 31 here, a cuff 29, of which a measurement would miss what is gone, and a
# babyphone 13.
_ROOM_BYTES = const(30 * 1024)


class Life:
    """updating: as in `updating.py`; alive(): still at work."""

    def __init__(self, updating, alive):
        self._of = updating
        self._alive = alive
        self._slots = Slots()
        self._said_percent = 0

    async def run(self) -> bool:
        """Prove what is on trial, tell what is not told, do what is asked; return whether nothing is left.

        Raises GaveWay: somebody measures; MemoryError: an update wants a life of its own.
        """
        state = self._slots.state()
        if state != SETTLED:
            from firmware.update import trying  # spares memory: only on trial

            if state == GIVEN_BACK:
                trying.note_given_back(self._slots)
            else:
                await trying.prove(self._of, self._slots, state, self._alive)
            trying = None  # a name that stays keeps the code
            once.forget("firmware.update.trying", "firmware.crypto.verify", "firmware.crypto.ecdh")
        told = await self._tell()
        if told and state not in (SETTLED, GIVEN_BACK):
            self._give_way()
            self._of.restart()  # what was loaded has left crumbs, in which a cuff's measurement finds no room
        while self._of.order:
            await self._update(*self._of.order)
            told = await self._tell()
        return told

    # --- an order

    async def _update(self, sequence, manifest_bytes):
        updating = self._of
        updating.busy = True
        fault = 0
        try:
            self._begin(sequence)
            start_image = await self._fetch(sequence, manifest_bytes)
        except UpdateRefused as error:
            print(error)
            fault = error.fault
        except GaveWay:
            record.forget()
            raise
        except LinkError:
            updating.order = None  # the home asks again when it hears us again
            record.forget()
            return
        except MemoryError:
            if not updating.alone:
                raise  # `updating.py` takes it in a life of its own
            fault = faults.MEMORY_SHORT
        except OSError as error:
            fault = faults.UPDATE_NO_ROOM if error.args[0] == _ENOSPC else faults.FLASH_BROKEN
            sys.print_exception(error, sys.stdout)
        finally:
            once.forget(
                "firmware.update.fetching", "firmware.update.staging", "firmware.update.image", "protocol.manifest", "protocol.blocks"
            )
        if not fault:
            await self._say(updates.encode(updates.READY, sequence))
            self._give_way()
            record.save(Record(sequence, updates.TRYING, 0, 0))
            self._slots.commit()
            if start_image:
                start_image()
            updating.restart()
        updating.order = None
        record.save(Record(sequence, updates.REFUSED, fault, 0))

    def _begin(self, sequence):
        """Write down that an update was begun. Raises MemoryError: the last one that was begun in a life like this never ended."""
        last = record.load()
        if not self._of.alone and last and last.state == updates.FETCHING:
            raise MemoryError
        record.save(Record(sequence, updates.FETCHING, 0, 0))

    async def _fetch(self, sequence, manifest_bytes):
        from firmware.update import fetching  # spares memory: it and what it needs, until the files are there

        self._said_percent = 0
        await self._say(updates.encode(updates.FETCHING, sequence, 0))
        self._give_way()
        gc.collect()
        if not self._of.alone and gc.mem_free() < _ROOM_BYTES:
            raise MemoryError

        async def tell(percent):
            self._alive()
            if percent == 100 or percent >= self._said_percent + _PERCENT_STEP:
                self._said_percent = percent
                await self._say(updates.encode(updates.FETCHING, sequence, percent))

        known = own.own(self._of.chosen, self._slots.running)
        work = fetching.Fetching(self._ask, self._of.calm, known, self._percent, self._slots, self._kept_free, tell, self._alive)
        fetching = None  # a name that stays keeps the code
        return await work.run(sequence, manifest_bytes)

    def _percent(self):
        """Return how full the battery is, or None on mains. Raises BatteryEmpty: nothing may be written any more."""
        cells = self._of.cells
        if not cells:
            return None
        cells.check()
        return cells.percent

    def _kept_free(self):
        return self._of.outbox.room

    async def _ask(self, segments, options):
        sending = self._of.sending
        self._alive()
        if self._hurried():
            return None
        path = tuple([(_URI_PATH, segment) for segment in segments])
        async with sending.turn:
            return await self._of.way_home.get(updates.PATH, path + options, self._hurried)

    def _hurried(self):
        return self._of.sending.hurried() or self._of.calm.disturbed

    # --- words

    async def _tell(self):
        """Tell the home how the newest update ended; return whether it knows."""
        last = record.load()
        if last is None or last.state not in updates.OVER:
            return True
        heard = await self._say(updates.encode(last.state, last.sequence, None, last.fault))
        if heard:
            record.forget()
        return heard

    async def _say(self, report):
        """Return whether the home has heard a word of an update; a home that does not know such words has heard it, too."""
        self._alive()
        try:
            async with self._of.sending.turn:
                answer = await self._of.way_home.post(updates.PATH, report, updates.FORMAT)
        except LinkError:
            return False
        return answer.code < _SERVER_ERROR

    def _give_way(self):
        """Raises GaveWay: a restart now, or code in the way, would disturb somebody who measures."""
        if self._of.calm.disturbed:
            record.forget()
            raise GaveWay
