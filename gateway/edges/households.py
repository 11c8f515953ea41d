"""What is asked of the home's database about people, rooms, devices and sessions; each question one function, as in `questions.py`."""

from collections.abc import Iterable
from sqlite3 import Connection
from sqlite3 import Row as Found
from typing import Any

from gateway.body import Facts
from gateway.devices import Device
from gateway.people import Body, HEAVIEST_IN_ARMS_g, Person, body_of

WANTED_BACK = "wanted_back"  # the household's fact that the accounts are to be asked for what they hold


def note_device(connection: Connection, kid: bytes, battery_percent: int | None, fault: int | None) -> None:
    """Note what a device's last reading said about the device itself."""
    connection.execute(
        "UPDATE devices SET battery_percent = coalesce(?, battery_percent), last_fault = ? WHERE kid = ?",
        (battery_percent, fault, kid),
    )


def note_presence(connection: Connection, kid: bytes, version: str | None, signal_dBm: int | None, now_ms: int) -> None:
    """Note that a device is there, and what it said of itself."""
    connection.execute(
        "UPDATE devices SET present_ms = ?, version = coalesce(?, version), signal_dBm = coalesce(?, signal_dBm) WHERE kid = ?",
        (now_ms, version, signal_dBm, kid),
    )


def people(connection: Connection) -> list[Person]:
    """Return whom a weighing may belong to."""
    rows = connection.execute("SELECT subject, usual_g, body FROM subjects WHERE kind = 0 AND usual_g IS NOT NULL")
    known = [(row["subject"], body_of(row["usual_g"], row["body"])) for row in rows]
    return [Person(subject_, body, body.weight_g <= HEAVIEST_IN_ARMS_g) for subject_, body in known]


def subjects(connection: Connection) -> list[dict[str, Any]]:
    """Return everybody and every room, in the order they were added."""
    return [dict(row) for row in connection.execute("SELECT * FROM subjects ORDER BY subject")]


def add_subject(connection: Connection, kind: int, name: str, usual_g: int | None, person_id: bytes, now_ms: int) -> int:
    """Add a person or room; return their number."""
    cursor = connection.execute(
        "INSERT INTO subjects (kind, name, usual_g, person_id, made_ms) VALUES (?, ?, ?, ?, ?)", (kind, name, usual_g, person_id, now_ms)
    )
    return int(cursor.lastrowid or 0)


def change_subject(connection: Connection, subject: int, name: str, usual_g: int | None) -> None:
    """Change what a person or room is called, and a person's usual weight: what somebody says counts more than what was learnt.

    Accounts are sent the new name.
    """
    before = connection.execute("SELECT name, usual_g FROM subjects WHERE subject = ?", (subject,)).fetchone()
    if before is None:
        return
    if usual_g is not None and usual_g // 100 != (before["usual_g"] or 0) // 100:
        connection.execute("UPDATE subjects SET usual_g = ?, body = NULL WHERE subject = ?", (usual_g, subject))
    if name != before["name"]:
        connection.execute("UPDATE subjects SET name = ?, box_version = box_version + 1 WHERE subject = ?", (name, subject))


def tell_body(connection: Connection, subject: int, facts: Facts) -> None:
    """Keep what was said of a person's body, and nothing of what was said before."""
    connection.execute("UPDATE subjects SET height_cm = ?, birth_year = ?, sex = ? WHERE subject = ? AND kind = 0", (*facts, subject))


def body_facts(connection: Connection, subject: int) -> Facts:
    """Return what was said of a person's body."""
    row = connection.execute("SELECT height_cm, birth_year, sex FROM subjects WHERE subject = ?", (subject,)).fetchone()
    return Facts() if row is None else Facts(*row)


def devices(connection: Connection) -> dict[bytes, dict[str, Any]]:
    """Return what the home learnt of each device, by key id."""
    return {row["kid"]: dict(row) for row in connection.execute("SELECT * FROM devices")}


