"""A home's database without a gateway around it, and readings as if a device had signed them."""

import sqlite3
from hashlib import sha256
from importlib import resources
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.devices import Device
from gateway.edges import questions
from gateway.reception import Reading

_KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def database() -> sqlite3.Connection:
    """Return an empty home, as the migrations make it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    steps = sorted((resources.files("gateway.edges") / "migrations").iterdir(), key=lambda file: file.name)
    for step in steps:
        if step.name.endswith(".sql"):
            connection.executescript(step.read_text(encoding="utf-8"))
    return connection


def device(kid: bytes = b"kid!") -> Device:
    """Return a device of this key id; nothing here verifies a signature."""
    return Device("FY-1", "scale", "Scale", kid, b"\x04" + bytes(64), _KEY, bytes(8), b"\x05" + bytes(64))


def reading(sequence: int, boot: int, up_ms: int, utc_s: int | None = None, kid: bytes = b"kid!", grams: int = 70_000) -> Reading:
    """Return a weight as `reception.open_reading` gives it."""
    fields: dict[int, Any] = {0: 0, 1: sequence, 2: [boot, up_ms], 10: grams, 11: 1}
    if utc_s is not None:
        fields[3] = utc_s
    signed = cbor2.dumps([b"", {}, cbor2.dumps(dict(sorted(fields.items()))), bytes(64)])
    return Reading(kid, 0, sequence, boot, up_ms, utc_s, {10: grams, 11: 1}, signed, sha256(signed).digest())


def arrive(connection: sqlite3.Connection, taken: Reading, received_ms: int, age_ms: int | None = None) -> int:
    """Keep a reading; return its status. Raises what keeping raises."""
    kept = questions.keep(connection, device(taken.kid), taken, received_ms, age_ms)
    assert isinstance(kept, questions.Kept), kept
    return kept.status


def time_of(connection: sqlite3.Connection, sequence: int) -> tuple[float, float | None, str]:
    """Return when a kept reading was taken, how far that may be off, and where it comes from."""
    row = connection.execute("SELECT utc_s, uncertainty_s, time_source FROM readings WHERE sequence = ?", (sequence,)).fetchone()
    return row[0], row[1], row[2]
