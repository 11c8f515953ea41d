"""What is asked of the home's database, each as one function of an open connection, named after its question.

Those that write are handed to `Buffer.write` and run in the writer's thread; they decide nothing that a pure file can decide.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway import anchors, reception
from gateway.anchors import Anchor
from gateway.devices import Device
from gateway.errors import SequenceConflict
from gateway.people import Person
from gateway.sealing import START, Chain, Row

STORED = 0
ALREADY = 1

# The places a reading can be in.
KEPT = "kept"  # committed, nobody has looked whose it is
INBOX = "inbox"  # somebody must say whose it is
HOME = "home"  # stays at home: the device's own word, or its subject has no account
SEALED = "sealed"  # on its way to the account
ACCOUNT = "account"  # the ingester has receipted it
CONFLICT = "conflict"  # the ingester holds other bytes under its id: set aside

_RESERVED = 64
_LARGEST_CONFLICTS = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a reading that was handed in: its number in the database, and whether it was there before."""

    reading: int
    status: int


def keep(connection: sqlite3.Connection, device: Device, reading: reception.Reading, received_ms: int) -> Kept | SequenceConflict:
    """Keep a verified reading, once. Raises SequenceJump: its number does not follow.

    A number that is taken by other bytes gives a SequenceConflict back, because the evidence must be written, not rolled back.
    """
    row = connection.execute(
        "SELECT reading, digest FROM readings WHERE kid = ? AND sequence = ?", (reading.kid, reading.sequence)
    ).fetchone()
    if row is not None:
        if row["digest"] == reading.digest:
            return Kept(row["reading"], ALREADY)
        _set_aside(connection, reading, received_ms)
        return SequenceConflict(f"{reading.kid.hex()} {reading.sequence}")
    last = connection.execute("SELECT sequence, boot FROM readings WHERE kid = ? ORDER BY sequence DESC LIMIT 1", (reading.kid,)).fetchone()
    if last is not None:
        reception.continues(last["sequence"], last["boot"], reading)
    anchor = hear(connection, reading.kid, reading.boot, reading.up_ms, received_ms)
    taken = anchors.when(anchor, reading.up_ms, reading.signed_utc_s, received_ms)
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


def hear(connection: sqlite3.Connection, kid: bytes, boot: int, up_ms: int, received_ms: int) -> Anchor:
    """Note that a device was heard in a boot at an uptime; return the boot's anchor, mended by it.

    Readings of this boot that are still at home and had only the time of their arrival get the better time.
    """
    row = connection.execute("SELECT * FROM anchors WHERE kid = ? AND boot = ?", (kid, boot)).fetchone()
    before = None
    floor = None
    if row is not None:
        before = Anchor(row["start_utc_ms"], row["contacts"], bool(row["agreed"]), row["floor_utc_ms"])
    else:
        floor = connection.execute("SELECT max(last_seen_ms) FROM devices WHERE kid = ?", (kid,)).fetchone()[0]
    anchor = anchors.heard(before, received_ms, up_ms, floor)
    connection.execute(
        "INSERT INTO anchors VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " start_utc_ms = excluded.start_utc_ms, contacts = excluded.contacts, agreed = excluded.agreed",
        (kid, boot, anchor.start_utc_ms, anchor.contacts, anchor.agreed, anchor.floor_utc_ms),
    )
    connection.execute(
        "INSERT INTO devices (kid, last_seen_ms) VALUES (?, ?) ON CONFLICT DO UPDATE SET last_seen_ms = excluded.last_seen_ms",
        (kid, received_ms),
    )
    if before is not None and (anchor.start_utc_ms < before.start_utc_ms or (anchor.agreed and not before.agreed)):
        _mend_times(connection, kid, boot, anchor)
    return anchor


def _mend_times(connection: sqlite3.Connection, kid: bytes, boot: int, anchor: Anchor) -> None:
    rows = connection.execute(
        "SELECT reading, up_ms, received_ms FROM readings WHERE kid = ? AND boot = ? AND time_source = 'arrival' AND place IN (?, ?, ?)",
        (kid, boot, KEPT, INBOX, HOME),
    ).fetchall()
    for row in rows:
        mended = anchors.when(anchor, row["up_ms"], None, row["received_ms"])
        connection.execute(
            "UPDATE readings SET utc_s = ?, uncertainty_s = ?, time_source = ? WHERE reading = ?",
            (mended.utc_s, mended.uncertainty_s, mended.source, row["reading"]),
        )