def meet_devices(
    connection: Connection, enrolled: Iterable[Device], former: Iterable[Device], room_name: str, room_id: bytes, now_ms: int
) -> None:
    """Note the enrolled devices; the first babyphone without a room brings the home's first room with it.

    former: devices with older keys; one that is paired anew goes on being somebody's and standing somewhere.
    """
    older = {device.serial: device.kid for device in sorted(former, key=lambda device: device.paired_ms)}
    for device in enrolled:
        connection.execute(
            "INSERT INTO devices (kid, used_by, room) VALUES (?, (SELECT used_by FROM devices WHERE kid = ?),"
            " (SELECT room FROM devices WHERE kid = ?)) ON CONFLICT DO NOTHING",
            (device.kid, older.get(device.serial), older.get(device.serial)),
        )
        known = connection.execute("SELECT room FROM devices WHERE kid = ?", (device.kid,)).fetchone()
        if device.kind != "babyphone" or known["room"] is not None:
            continue
        row = connection.execute("SELECT subject FROM subjects WHERE kind = 1 ORDER BY subject LIMIT 1").fetchone()
        room = row["subject"] if row else add_subject(connection, 1, room_name, None, room_id, now_ms)
        connection.execute("UPDATE devices SET room = ? WHERE kid = ?", (room, device.kid))


def give_device(connection: Connection, kid: bytes, used_by: int | None, room: int | None) -> None:
    """Say who uses a device and where it stands."""
    connection.execute(
        "INSERT INTO devices (kid, used_by, room) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET used_by = excluded.used_by, room = excluded.room",
        (kid, used_by, room),
    )


def set_buttons(connection: Connection, kid: bytes, button_a: int | None, button_b: int | None) -> None:
    """Say who stands behind the buttons A and B of a cuff that is known."""
    connection.execute("UPDATE devices SET button_a = ?, button_b = ? WHERE kid = ?", (button_a, button_b, kid))


def learn_body(connection: Connection, subject: int, body: Body) -> None:
    """Keep what was learnt of a body; the usual weight that the page shows is its."""
    connection.execute("UPDATE subjects SET usual_g = ?, body = ? WHERE subject = ?", (round(body.weight_g), body.as_json(), subject))


def set_ward(connection: Connection, subject: int, ward: bool) -> None:
    """Say whether a person is a child in others' care: then each guardian has a say, and none of the accounts is the child's own."""
    connection.execute("UPDATE subjects SET ward = ? WHERE subject = ? AND kind = 0", (int(ward), subject))


def subject(connection: Connection, number: int) -> Found:
    """Return one person or room."""
    found: Found = connection.execute("SELECT * FROM subjects WHERE subject = ?", (number,)).fetchone()
    return found


def household(connection: Connection, name: str) -> str | None:
    """Return one fact of the household."""
    row = connection.execute("SELECT value FROM household WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row["value"])


def set_household(connection: Connection, name: str, value: str) -> None:
    """Set one fact of the household."""
    connection.execute("INSERT INTO household VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))


def want_back(connection: Connection) -> None:
    """Have the next start ask for everything that lies in the accounts (recovery.py)."""
    set_household(connection, WANTED_BACK, "1")


def begin_session(connection: Connection, session: bytes, agent: str, now_ms: int, dead_ms: int) -> None:
    """Begin a browser's session, and forget those last used before dead_ms."""
    connection.execute("DELETE FROM sessions WHERE last_ms < ?", (dead_ms,))
    connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (session, now_ms, now_ms, agent))


def sessions(connection: Connection) -> list[Found]:
    """Return every session, the newest first."""
    return connection.execute("SELECT * FROM sessions ORDER BY made_ms DESC, session").fetchall()


def end_other_sessions(connection: Connection, session: bytes) -> None:
    """Forget every session but one."""
    connection.execute("DELETE FROM sessions WHERE session <> ?", (session,))


def session_last_ms(connection: Connection, session: bytes) -> int | None:
    """Return when a session was last used; None: there is none."""
    row = connection.execute("SELECT last_ms FROM sessions WHERE session = ?", (session,)).fetchone()
    return None if row is None else int(row["last_ms"])


def touch_session(connection: Connection, session: bytes, now_ms: int) -> None:
    """Note that a session was used."""
    connection.execute("UPDATE sessions SET last_ms = ? WHERE session = ?", (now_ms, session))


def end_session(connection: Connection, session: bytes) -> None:
    """Forget a session."""
    connection.execute("DELETE FROM sessions WHERE session = ?", (session,))
