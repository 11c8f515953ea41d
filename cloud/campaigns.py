"""Letters to those who chose them: `./foyer cloud campaign`.

Nobody is on a list. For each account, in the moment before its letter is handed to the mail server, the consent is asked for; it
must stand then, whatever it was when the campaign began. Each letter carries a link of its own that ends its kind with one click,
and is noted in the log of the account it went to; the operator's log says how many, and never to whom.
"""

import base64
import binascii
import smtplib
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from cloud import accounts, audit, consents, letters, stores, wrapping
from cloud.admission import Admission
from cloud.errors import CannotStart, CannotUnwrap
from cloud.letters import Letter
from cloud.post import Refused

_MAC_BYTES = 16


class Texts(NamedTuple):
    """A campaign's own words in one language."""

    subject: str
    body: str


class Tally(NamedTuple):
    """What became of a campaign."""

    sent: int
    without_consent: int
    failed: int


def token(stop_pepper: bytes, account_id: bytes, purpose: str) -> str:
    """Return what a letter's link carries: the account, the purpose, and a MAC that nobody else can make."""
    number = bytes([consents.CHOICES.index(purpose)])
    mac = wrapping.mac(stop_pepper, account_id + number)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(account_id + number + mac).rstrip(b"=").decode()


def parse_token(stop_pepper: bytes, text: str) -> tuple[bytes, str] | None:
    """Return account and purpose of a letter's link, or None: it is none of ours."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    account_id, number = data[:16], data[16:17]
    if len(data) != 17 + _MAC_BYTES or number[0] >= len(consents.CHOICES):
        return None
    purpose = consents.CHOICES[number[0]]
    return (account_id, purpose) if token(stop_pepper, account_id, purpose) == text else None


def stop(admission: Admission, account_id: bytes, purpose: str, language: str, now_utc_s: int) -> None:
    """End a kind of letters for an account; again is as once, and an erased account is done already."""
    with stores.writing(admission.engine) as connection:
        if accounts.account_of(connection, account_id) is None or not consents.stands(connection, account_id, purpose):
            return
        consents.record(connection, account_id, purpose, language, now_utc_s, consents.WITHDRAWN, "letter")
        audit.write(connection, account_id, admission.erasure.of(account_id), "consent-withdrawn", now_utc_s, purpose=purpose)


def read_texts(words: dict[str, str]) -> dict[str, Texts]:
    """Return a campaign's texts from its words by language: the first line is the subject. Raises CannotStart: one says nothing."""
    texts = {}
    for language in letters.LANGUAGES:
        subject, _, body = words[language].partition("\n")
        if not subject.strip() or not body.strip():
            raise CannotStart(f"The campaign's {language} text needs a subject in its first line and words below it.")
        texts[language] = Texts(subject.strip(), body.strip())
    return texts


def run(admission: Admission, purpose: str, texts: dict[str, Texts], send: Callable[[Letter], None]) -> Tally:
    """Send to everybody whose consent stands at that moment; return the tally, which is in the operator's log as well.

    send(letter): hands it to a mail server.
    """
    with admission.engine.connect() as connection:
        ids = accounts.account_ids(connection)
    outcomes = Counter(_one(admission, account_id, purpose, texts, send) for account_id in ids)
    tally = Tally(*(outcomes[name] for name in Tally._fields))
    with stores.writing(admission.engine) as connection:
        audit.write_for_operator(connection, "campaign", purpose=purpose, **{name: str(count) for name, count in tally._asdict().items()})
    return tally


def _one(admission: Admission, account_id: bytes, purpose: str, texts: dict[str, Texts], send: Callable[[Letter], None]) -> str:
    # asked in the moment before the letter goes: no list is made beforehand
    with admission.engine.connect() as connection:
        if not (accounts.is_confirmed(connection, account_id) and consents.stands(connection, account_id, purpose)):
            return "without_consent"
    try:
        to, language = admission.address_and_language(account_id)
        erasure_key = admission.erasure.of(account_id)
    except CannotUnwrap:
        return "without_consent"
    link = f"{admission.letters_lead_to}/{language}/stop/{token(admission.pepper.stop, account_id, purpose)}"
    composed = letters.compose("campaign", language, to, body=texts[language].body, link=link)
    try:
        send(composed._replace(subject=texts[language].subject, stop_link=link))
    except (Refused, OSError, smtplib.SMTPException):
        return "failed"
    with stores.writing(admission.engine) as connection:
        audit.write(connection, account_id, erasure_key, "letter-sent", int(time.time()), purpose=purpose)
    return "sent"
