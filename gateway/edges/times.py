"""When readings were taken, as the home's database has it: the anchors of boots, and times that become better by what arrives later.

What decides is in `gateway/anchors.py`; here it is asked of rows, in the writer's transaction.
"""

from sqlite3 import Connection
from sqlite3 import Row as Found

from gateway import anchors, reception
from gateway.anchors import Anchor
from gateway.edges import places
from protocol import readings

_SOURCES = ("signed", "anchor", "arrival")
_AT_ONCE = 200  # readings of earlier boots that a new one ends: a device holds 129


def hear(connection: Connection, kid: bytes, boot: int, up_ms: int, received_ms: int) -> Anchor:
    """Note that a device was heard in a boot at an uptime; return the boot's anchor, mended by it.

    Readings of this boot that are still at home get the better time, and those of boots before it their end.
    """
    row = connection.execute(
        "SELECT (SELECT last_seen_ms FROM devices WHERE kid = ?1) AS seen_ms, a.*"
        " FROM (SELECT 1) LEFT JOIN anchors a ON kid = ?1 AND boot = ?2",
        (kid, boot),
    ).fetchone()
    seen, before = row["seen_ms"], None if row["start_utc_ms"] is None else _anchor(row)
    floor = _floor_ms(connection, kid, boot, up_ms, received_ms, seen) if before is None else None
    anchor = anchors.heard(before, received_ms, up_ms, floor, seen)
    _put_anchor(connection, kid, boot, anchor)
    connection.execute(
        "INSERT INTO devices (kid, last_seen_ms) VALUES (?, ?) ON CONFLICT DO UPDATE SET last_seen_ms = excluded.last_seen_ms",
        (kid, received_ms),
    )
    is_mended = before is not None and anchors.is_mended(before, anchor, received_ms, seen)
    if before is None or is_mended:
        _mend_times(connection, kid, 0, boot - 1, ("arrival",), _AT_ONCE)
    if is_mended:
        _mend_times(connection, kid, boot, boot)
    return anchor


def clock_stepped(connection: Connection, after: int, step_ms: int) -> int:
    """Move along what was received since the reading numbered `after`, because the clock was set; return how many times were mended.

    The anchors of its boots are made anew from all that was received of them. What is sealed already keeps the time it was sealed with.
    """
    boots = connection.execute("SELECT DISTINCT kid, boot FROM readings WHERE reading > ? ORDER BY kid, boot", (after,)).fetchall()
    connection.execute("UPDATE readings SET received_ms = received_ms + ? WHERE reading > ?", (step_ms, after))
    connection.execute("UPDATE stops SET at_ms = at_ms + ? WHERE reading > ?", (step_ms, after))
    connection.execute(
        "UPDATE readings SET utc_s = utc_s + ? WHERE reading > ? AND time_source = 'presence' AND place IN (?, ?, ?)",
        (step_ms / 1000, after, places.KEPT, places.INBOX, places.HOME),
    )
    mended = 0
    for row in boots:
        connection.execute(
            "UPDATE devices SET last_seen_ms = (SELECT max(received_ms) FROM readings WHERE kid = ?) WHERE kid = ?",
            (row["kid"], row["kid"]),
        )
        mended += _hear_anew(connection, row["kid"], row["boot"], after)
    return mended


def _anchor(row: Found) -> Anchor:
    return Anchor(row["start_utc_ms"], row["contacts"], row["floor_utc_ms"], row["earliest_utc_ms"])


def _put_anchor(connection: Connection, kid: bytes, boot: int, anchor: Anchor) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO anchors (kid, boot, start_utc_ms, contacts, floor_utc_ms, earliest_utc_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (kid, boot, anchor.start_utc_ms, anchor.contacts, anchor.floor_utc_ms, anchor.earliest_utc_ms),
    )


