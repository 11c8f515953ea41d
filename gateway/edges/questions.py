"""What is asked of the home's database, each as one function of an open connection, named after its question.

Those that write are handed to `Buffer.write` and run in the writer's thread; they decide nothing that a pure file can decide.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Connection
from sqlite3 import Row as Found

from gateway import anchors, reception, sealing
from gateway.devices import Device
from gateway.edges import ledger, places, times
from gateway.errors import SequenceConflict
from gateway.sealing import START, Chain
from protocol import envelope

STORED = 0
ALREADY = 1

_LARGEST_CONFLICTS = 1000  # kept as evidence; more tell nothing new


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a reading that was handed in: its number in the database, and whether it was there before."""

    reading: int
    status: int


def keep(
    connection: Connection, device: Device, reading: reception.Reading, received_ms: int, age_ms: int | None = None
) -> Kept | SequenceConflict:
    """Keep a verified reading, once; age_ms: as in `anchors.when`. Raises SequenceJump: its number does not follow.

    A number that is taken by other bytes gives a SequenceConflict back, because the evidence must be written, not rolled back.
    """
    last = connection.execute(
        "SELECT sequence, boot, up_ms, received_ms FROM readings WHERE kid = ? ORDER BY sequence DESC LIMIT 1", (reading.kid,)
    ).fetchone()
    if last is not None and reading.sequence <= last["sequence"]:
        row = connection.execute(
            "SELECT reading, digest FROM readings WHERE kid = ? AND sequence = ?", (reading.kid, reading.sequence)
        ).fetchone()
        if row is not None and row["digest"] == reading.digest:
            return Kept(row["reading"], ALREADY)
        if row is not None:
            _set_aside(connection, reading, received_ms)
            return SequenceConflict(f"{reading.kid.hex()} {reading.sequence}")
    if last is not None:
        same_boot_ms = reading.up_ms - last["up_ms"] if reading.boot == last["boot"] else 0
        reception.continues(last["sequence"], last["boot"], reading, max(same_boot_ms, received_ms - last["received_ms"]) // 1000)
    anchor = times.hear(connection, reading.kid, reading.boot, reading.up_ms, received_ms)
    ended_ms = None if anchor.is_sure else times.ended_ms(connection, reading.kid, reading.boot)  # what is sure needs no other bound
    taken = anchors.when(anchor, reading.up_ms, reading.signed_utc_s, received_ms, ended_ms, age_ms)
    cursor = connection.execute(
        "INSERT INTO readings (kid, sequence, kind, boot, up_ms, utc_s, uncertainty_s, time_source, digest, signed, pairing, public_key,"
        " received_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(reading.kid, reading.sequence, reading.kind, reading.boot, reading.up_ms),
            *(taken.utc_s, taken.uncertainty_s, taken.source),
            *(reading.digest, reading.signed, device.pairing, device.public_key, received_ms),
        ),
    )
    return Kept(int(cursor.lastrowid or 0), STORED)


