"""Makes the summaries of each linked room's climate when their periods are over, and hands them on like readings of the home's own."""

import asyncio
import time
from collections.abc import Callable
from hashlib import sha256
from sqlite3 import Connection

from gateway import climate, reception
from gateway.climate import Summary
from gateway.edges import places
from gateway.edges.buffer import Buffer
from gateway.edges.custody import NO_DEVICE
from gateway.errors import NoRoom
from protocol import readings

_EVERY_S = 30.0
_FAR_EVERY = 20  # looks
_AT_ONCE = 50  # periods: some ten thousand values to decode


class Summaries:
    """minutes: of the shorter period, 0: none are made; made: called when there is something new to seal."""

    def __init__(self, buffer: Buffer, minutes: int, made: Callable[[], None]) -> None:
        self._buffer = buffer
        self._spans_s = climate.spans_s(minutes)
        self._made = made
        self._looks = 0

    async def run(self) -> None:
        """Look now and then until cancelled."""
        while True:
            try:
                while await self.look(time.time()):
                    continue
            except NoRoom:
                pass  # the values are kept: their summaries come when there is room
            await asyncio.sleep(_EVERY_S)

    async def look(self, now_s: float) -> int:
        """Make the summaries of what is over; return how many."""
        back_s = climate.LOOKED_BACK_S if self._looks % _FAR_EVERY else climate.LOOKED_FAR_BACK_S
        if not any(self._buffer.read(lambda connection, s=span_s: due(connection, s, now_s, back_s, 1)) for span_s in self._spans_s):  # type: ignore[misc]  # bound now
            self._looks += 1
            return 0
        count = await self._buffer.write(lambda connection: sum(make(connection, span_s, now_s, back_s) for span_s in self._spans_s))
        self._made()
        return count


def due(connection: Connection, span_s: int, now_s: float, back_s: int, limit: int = _AT_ONCE) -> list[tuple[int, int]]:
    """Return rooms with an account and their periods that are over, hold values and have no summary yet, the oldest first."""
    rows = connection.execute(
        """SELECT DISTINCT r.subject, CAST(r.utc_s / ?1 AS INTEGER) AS period FROM readings r JOIN subjects s USING (subject)
        WHERE s.account_key IS NOT NULL AND s.stopped_ms IS NULL AND r.kind = ?2 AND r.kid != ?3 AND r.place = ?4
        AND r.utc_s >= ?5 AND r.utc_s < ?6 AND NOT EXISTS (
            SELECT 1 FROM readings m WHERE m.kid = ?3 AND m.subject = r.subject AND m.kind = ?2 AND m.reason = ?7
            AND m.utc_s >= CAST(r.utc_s / ?1 AS INTEGER) * ?1 AND m.utc_s < (CAST(r.utc_s / ?1 AS INTEGER) + 1) * ?1)
        ORDER BY period LIMIT ?8""",
        (
            *(span_s, readings.CLIMATE, NO_DEVICE, places.HOME, now_s - back_s),
            *(climate.over_before(now_s, span_s) * span_s, reason(span_s), limit),
        ),
    )
    return [(row["subject"], row["period"]) for row in rows]


def make(connection: Connection, span_s: int, now_s: float, back_s: int) -> int:
    """Make the summaries that are due; return how many."""
    found = due(connection, span_s, now_s, back_s)
    for subject, period in found:
        rows = connection.execute(
            "SELECT signed FROM readings WHERE subject = ? AND kind = ? AND kid != ? AND place = ? AND utc_s >= ? AND utc_s < ?",
            (subject, readings.CLIMATE, NO_DEVICE, places.HOME, period * span_s, (period + 1) * span_s),
        )
        keep(connection, subject, climate.summary(period, span_s, (reception.stored_fields(row["signed"]) for row in rows)), now_s)
    return len(found)


def made_of(connection: Connection, subject: int, made: Summary) -> int | None:
    """Return the number of a room's summary of the same period, None when there is none."""
    row = connection.execute(
        "SELECT reading FROM readings WHERE kid = ? AND subject = ? AND kind = ? AND reason = ? AND utc_s = ?",
        (NO_DEVICE, subject, readings.CLIMATE, reason(made.span_s), made.start_s + made.span_s // 2),
    ).fetchone()
    return None if row is None else int(row["reading"])


def keep(connection: Connection, subject: int, made: Summary, now_s: float) -> int:
    """Keep a summary at home, to be sealed; return its number."""
    sequence = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM readings WHERE kid = ?", (NO_DEVICE,)).fetchone()[0]
    signed = climate.encode(made)
    cursor = connection.execute(
        "INSERT INTO readings (kid, sequence, kind, boot, up_ms, utc_s, uncertainty_s, time_source, digest, signed, pairing, public_key,"
        " received_ms, place, subject, reason) VALUES (?, ?, ?, 0, 0, ?, NULL, 'summary', ?, ?, x'', x'', ?, ?, ?, ?)",
        (
            *(NO_DEVICE, sequence, readings.CLIMATE, made.start_s + made.span_s // 2),
            *(sha256(signed + sequence.to_bytes(8, "big")).digest(), signed, int(now_s * 1000)),
            *(places.HOME, subject, reason(made.span_s)),
        ),
    )
    return int(cursor.lastrowid or 0)


def reason(span_s: int) -> str:
    """Return why a reading is there that is a summary of so many seconds."""
    return f"summary_{span_s}"
