"""What the home asks of accounts, kept until it is answered, and done in the same transaction as the answer is written down.

Each function is a question in the sense of `questions.py`. Whether anybody has to be asked stands in `approvals.py`.
"""

import json
from collections.abc import Mapping
from sqlite3 import Connection
from sqlite3 import Row as Found
from typing import Any

from gateway import approvals
from gateway.edges import custody, linkbook, places
from gateway.edges.custody import Choice, Custody
from protocol import linking

Facts = Mapping[str, Any]


def ask_or_do(connection: Connection, book: Custody, subject: int, what: str, facts: Facts, now_ms: int) -> bool:
    """Do something to what a subject has, or ask the account that has a say; return whether it is done.

    The same thing asked again while it waits is one request.
    """
    row = connection.execute("SELECT * FROM subjects WHERE subject = ?", (subject,)).fetchone()
    if row is None:
        return False
    if not approvals.approvers(row, linkbook.recipients(connection, subject)):
        return do(connection, book, subject, what, facts, now_ms)
    known = connection.execute(
        "SELECT 1 FROM requests WHERE subject = ? AND what = ? AND facts = ? AND state = ?",
        (subject, what, _text(facts), approvals.OPEN),
    ).fetchone()
    if known is None:
        connection.execute(
            "INSERT INTO requests (request_id, subject, what, facts, made_ms) VALUES (?, ?, ?, ?, ?)",
            (book.random(linking.REQUEST_ID_BYTES), subject, what, _text(facts), now_ms),
        )
    return False


def decide(connection: Connection, book: Custody, recipient: Found, decision: linking.Decision, now_ms: int) -> str | None:
    """Take a decision whose MAC was checked; return the request's new state, None: it changes nothing.

    Who decides must have a say now, whoever had one when it was asked. A FAREWELL ends the link of whoever said it.
    """
    if decision.request_id == linking.FAREWELL:
        if decision.decision != linking.APPROVED or recipient["state"] != linkbook.LINKED:
            return None
        unlink(connection, book, recipient["subject"], recipient["link_id"])
        return approvals.DONE
    request = connection.execute("SELECT * FROM requests WHERE request_id = ?", (decision.request_id,)).fetchone()
    subject = connection.execute("SELECT * FROM subjects WHERE subject = ?", (recipient["subject"],)).fetchone()
    if request is None or subject is None or request["subject"] != recipient["subject"]:
        return None
    having_a_say = approvals.approvers(subject, linkbook.recipients(connection, recipient["subject"]))
    if recipient["link_id"] not in [each["link_id"] for each in having_a_say]:
        return None
    event = approvals.ALLOWED if decision.decision == linking.APPROVED else approvals.REFUSED
    state = approvals.after(request["state"], event)
    if state == request["state"]:
        return None
    connection.execute("UPDATE requests SET state = ?, decided_ms = ? WHERE request_id = ?", (state, now_ms, decision.request_id))
    if state == approvals.DONE:
        do(connection, book, request["subject"], request["what"], json.loads(request["facts"]), now_ms)
    return state


def do(connection: Connection, book: Custody, subject: int, what: str, facts: Facts, now_ms: int) -> bool:
    """Do what was asked; return False if it no longer applies."""
    if what in (approvals.GIVE, approvals.FORGET):
        reading = facts["reading"]
        row = connection.execute("SELECT subject FROM readings WHERE reading = ?", (reading,)).fetchone()
        if row is None or row["subject"] != subject:
            return False  # moved meanwhile
        if what == approvals.GIVE:
            return book.give(connection, reading, facts["to"], "by_hand")
        if facts.get("undo") and book.put_down(connection, reading):
            return True
        book.forget(connection, [reading], "by_hand")
        return True
    if what == approvals.SPLIT:
        for reading in custody.chosen(connection, subject, Choice(*facts["choice"])):
            book.give(connection, reading, facts["to"], "by_hand")
        return True
    if what == approvals.UNLINK:
        return unlink(connection, book, subject, bytes.fromhex(facts["link"]))
    if what == approvals.SHARE:
        connection.execute("UPDATE subjects SET share_until_ms = ? WHERE subject = ?", (now_ms + approvals.SHARING_MS, subject))
        return True
    if what == approvals.ERASE:
        book.erase_subject(connection, subject)
        return True
    return False


def unlink(connection: Connection, book: Custody, subject: int, link_id: bytes) -> bool:
    """End an account's link: those that remain go on under a new name; after the last, nothing is left in the account store."""
    row = connection.execute("SELECT * FROM subjects WHERE subject = ?", (subject,)).fetchone()
    going = [] if row is None else approvals.who_leave(row, linkbook.recipients(connection, subject), link_id)
    if not going:
        return False
    if linkbook.leave(connection, subject, going) == 0:
        book.erase_names(connection, subject)
        connection.execute(
            "UPDATE readings SET place = ?, row_id = NULL WHERE subject = ? AND place IN (?, ?, ?)",
            (places.HOME, subject, places.SEALED, places.ACCOUNT, places.CONFLICT),
        )
    book.rotate(connection, subject)
    return True


def expire(connection: Connection, now_ms: int) -> int:
    """End requests that nobody answered in time; return how many."""
    return connection.execute(
        "UPDATE requests SET state = ?, decided_ms = ? WHERE state = ? AND made_ms < ?",
        (approvals.EXPIRED, now_ms, approvals.OPEN, now_ms - approvals.LIVES_MS),
    ).rowcount


def open_requests(connection: Connection, subject: int | None = None) -> list[Found]:
    """Return the requests that wait for an account's word, the oldest first."""
    return connection.execute(
        "SELECT * FROM requests WHERE state = ? AND (? IS NULL OR subject = ?) ORDER BY made_ms, request_id",
        (approvals.OPEN, subject, subject),
    ).fetchall()


def last_requests(connection: Connection, limit: int) -> list[Found]:
    """Return the newest requests, answered or not."""
    return connection.execute("SELECT * FROM requests ORDER BY made_ms DESC LIMIT ?", (limit,)).fetchall()


def in_words_of(connection: Connection, request: Found) -> linking.Request:
    """Return what the account is shown of a request: what, who else it is about, of how many readings, the first of them when."""
    facts = json.loads(request["facts"])
    name, numbers = "", []
    if request["what"] in (approvals.GIVE, approvals.FORGET):
        numbers = [facts["reading"]]
    elif request["what"] == approvals.SPLIT:
        numbers = custody.chosen(connection, request["subject"], Choice(*facts["choice"]))
    if facts.get("to") is not None:
        row = connection.execute("SELECT name FROM subjects WHERE subject = ?", (facts["to"],)).fetchone()
        name = "" if row is None else row["name"]
    elif request["what"] == approvals.UNLINK:
        row = connection.execute("SELECT name FROM recipients WHERE link_id = ?", (bytes.fromhex(facts["link"]),)).fetchone()
        name = "" if row is None else row["name"]
    elif request["what"] == approvals.SHARE:
        name = facts.get("name", "")
    marks = ", ".join("?" * len(numbers[:500]))
    first = connection.execute(f"SELECT min(utc_s) FROM readings WHERE reading IN ({marks})", numbers[:500]).fetchone()[0]  # noqa: S608
    return linking.Request(request["what"], name, len(numbers), int(first or 0))


def _text(facts: Facts) -> str:
    return json.dumps(facts, sort_keys=True)