def newest(connection: Connection) -> int:
    """Return the number of the newest reading, 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(reading), 0) FROM readings").fetchone()[0])


def _set_aside(connection: Connection, reading: reception.Reading, at_ms: int) -> None:
    if connection.execute("SELECT count(*) FROM conflicts").fetchone()[0] < _LARGEST_CONFLICTS:
        connection.execute(
            "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (reading.kid, reading.sequence, reading.digest, reading.signed, at_ms),
        )


def pass_stops(connection: Connection, stops: Iterable[tuple[int, str, int]]) -> None:
    """Note when readings passed stops; the first time counts."""
    connection.executemany("INSERT INTO stops VALUES (?, ?, ?) ON CONFLICT DO NOTHING", stops)


def unsettled(connection: Connection, limit: int) -> list[Found]:
    """Return readings nobody has looked at yet, oldest first, with what was said of their device."""
    return connection.execute(
        "SELECT r.reading, r.kid, r.kind, r.sequence, r.utc_s, r.digest, r.signed, d.used_by, d.room, d.button_a, d.button_b"
        " FROM readings r LEFT JOIN devices d USING (kid) WHERE r.place = ? ORDER BY r.reading LIMIT ?",
        (places.KEPT, limit),
    ).fetchall()


def sealable(connection: Connection, limit: int, each_climate: bool = True) -> list[Found]:
    """Return readings at home whose subject has an account that did not erase them, oldest first; none while rows are brought back.

    each_climate: also every single value of a room's climate, which no summary stands for.
    """
    # each index holds what is asked for and nothing else; left to choose, SQLite takes the wider one for both
    index, which = ("readings_at_home", "") if each_climate else ("readings_sealable", "AND (r.kind != 2 OR r.kid = x'')")
    return connection.execute(
        f"SELECT r.*, s.person_id, s.epoch, s.generation FROM subjects s CROSS JOIN readings r INDEXED BY {index} USING (subject)"  # noqa: S608
        f" WHERE r.place = 'home' {which} AND s.account_key IS NOT NULL AND s.stopped_ms IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM epochs WHERE back_after IS NOT NULL) ORDER BY r.reading LIMIT ?",
        (limit,),
    ).fetchall()


def settle(connection: Connection, reading: int, place: str, subject: int | None, reason: str, probability: float | None = None) -> None:
    """Say whose a reading is, if nobody has said so before."""
    connection.execute(
        "UPDATE readings SET place = ?, subject = ?, reason = ?, probability = ? WHERE reading = ? AND place = ?",
        (place, subject, reason, probability, reading, places.KEPT),
    )


def whose(connection: Connection, reading: int) -> int | None:
    """Return the subject of a reading, None while nobody or the inbox has it."""
    row = connection.execute("SELECT subject FROM readings WHERE reading = ?", (reading,)).fetchone()
    return None if row is None else row["subject"]


def signed_since(connection: Connection, subject_: int, kind: int, utc_s: float, limit: int) -> list[tuple[float, bytes]]:
    """Return time and signed bytes of somebody's newest readings of a kind from a time on, newest first."""
    rows = connection.execute(
        "SELECT utc_s, signed FROM readings WHERE subject = ? AND kind = ? AND utc_s >= ? ORDER BY utc_s DESC LIMIT ?",
        (subject_, kind, utc_s, limit),
    )
    return [(row["utc_s"], row["signed"]) for row in rows]


def chain(connection: Connection, pseudonym: bytes) -> Chain:
    """Return where a pseudonym's sealed rows have got to."""
    row = connection.execute("SELECT previous, number FROM chains WHERE pseudonym = ?", (pseudonym,)).fetchone()
    return START if row is None else Chain(row["previous"], row["number"])