def _set_aside(connection: sqlite3.Connection, reading: reception.Reading, at_ms: int) -> None:
    if connection.execute("SELECT count(*) FROM conflicts").fetchone()[0] < _LARGEST_CONFLICTS:
        connection.execute(
            "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (reading.kid, reading.sequence, reading.digest, reading.signed, at_ms),
        )


def reserve_sender_numbers(connection: sqlite3.Connection, kid: bytes) -> int:
    """Return the first of 64 OSCORE sender numbers that were never used and now count as used (RFC 8613 appendix B.1.1)."""
    row = connection.execute(
        "INSERT INTO devices (kid, sender_reserved) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET sender_reserved = sender_reserved + ? RETURNING sender_reserved",
        (kid, _RESERVED, _RESERVED),
    ).fetchone()
    return int(row[0]) - _RESERVED


def pass_stops(connection: sqlite3.Connection, stops: Iterable[tuple[int, str, int]]) -> None:
    """Note when readings passed stops; the first time counts."""
    connection.executemany("INSERT INTO stops VALUES (?, ?, ?) ON CONFLICT DO NOTHING", stops)


def note_device(connection: sqlite3.Connection, kid: bytes, battery_percent: int | None, fault: int | None) -> None:
    """Note what a device's last reading said about the device itself."""
    connection.execute(
        "UPDATE devices SET battery_percent = coalesce(?, battery_percent), last_fault = ? WHERE kid = ?",
        (battery_percent, fault, kid),
    )


# --- people, rooms and devices


def people(connection: sqlite3.Connection) -> list[Person]:
    """Return whom a weight may belong to."""
    rows = connection.execute("SELECT subject, usual_g FROM subjects WHERE kind = 0 AND usual_g IS NOT NULL")
    return [Person(row["subject"], row["usual_g"]) for row in rows]


