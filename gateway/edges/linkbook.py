"""What is asked of the home's database about links to accounts; each question one function, as in `questions.py`."""

from sqlite3 import Connection

from gateway import links, records
from gateway.edges import ledger
from gateway.links import Link


def begin_link(connection: Connection, link: Link) -> bool:
    """Write a new link down, ending the subject's earlier attempt; return False if the code was used or the subject is linked."""
    row = connection.execute("SELECT account_key FROM subjects WHERE subject = ?", (link.subject,)).fetchone()
    used = connection.execute("SELECT 1 FROM links WHERE link_id = ?", (link.link_id,)).fetchone()
    if row is None or row["account_key"] is not None or used is not None:
        return False
    connection.execute(
        f"UPDATE links SET state = ?, ended_ms = ? WHERE subject = ? AND state IN ({_OPEN_MARKS})",  # noqa: S608
        (links.EXPIRED, link.started_ms, link.subject, *links.OPEN),
    )
    connection.execute(
        "INSERT INTO links (link_id, subject, fingerprint, state, started_ms) VALUES (?, ?, ?, ?, ?)",
        (link.link_id, link.subject, link.fingerprint, link.state, link.started_ms),
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


def move_link(connection: Connection, moved: Link, state: str, account_key: bytes | None, box: bytes | None, now_ms: int) -> None:
    """Move a link to a state, with the key that was pinned and the box made for it; a linked subject's readings may go."""
    ended_ms = None if state in links.OPEN else now_ms
    connection.execute(
        "UPDATE links SET state = ?, account_key = coalesce(?, account_key), box = coalesce(?, box), ended_ms = ? WHERE link_id = ?",
        (state, account_key, box, ended_ms, moved.link_id),
    )
    if state == links.LINKED:
        connection.execute(
            "UPDATE subjects SET account_key = ?, linked_ms = ? WHERE subject = ?", (moved.account_key, now_ms, moved.subject)
        )
        ledger.add(connection, records.LINKED, "account", moved.subject, 1, now_ms)


_LINKS = "SELECT link_id, subject, fingerprint, state, started_ms, account_key, box FROM links"
_OPEN_MARKS = ", ".join("?" * len(links.OPEN))