def _hear_anew(connection: Connection, kid: bytes, boot: int, after: int) -> int:
    """Make a boot's anchor from all that was received of it, and times with it, as `hear` would have; return how many times.

    What came after a reading gets one, and before it what had no sure one.
    """
    anchor = before = None
    until_ms = ended_ms(connection, kid, boot)
    waiting: list[Found] = []
    timed: list[tuple[float, float | None, str, int]] = []

    def take_times(anchor: Anchor) -> None:
        for row in waiting:
            signed_utc_s = reception.stored_fields(row["signed"]).get(readings.UTC)
            found = anchors.when(anchor, row["up_ms"], signed_utc_s, row["received_ms"], until_ms)
            timed.append((found.utc_s, found.uncertainty_s, found.source, row["reading"]))
        waiting.clear()

    rows = connection.execute(
        "SELECT reading, received_ms, up_ms, CASE WHEN place IN (?, ?, ?) AND time_source != 'presence'"
        " AND (reading > ? OR time_source = 'arrival') THEN signed END AS signed FROM readings WHERE kid = ? AND boot = ? ORDER BY reading",
        (places.KEPT, places.INBOX, places.HOME, after, kid, boot),
    )
    for row in rows:  # one at a time: a boot may have lasted for months
        floor = _floor_ms(connection, kid, boot, row["up_ms"], row["received_ms"], None) if anchor is None else None
        anchor = anchors.heard(anchor, row["received_ms"], row["up_ms"], floor, before)
        before = row["received_ms"]
        if row["signed"] is not None:
            waiting.append(row)
        if anchor.is_sure:
            take_times(anchor)
    assert anchor is not None  # noqa: S101  # only asked for boots that have readings
    take_times(anchor)
    connection.executemany("UPDATE readings SET utc_s = ?, uncertainty_s = ?, time_source = ? WHERE reading = ?", timed)
    _put_anchor(connection, kid, boot, anchor)
    return len(timed)


def _floor_ms(connection: Connection, kid: bytes, boot: int, up_ms: int, received_ms: int, seen_ms: int | None) -> int | None:
    """Return a time before which nothing of this boot was measured: when the device was last heard, or when an older reading was taken.

    When it was last heard counts only if it was another delivery: else what was measured before would have come along.
    """
    row = connection.execute(
        "SELECT received_ms, utc_s, uncertainty_s FROM readings WHERE kid = ? AND boot < ? ORDER BY sequence DESC LIMIT 1", (kid, boot)
    ).fetchone()
    heard_ms = seen_ms if seen_ms is not None else row["received_ms"] if row is not None else None
    if heard_ms is not None and heard_ms <= received_ms - max(up_ms, anchors.DELIVERY_MS):
        return int(heard_ms)
    if row is None or row["uncertainty_s"] is None:
        return None
    return int((row["utc_s"] - row["uncertainty_s"]) * 1000)


def ended_ms(connection: Connection, kid: bytes, boot: int) -> int | None:
    """Return when the boot after this one began, if one is known."""
    found: int | None = connection.execute("SELECT min(start_utc_ms) FROM anchors WHERE kid = ? AND boot > ?", (kid, boot)).fetchone()[0]
    return found


def _mend_times(
    connection: Connection, kid: bytes, first_boot: int, last_boot: int, sources: tuple[str, ...] = _SOURCES, limit: int = -1
) -> None:
    """Give readings of these boots that are still at home the time that is known now, newest first."""
    marks = ", ".join("?" * len(sources))
    rows = connection.execute(
        "SELECT reading, boot, up_ms, received_ms, signed FROM readings WHERE kid = ? AND boot BETWEEN ? AND ? AND place IN (?, ?, ?)"  # noqa: S608
        f" AND time_source IN ({marks}) ORDER BY sequence DESC LIMIT ?",
        (kid, first_boot, last_boot, places.KEPT, places.INBOX, places.HOME, *sources, limit),
    ).fetchall()
    for row in rows:
        found = connection.execute("SELECT * FROM anchors WHERE kid = ? AND boot = ?", (kid, row["boot"])).fetchone()
        signed_utc_s = reception.stored_fields(row["signed"]).get(readings.UTC)
        until_ms = ended_ms(connection, kid, row["boot"])
        mended = anchors.when(_anchor(found), row["up_ms"], signed_utc_s, row["received_ms"], until_ms)
        connection.execute(
            "UPDATE readings SET utc_s = ?, uncertainty_s = ?, time_source = ? WHERE reading = ?",
            (mended.utc_s, mended.uncertainty_s, mended.source, row["reading"]),
        )