def subjects(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return everybody and every room, in the order they were added."""
    return [dict(row) for row in connection.execute("SELECT * FROM subjects ORDER BY subject")]


def add_subject(connection: sqlite3.Connection, kind: int, name: str, usual_g: int | None, person_id: bytes, now_ms: int) -> int:
    """Add a person or room; return their number."""
    cursor = connection.execute(
        "INSERT INTO subjects (kind, name, usual_g, person_id, made_ms) VALUES (?, ?, ?, ?, ?)", (kind, name, usual_g, person_id, now_ms)
    )
    return int(cursor.lastrowid or 0)


def change_subject(connection: sqlite3.Connection, subject: int, name: str, usual_g: int | None) -> None:
    """Change what a person or room is called, and a person's usual weight."""
    connection.execute("UPDATE subjects SET name = ?, usual_g = coalesce(?, usual_g) WHERE subject = ?", (name, usual_g, subject))


def devices(connection: sqlite3.Connection) -> dict[bytes, dict[str, Any]]:
    """Return what the home learnt of each device, by key id."""
    return {row["kid"]: dict(row) for row in connection.execute("SELECT * FROM devices")}


def meet_devices(connection: sqlite3.Connection, enrolled: Iterable[Device], room_name: str, room_id: bytes, now_ms: int) -> None:
    """Note the enrolled devices; the first babyphone without a room brings the home's first room with it."""
    for device in enrolled:
        connection.execute("INSERT INTO devices (kid) VALUES (?) ON CONFLICT DO NOTHING", (device.kid,))
        known = connection.execute("SELECT room FROM devices WHERE kid = ?", (device.kid,)).fetchone()
        if device.kind != "babyphone" or known["room"] is not None:
            continue
        row = connection.execute("SELECT subject FROM subjects WHERE kind = 1 ORDER BY subject LIMIT 1").fetchone()
        room = row["subject"] if row else add_subject(connection, 1, room_name, None, room_id, now_ms)
        connection.execute("UPDATE devices SET room = ? WHERE kid = ?", (room, device.kid))


def give_device(connection: sqlite3.Connection, kid: bytes, used_by: int | None, room: int | None) -> None:
    """Say who uses a device and where it stands."""
    connection.execute(
        "INSERT INTO devices (kid, used_by, room) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET used_by = excluded.used_by, room = excluded.room",
        (kid, used_by, room),
    )


# --- whose it is, and its way to the account


def unsettled(connection: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
    """Return readings nobody has looked at yet, oldest first, with what was said of their device."""
    return connection.execute(
        "SELECT r.reading, r.kid, r.kind, r.sequence, r.signed, r.received_ms, d.used_by, d.room"
        " FROM readings r LEFT JOIN devices d USING (kid) WHERE r.place = ? ORDER BY r.reading LIMIT ?",
        (KEPT, limit),
    ).fetchall()


def sealable(connection: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
    """Return readings at home whose subject has an account, oldest first."""
    return connection.execute(
        "SELECT r.*, s.person_id, s.epoch FROM readings r JOIN subjects s USING (subject)"
        " WHERE r.place = ? AND s.account_key IS NOT NULL ORDER BY r.reading LIMIT ?",
        (HOME, limit),
    ).fetchall()


def settle(connection: sqlite3.Connection, reading: int, place: str, subject: int | None, reason: str) -> None:
    """Say whose a reading is, if nobody has said so before."""
    connection.execute(
        "UPDATE readings SET place = ?, subject = ?, reason = ? WHERE reading = ? AND place = ?", (place, subject, reason, reading, KEPT)
    )


def assign(connection: sqlite3.Connection, reading: int, subject: int) -> bool:
    """Give a reading from the inbox to somebody; return False if it is not there (any more)."""
    kind = connection.execute("SELECT kind FROM readings WHERE reading = ? AND place = ?", (reading, INBOX)).fetchone()
    somebody = connection.execute("SELECT kind FROM subjects WHERE subject = ?", (subject,)).fetchone()
    if kind is None or somebody is None or (somebody["kind"] == 1) != (kind["kind"] == 2):
        return False
    connection.execute("UPDATE readings SET place = ?, subject = ?, reason = 'by_hand' WHERE reading = ?", (HOME, subject, reading))
    return True


def follow_weight(connection: sqlite3.Connection, subject: int, usual_g: int) -> None:
    """Set a person's usual weight."""
    connection.execute("UPDATE subjects SET usual_g = ? WHERE subject = ?", (usual_g, subject))


def chain(connection: sqlite3.Connection, pseudonym: bytes) -> Chain:
    """Return where a pseudonym's sealed rows have got to."""
    row = connection.execute("SELECT previous, number FROM chains WHERE pseudonym = ?", (pseudonym,)).fetchone()
    return START if row is None else Chain(row["previous"], row["number"])


@dataclass(frozen=True, slots=True)
class Sealed:
    """A reading with its sealed row, as it goes into the queue."""

    reading: int
    subject: int
    epoch: int
    pseudonym: bytes
    row: Row


def queue_sealed(connection: sqlite3.Connection, sealed: Iterable[Sealed], chains: dict[bytes, Chain]) -> None:
    """Put sealed rows into the queue and move the ends of their chains along, together."""
    for each in sealed:
        connection.execute(
            "INSERT INTO outgoing (reading, subject, epoch, pseudonym, minute, row_id, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (each.reading, each.subject, each.epoch, each.pseudonym, each.row.minute, each.row.row_id, each.row.sealed),
        )
        connection.execute("UPDATE readings SET place = ?, row_id = ? WHERE reading = ?", (SEALED, each.row.row_id, each.reading))
    for pseudonym, end in chains.items():
        connection.execute(
            "INSERT INTO chains VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET previous = excluded.previous, number = excluded.number",
            (pseudonym, end.previous, end.number),
        )


def queued(connection: sqlite3.Connection, after: int, limit: int) -> list[sqlite3.Row]:
    """Return queued rows behind a number, in order."""
    return connection.execute("SELECT * FROM outgoing WHERE number > ? ORDER BY number LIMIT ?", (after, limit)).fetchall()


def queue_length(connection: sqlite3.Connection) -> int:
    """Return how many rows wait for the ingester's receipt."""
    return int(connection.execute("SELECT count(*) FROM outgoing").fetchone()[0])


def drop(connection: sqlite3.Connection, number: int, reading: int, place: str) -> None:
    """Take a receipted row out of the queue; its reading's place says how it ended."""
    connection.execute("DELETE FROM outgoing WHERE number = ?", (number,))
    connection.execute("UPDATE readings SET place = ? WHERE reading = ?", (place, reading))
