"""What is asked of the home's database about links to accounts; each question one function, as in `questions.py`."""

from sqlite3 import Connection
from sqlite3 import Row as Found
from typing import Any

from gateway import links, records
from gateway.edges import ledger
from gateway.links import Link

LINKED, LEAVING = "linked", "leaving"


def begin_link(connection: Connection, link: Link) -> bool:
    """Write a new link down, ending the subject's earlier attempt; return False if the code was used, or the subject is linked already.

    One more account may be linked for as long as those that are have said (`share_until_ms`).
    """
    row = connection.execute("SELECT account_key, share_until_ms FROM subjects WHERE subject = ?", (link.subject,)).fetchone()
    used = connection.execute("SELECT 1 FROM links WHERE link_id = ?", (link.link_id,)).fetchone()
    if row is None or used is not None or (row["account_key"] is not None and (row["share_until_ms"] or 0) < link.started_ms):
        return False
    connection.execute(
        f"UPDATE links SET state = ?, ended_ms = ? WHERE subject = ? AND state IN ({_OPEN_MARKS})",  # noqa: S608
        (links.EXPIRED, link.started_ms, link.subject, *links.OPEN),
    )
    connection.execute(
        "INSERT INTO links (link_id, subject, fingerprint, state, started_ms, name) VALUES (?, ?, ?, ?, ?, ?)",
        (link.link_id, link.subject, link.fingerprint, link.state, link.started_ms, link.name),
    )
    return True


def link(connection: Connection, link_id: bytes) -> Link | None:
    """Return a link by its id."""
    row = connection.execute(f"{_LINKS} WHERE link_id = ?", (link_id,)).fetchone()
    return None if row is None else Link(*row)


def open_links(connection: Connection) -> list[Link]:
    """Return the links that something is still owed to."""
    return [Link(*row) for row in connection.execute(f"{_LINKS} WHERE state IN ({_OPEN_MARKS})", links.OPEN)]


def last_links(connection: Connection) -> dict[int, Link]:
    """Return each subject's latest link."""
    return {row["subject"]: Link(*row) for row in connection.execute(f"{_LINKS} ORDER BY started_ms")}


def pin_generation(connection: Connection, subject: int, generation: int) -> None:
    """Let a subject that never had a name have its first under the newest home secret."""
    connection.execute(
        "UPDATE subjects SET generation = ? WHERE subject = ? AND NOT EXISTS (SELECT 1 FROM epochs e WHERE e.subject = subjects.subject)",
        (generation, subject),
    )


def move_link(connection: Connection, moved: Link, state: str, account_key: bytes | None, box: bytes | None, now_ms: int) -> None:
    """Move a link to a state, with the key that was pinned and the box made for it; a linked subject's readings may go."""
    ended_ms = None if state in links.OPEN else now_ms
    connection.execute(
        "UPDATE links SET state = ?, account_key = coalesce(?, account_key), box = coalesce(?, box), ended_ms = ? WHERE link_id = ?",
        (state, account_key, box, ended_ms, moved.link_id),
    )
    if state != links.LINKED:
        return
    subject = connection.execute("SELECT * FROM subjects WHERE subject = ?", (moved.subject,)).fetchone()
    # linked again: the account's earlier link is replaced
    connection.execute("UPDATE recipients SET state = ? WHERE subject = ? AND account_key = ?", (LEAVING, moved.subject, moved.account_key))
    connection.execute(
        "INSERT INTO recipients VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            *(moved.link_id, moved.subject, subject["person_id"], subject["generation"], moved.account_key),
            *(moved.name or subject["name"], LINKED, now_ms),
        ),
    )
    connection.execute(
        "UPDATE subjects SET account_key = coalesce(account_key, ?), linked_ms = coalesce(linked_ms, ?), share_until_ms = NULL,"
        " box_version = box_version + 1 WHERE subject = ?",
        (moved.account_key, now_ms, moved.subject),
    )
    ledger.add(connection, records.LINKED, "account", moved.subject, 1, now_ms)


def recipients(connection: Connection, subject: int) -> list[dict[str, Any]]:
    """Return who holds a box of a subject, the first linked first."""
    return [dict(row) for row in connection.execute("SELECT * FROM recipients WHERE subject = ? ORDER BY since_ms, link_id", (subject,))]


def all_recipients(connection: Connection) -> list[Found]:
    """Return every link there is, with what its subject's newest box is."""
    return connection.execute(
        "SELECT r.*, s.box_version AS newest_box FROM recipients r LEFT JOIN subjects s USING (subject) ORDER BY since_ms, link_id"
    ).fetchall()


def box_taken(connection: Connection, link_id: bytes, version: int) -> None:
    """Note which box the site holds for a link."""
    connection.execute("UPDATE recipients SET box_version = max(box_version, ?) WHERE link_id = ?", (version, link_id))


def leave(connection: Connection, subject: int, link_ids: list[bytes]) -> int:
    """End links; return how many accounts of the subject are left. The site is told until it has heard."""
    connection.executemany("UPDATE recipients SET state = ? WHERE link_id = ?", [(LEAVING, link_id) for link_id in link_ids])
    left = [row for row in recipients(connection, subject) if row["state"] == LINKED]
    first = left[0]["account_key"] if left else None
    connection.execute("UPDATE subjects SET account_key = ?, share_until_ms = NULL WHERE subject = ?", (first, subject))
    return len(left)


def left(connection: Connection, link_id: bytes) -> None:
    """Forget a link that the site has forgotten too."""
    connection.execute("DELETE FROM recipients WHERE link_id = ? AND state = ?", (link_id, LEAVING))


_LINKS = "SELECT link_id, subject, fingerprint, state, started_ms, account_key, box, name FROM links"
_OPEN_MARKS = ", ".join("?" * len(links.OPEN))
