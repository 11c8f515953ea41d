"""From kept to queued: whose a reading is, and its row sealed for them. Woken by every new reading, assignment and link.

Both steps look only at the database, so whatever a crash interrupted is done again at the next start, once: a reading moves from place to
place in one transaction with everything that follows from it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from sqlite3 import Connection
from sqlite3 import Row as Found

from structlog.typing import FilteringBoundLogger

from gateway import cuff, people, reception
from gateway.edges import custody, households, places, questions, way
from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.log import utc_ms
from gateway.edges.way import Way
from gateway.errors import NoRoom
from protocol import readings

_AT_ONCE = 200
_SEALED_AT_ONCE = 50  # some 20 ms of arithmetic
_NO_ROOM_PAUSE_S = 5.0
_GATHERING_S = 0.05  # in a backlog many are looked at in one transaction; a scale that waits to show whose it is ends this


class Forwarding:
    """Assigns and seals; `queued` is called when rows were added to the queue, `changed` when anything moved."""

    def __init__(self, buffer: Buffer, ways: Way, log: FilteringBoundLogger, book: Custody, changed: Callable[[], None]) -> None:
        self._buffer = buffer
        self._way = ways
        self._log = log
        self._book = book
        self._changed = changed
        self._woken = asyncio.Event()
        self._woken.set()
        self._awaited = asyncio.Event()
        self.queued: Callable[[], None] = lambda: None
        self._asked: dict[int, asyncio.Future[None]] = {}

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._woken.set()

    async def settled(self, reading: int, longest_s: float) -> None:
        """Return when it was looked whose a new reading is, or after that long."""
        future = self._asked.setdefault(reading, asyncio.get_running_loop().create_future())
        self._awaited.set()
        self.wake()
        await asyncio.wait([future], timeout=longest_s)
        self._asked.pop(reading, None)

    async def run(self) -> None:
        """Assign and seal whatever waits, until cancelled."""
        while True:
            await self._woken.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awaited.wait(), _GATHERING_S)
            self._awaited.clear()
            self._woken.clear()
            try:
                # whose a new reading is comes first, for its scale waits to show it
                while await self._settle() or await self._seal():
                    self._changed()
            except NoRoom:
                self._way.count("no_room")
                await asyncio.sleep(_NO_ROOM_PAUSE_S)
                self._woken.set()

    async def _settle(self) -> int:
        """Say whose the newest readings are; return how many were looked at."""
        rows = self._buffer.read(lambda connection: questions.unsettled(connection, _AT_ONCE))
        if not rows:
            return 0
        known = {person.subject: person for person in self._buffer.read(households.people)}
        everybody = {subject["subject"] for subject in self._buffer.read(households.subjects) if subject["kind"] == 0}
        decided: list[tuple[int, str, people.Assignment]] = []
        bodies: dict[int, people.Body] = {}
        notes: dict[bytes, tuple[int | None, int | None]] = {}  # of each device: its battery and its fault, as it said last
        for row in rows:
            fields = reception.stored_fields(row["signed"])
            weighing = people.weighing_of(fields, row["utc_s"])
            alone = self._alone(row, decided) if weighing is not None and any(person.in_arms for person in known.values()) else []
            if row["kind"] == readings.CUFF:
                buttons = (row["button_a"], row["button_b"])
                whose = cuff.whose(fields.get(readings.WHO), buttons, row["used_by"], everybody)
            else:
                whose = people.assign(row["kind"], weighing, list(known.values()), row["used_by"], row["room"], alone)
            place = places.INBOX if whose.subject is None and people.needs_somebody(row["kind"]) else places.HOME
            decided.append((row["reading"], place, whose))
            battery_percent, _ = notes.get(row["kid"], (None, None))
            notes[row["kid"]] = fields.get(readings.BATTERY, battery_percent), fields.get(readings.FAULT_CODE)
            if weighing is not None and whose.subject is not None:
                before = known[whose.subject]
                bodies[whose.subject] = people.learnt(before.body, weighing)
                known[whose.subject] = replace(before, body=bodies[whose.subject])

        def write(connection: Connection) -> None:
            for reading, place, whose in decided:
                questions.settle(connection, reading, place, whose.subject, whose.reason, whose.probability)
            for subject, body in bodies.items():
                households.learn_body(connection, subject, body)
            for kid, (battery_percent, fault) in notes.items():
                households.note_device(connection, kid, battery_percent, fault)

        await self._buffer.write(write)
        for reading, _, _ in decided:
            if reading in self._asked and not self._asked[reading].done():
                self._asked[reading].set_result(None)
        now_ms = utc_ms()
        for row, (reading, place, whose) in zip(rows, decided, strict=True):
            facts = {"kid": row["kid"].hex(), "sequence": row["sequence"], "row": row["digest"][:8].hex()}
            if whose.subject is not None:
                self._way.passed(reading, way.ASSIGNED, now_ms)
                self._log.info("reading.assigned", **facts, subject=whose.subject, reason=whose.reason)
            elif place == places.INBOX:
                self._log.info("reading.doubtful", **facts, reason=whose.reason)
        return len(rows)

    def _alone(self, row: Found, decided: list[tuple[int, str, people.Assignment]]) -> list[people.Alone]:
        """Return who was weighed alone on the same scale a moment ago, those settled in this round among them."""
        now = {reading: whose.subject for reading, _, whose in decided if whose.subject is not None}
        return self._buffer.read(lambda connection: custody.alone_near(connection, row["kid"], row["utc_s"], row["reading"], now))

    async def _seal(self) -> int:
        """Seal and queue readings whose subject has an account; return how many."""
        if not self._buffer.read(lambda connection: questions.sealable(connection, 1, self._book.each_climate)):
            return 0
        now_ms = utc_ms()
        sealed = await self._buffer.write(lambda connection: self._book.seal(connection, _SEALED_AT_ONCE, now_ms))
        for each in sealed:
            self._way.passed(each.reading, way.SEALED, now_ms)
            facts = {"kid": each.kid.hex(), "sequence": each.sequence, "row": each.digest8.hex()}
            self._log.info("reading.sealed", **facts, row_id=each.row_id.hex())
        self.queued()
        return len(sealed)
