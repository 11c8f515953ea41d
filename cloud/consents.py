"""What a person accepted: which text, in which language, when.

A text is named by the SHA-256 of its bytes, so a record says exactly what was on the screen; the texts of every version stay in
`texts/`. For an account two are needed: the terms of use, and the one necessary cookie (clauses R2, R18, R26).
"""

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from cloud import wrapping
from cloud.accounts import CONSENTS

TERMS, COOKIES = "terms", "cookies"
NEEDED = (TERMS, COOKIES)
TEXTS = Path(__file__).parent / "texts"


class Consent(NamedTuple):
    """One record."""

    purpose: str
    text_digest: bytes
    language: str
    given_utc_s: int


@cache
def text(purpose: str, language: str) -> str:
    """Return the text in force, as paragraphs with blank lines between; a line that begins with # is a heading."""
    return (TEXTS / f"{purpose}.{language}.txt").read_text(encoding="utf-8")


def text_digest(purpose: str, language: str) -> bytes:
    """Return the name of the text in force: SHA-256 of its bytes."""
    return wrapping.digest(text(purpose, language).encode())


def record(connection: Connection, account_id: bytes, purpose: str, language: str, now_utc_s: int) -> None:
    """Store that the text in force was accepted."""
    connection.execute(
        insert(CONSENTS).values(
            account_id=account_id,
            consent_id=os.urandom(16),
            purpose=purpose,
            text_digest=text_digest(purpose, language),
            language=language,
            given_utc_s=now_utc_s,
        )
    )


def consents_of(connection: Connection, account_id: bytes) -> list[Consent]:
    """Return what an account accepted, oldest first."""
    columns = select(CONSENTS.c.purpose, CONSENTS.c.text_digest, CONSENTS.c.language, CONSENTS.c.given_utc_s)
    own = columns.where(CONSENTS.c.account_id == account_id)
    return [Consent(*row) for row in connection.execute(own.order_by(CONSENTS.c.given_utc_s))]