def queued(connection: Connection, after: int, limit: int) -> list[tuple[int, bytes]]:
    """Return number and pseudonym of queued rows behind a number, in order."""
    rows = connection.execute("SELECT number, pseudonym FROM outgoing WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
    return [(row["number"], row["pseudonym"]) for row in rows]


def queued_rows(connection: Connection, numbers: tuple[int, ...]) -> list[Found]:
    """Return what is still queued under these numbers, in order, with what its keys are derived from."""
    marks = ", ".join("?" * len(numbers))
    return connection.execute(
        f"""SELECT o.*, e.person_id, e.epoch, e.generation FROM outgoing o JOIN epochs e USING (pseudonym)
        WHERE number IN ({marks}) ORDER BY number""",  # noqa: S608
        numbers,
    ).fetchall()


def queue_length(connection: Connection) -> int:
    """Return how many rows wait for the ingester's receipt."""
    return int(connection.execute("SELECT count(*) FROM outgoing").fetchone()[0])


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row of a reading that left the queue, and what the ingester said of it."""

    number: int
    reading: int
    kid: bytes
    sequence: int
    digest8: bytes
    row_id: bytes
    status: int


def drop_receipted(connection: Connection, receipt: sealing.Receipt) -> tuple[list[Dropped], list[int]]:
    """Take out of the queue what a receipt names by id and digest; return the rows of readings, and the numbers of all. Others stay."""
    dropped: list[Dropped] = []
    counts: Counter[int] = Counter()
    numbers: list[int] = []
    for each in receipt.rows:
        row = connection.execute(
            "SELECT o.number, o.what, o.sealed, o.reading, r.subject, r.kid, r.sequence, r.digest"
            " FROM outgoing o LEFT JOIN readings r USING (reading)"
            " WHERE o.row_id = ?",
            (each.row_id,),
        ).fetchone()
        if row is None or sealing.digest8(row["sealed"]) != each.digest8:
            continue
        connection.execute("DELETE FROM outgoing WHERE number = ?", (row["number"],))
        numbers.append(row["number"])
        if row["what"] != "row":
            continue
        place = places.CONFLICT if each.status == envelope.CONFLICT else places.ACCOUNT
        connection.execute("UPDATE readings SET place = ? WHERE reading = ? AND row_id = ?", (place, row["reading"], each.row_id))
        connection.execute("UPDATE rows SET state = ? WHERE row_id = ?", (place, each.row_id))
        facts = (row["number"], row["reading"], row["kid"], row["sequence"], row["digest"][:8])
        dropped.append(Dropped(*facts, each.row_id, each.status))
        counts[row["subject"]] += 1
    ledger.add_sent(connection, counts, receipt.committed_utc_ms)
    return dropped, numbers


def recent(connection: Connection, limit: int, before: int | None = None, after: int = 0, place: str | None = None) -> list[Found]:
    """Return readings, newest first: those numbered below `before` and above `after`, in one place or any."""
    return connection.execute(
        "SELECT * FROM readings WHERE reading < ? AND reading > ? AND (? IS NULL OR place = ?) AND place != ?"
        " ORDER BY reading DESC LIMIT ?",
        (2**62 if before is None else before, after, place, place, places.FORGOTTEN, limit),
    ).fetchall()


def latest(connection: Connection, subject_: int, kind: int) -> Found | None:
    """Return the newest reading of a kind of somebody or a room."""
    found: Found | None = connection.execute(
        "SELECT * FROM readings WHERE subject = ? AND kind = ? ORDER BY utc_s DESC LIMIT 1", (subject_, kind)
    ).fetchone()
    return found


def is_in(connection: Connection, reading: int, place: str) -> bool:
    """Return whether a reading is in a place."""
    return connection.execute("SELECT 1 FROM readings WHERE reading = ? AND place = ?", (reading, place)).fetchone() is not None


def count_in(connection: Connection, place: str) -> int:
    """Return how many readings are in a place."""
    return int(connection.execute("SELECT count(*) FROM readings WHERE place = ?", (place,)).fetchone()[0])


def count(connection: Connection) -> int:
    """Return how many readings were ever kept."""
    return int(connection.execute("SELECT count(*) FROM readings").fetchone()[0])


def arrived_by_day(connection: Connection, limit: int) -> list[Found]:
    """Return how many readings came from each device on each day of the home's own time, the newest day first; day_s: a time in it."""
    return connection.execute(
        "SELECT max(received_ms) / 1000 AS day_s, kid, count(*) AS count FROM readings"
        " GROUP BY date(received_ms / 1000, 'unixepoch', 'localtime'), kid ORDER BY day_s DESC LIMIT ?",
        (limit,),
    ).fetchall()


def stops_of(connection: Connection, first: int, last: int) -> dict[int, dict[str, int]]:
    """Return the stops, in milliseconds of UTC, of the readings numbered first to last."""
    stops: dict[int, dict[str, int]] = {}
    for row in connection.execute("SELECT * FROM stops WHERE reading BETWEEN ? AND ? ORDER BY at_ms", (first, last)):
        stops.setdefault(row["reading"], {})[row["stop"]] = row["at_ms"]
    return stops
