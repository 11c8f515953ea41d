"""Letters to a person: what they say, and where they wait until a mail server has taken them.

A letter waits in the accounts store, sealed under the account's erasure key, because an address is personal and a mail server may be
away. It is written in the transaction of what it tells, so nothing is told that did not happen. The texts stand in `texts/` as
letter.NAME.LANGUAGE.txt: the subject in the first line. Sending is the edge's work (cloud/post.py).
"""

import os
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from cloud import wrapping
from cloud.accounts import LETTERS
from protocol import cbor

TEXTS = Path(__file__).parent / "texts"
LANGUAGES = ("en", "fr")
# A minute, then longer: a letter that no server takes in two days is given up, and the person can ask again.
RETRY_AFTER_S = (60, 300, 1800, 7200, 21600, 43200, 86400)
_PURPOSE = b"foyer letter\x00"


class Letter(NamedTuple):
    """One letter; stop_link: where one click ends letters of this kind, "" for those that are no choice."""

    to: str
    subject: str
    body: str
    stop_link: str = ""

    def __repr__(self) -> str:
        return "Letter(***)"


class Waiting(NamedTuple):
    """A letter in its place in the store, still sealed."""

    account_id: bytes
    letter_id: bytes
    box: bytes
    tries: int


@cache
def template(name: str, language: str) -> tuple[str, str]:
    """Return subject and body of a letter with its %(facts)s still open."""
    subject, _, body = (TEXTS / f"letter.{name}.{language}.txt").read_text(encoding="utf-8").partition("\n")
    return subject, body.strip() + "\n"


def compose(name: str, language: str, to: str, **facts: str) -> Letter:
    """Return a letter in a person's language."""
    subject, body = template(name, language)
    return Letter(to, subject, body % facts)


def queue(connection: Connection, account_id: bytes, erasure_key: bytes, letter: Letter, now_utc_s: int) -> None:
    """Let a letter wait for the post."""
    box = wrapping.wrap(erasure_key, cbor.encode(list(letter)), _PURPOSE + account_id)
    connection.execute(insert(LETTERS).values(account_id=account_id, letter_id=os.urandom(16), box=box, due_utc_s=now_utc_s, tries=0))


def due(connection: Connection, now_utc_s: int) -> list[Waiting]:
    """Return the letters whose time has come."""
    columns = select(LETTERS.c.account_id, LETTERS.c.letter_id, LETTERS.c.box, LETTERS.c.tries)
    found = connection.execute(columns.where(LETTERS.c.due_utc_s <= now_utc_s).order_by(LETTERS.c.due_utc_s).limit(50))
    return [Waiting(*row) for row in found]


def opened(waiting: Waiting, erasure_key: bytes) -> Letter:
    """Return the letter. Raises CannotUnwrap: the account was erased."""
    fields = cbor.decode(wrapping.unwrap(erasure_key, waiting.box, _PURPOSE + waiting.account_id))
    return Letter(*(str(field) for field in fields)) if isinstance(fields, list) else Letter("", "", "")


def waiting_of(connection: Connection, account_id: bytes, erasure_key: bytes) -> list[Letter]:
    """Return the letters to an account that are not sent yet."""
    columns = select(LETTERS.c.account_id, LETTERS.c.letter_id, LETTERS.c.box, LETTERS.c.tries)
    found = connection.execute(columns.where(LETTERS.c.account_id == account_id).order_by(LETTERS.c.due_utc_s))
    return [opened(Waiting(*row), erasure_key) for row in found]


def done(connection: Connection, waiting: Waiting) -> None:
    """Forget a letter: it was taken, or given up."""
    connection.execute(delete(LETTERS).where(LETTERS.c.account_id == waiting.account_id, LETTERS.c.letter_id == waiting.letter_id))


def later(connection: Connection, waiting: Waiting, now_utc_s: int) -> bool:
    """Put a letter off; return False when it was given up instead."""
    if waiting.tries >= len(RETRY_AFTER_S):
        done(connection, waiting)
        return False
    own = (LETTERS.c.account_id == waiting.account_id) & (LETTERS.c.letter_id == waiting.letter_id)
    connection.execute(update(LETTERS).where(own).values(tries=waiting.tries + 1, due_utc_s=now_utc_s + RETRY_AFTER_S[waiting.tries]))
    return True


def as_message(letter: Letter, sender: str) -> EmailMessage:
    """Return the letter as RFC 5322 has it; no header can be smuggled in: the library refuses line ends."""
    message = EmailMessage()
    message["From"] = Address("Foyer", addr_spec=sender)
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    if letter.stop_link:
        # RFC 8058: mail programs offer one click
        message["List-Unsubscribe"] = f"<{letter.stop_link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.body)
    return message
