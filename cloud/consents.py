"""What a person accepted, chose and withdrew: which text, in which language, when, and where they said so.

A text is named by the SHA-256 of its bytes, so a record says exactly what was on the screen; every version stays in `texts/` as
PURPOSE.NUMBER.LANGUAGE.txt, and the highest number is in force. Three texts come with every account: the terms of use and the one
necessary cookie, each accepted in a box of its own (clauses R2, R18, R26), and the rules of privacy. Everything else is a choice of
its own, off until its own box is ticked (R32 to R35). A record is never changed: withdrawing adds one, as easily as giving did.

Source: ISO/IEC TS 27560:2023, whose record structure `as_record` gives.
"""

import datetime
import difflib
import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from cloud import wrapping
from cloud.accounts import CONSENTS
from cloud.errors import Declined

TERMS, COOKIES, RULES = "terms", "cookies", "rules"
NEEDED = (TERMS, COOKIES)
ACKNOWLEDGED = (TERMS, COOKIES, RULES)
# Each is asked for by itself: news of products, offers, partners, surveys and contests.
CHOICES = ("products", "offers", "partners", "surveys")
GIVEN, WITHDRAWN = "given", "withdrawn"
METHODS = ("register", "sign-in", "account", "letter")
TEXTS = Path(__file__).parent / "texts"

# GDPR article 6(1); Law 78-17 article 5 says the same (R45).
LEGAL_BASES = {
    TERMS: "contract (GDPR 6(1)(b), Law 78-17 art. 5 2°)",
    COOKIES: "contract (GDPR 6(1)(b), Law 78-17 art. 82: strictly necessary)",
    RULES: "information (GDPR 13)",
    **dict.fromkeys(CHOICES, "consent (GDPR 6(1)(a), Law 78-17 art. 5 1°)"),
}


class Consent(NamedTuple):
    """One record."""

    consent_id: bytes
    purpose: str
    text_digest: bytes
    language: str
    given_utc_s: int
    state: str
    method: str


@cache
def versions(purpose: str, language: str) -> list[int]:
    """Return the numbers of a text's versions, oldest first."""
    pattern = re.compile(rf"{purpose}\.(\d+)\.{language}\.txt")
    return sorted(int(found[1]) for path in TEXTS.iterdir() if (found := pattern.fullmatch(path.name)))


@cache
def text(purpose: str, language: str, version: int | None = None) -> str:
    """Return a text (default: in force), as paragraphs with blank lines between; a line that begins with # is a heading."""
    number = versions(purpose, language)[-1] if version is None else version
    return (TEXTS / f"{purpose}.{number}.{language}.txt").read_text(encoding="utf-8")


def text_digest(purpose: str, language: str, version: int | None = None) -> bytes:
    """Return the name of a text: SHA-256 of its bytes."""
    return wrapping.digest(text(purpose, language, version).encode())


def version_of(consent: Consent) -> int:
    """Return which version a record names, 0 when it is none that is kept here."""
    for version in versions(consent.purpose, consent.language):
        if text_digest(consent.purpose, consent.language, version) == consent.text_digest:
            return version
    return 0


def record(
    connection: Connection, account_id: bytes, purpose: str, language: str, now_utc_s: int, state: str = GIVEN, method: str = "register"
) -> None:
    """Store that the text in force was accepted, or that it is withdrawn."""
    connection.execute(
        insert(CONSENTS).values(
            account_id=account_id,
            consent_id=os.urandom(16),
            purpose=purpose,
            text_digest=text_digest(purpose, language),
            language=language,
            given_utc_s=now_utc_s,
            state=state,
            method=method,
        )
    )


def choose(connection: Connection, account_id: bytes, chosen: set[str], language: str, now_utc_s: int, method: str) -> list[str]:
    """Bring the choices to exactly these; return what changed. Raises Declined("no_such_choice")."""
    if not chosen <= set(CHOICES):
        raise Declined("no_such_choice")
    standing = {purpose for purpose in CHOICES if stands(connection, account_id, purpose)}
    changed = [purpose for purpose in CHOICES if (purpose in chosen) != (purpose in standing)]
    for purpose in changed:
        record(connection, account_id, purpose, language, now_utc_s, GIVEN if purpose in chosen else WITHDRAWN, method)
    return changed


def consents_of(connection: Connection, account_id: bytes) -> list[Consent]:
    """Return every record of an account, oldest first."""
    columns = select(*(CONSENTS.c[name] for name in Consent._fields))
    own = columns.where(CONSENTS.c.account_id == account_id)
    return [Consent(*row) for row in connection.execute(own.order_by(CONSENTS.c.given_utc_s, CONSENTS.c.consent_id))]


def stands(connection: Connection, account_id: bytes, purpose: str) -> bool:
    """Whether a consent stands at this moment: the last record of its purpose says given."""
    return latest(consents_of(connection, account_id)).get(purpose, WITHDRAWN) == GIVEN


def latest(records: list[Consent]) -> dict[str, str]:
    """Return the state of each purpose; of records of one second, a withdrawal is the last."""
    ordered = sorted(records, key=lambda each: (each.given_utc_s, each.state == WITHDRAWN))
    return {each.purpose: each.state for each in ordered}


def to_acknowledge(records: list[Consent]) -> list[tuple[str, Consent | None]]:
    """Return the texts that changed since this person last read them, each with the record of what they read."""
    changed: list[tuple[str, Consent | None]] = []
    for purpose in ACKNOWLEDGED:
        own = [each for each in records if each.purpose == purpose and each.state == GIVEN]
        # the two languages of a version are one version
        if not any(version_of(each) == versions(purpose, each.language)[-1] for each in own):
            changed.append((purpose, max(own, key=version_of) if own else None))
    return changed


def difference(old: str, new: str) -> list[tuple[str, str]]:
    """Return what changed from text to text, by paragraphs: ("same" | "added" | "removed", paragraph)."""
    before, after = ([" ".join(part.split()) for part in each.split("\n\n") if part.strip()] for each in (old, new))
    parts: list[tuple[str, str]] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            parts += [("same", part) for part in before[i:j]]
        else:
            parts += [("removed", part) for part in before[i:j]] + [("added", part) for part in after[k:m]]
    return parts


def as_record(consent: Consent, account_id: bytes, controller: str) -> dict[str, object]:
    """Return a record in the structure of ISO/IEC TS 27560 (clause 6): header, processing, and the one event."""
    moment = datetime.datetime.fromtimestamp(consent.given_utc_s, datetime.UTC).isoformat()
    return {
        "schema_version": "ISO/IEC TS 27560:2023",
        "record_id": consent.consent_id.hex(),
        "pii_principal_id": account_id.hex(),
        "pii_processing": {
            "privacy_notice": {"name": consent.purpose, "version": version_of(consent), "sha256": consent.text_digest.hex()},
            "language": consent.language,
            "purpose": consent.purpose,
            "lawful_basis": LEGAL_BASES[consent.purpose],
            "pii_information": ["e-mail address"],
            "pii_controllers": [controller],
            "storage_condition": "until the account is erased",
            "withdrawal_method": "the account page, or the link in every such letter"
            if consent.purpose in CHOICES
            else "erasing the account",
        },
        "party_identification": [{"role": "PII controller", "contact": controller}],
        "event": {"state": consent.state, "time": moment, "method": consent.method, "type": "explicit"},
    }
