"""Linking a person or a room to an account, as the home sees it: a code is typed, a key is asked for, checked, and the box is sent.

The code carries the fingerprint of the account's key, so the key that comes back over the net is pinned or refused here. Each message goes
again until it is answered, because neither the broker nor the site promises to keep it; after 15 minutes the code is dead.
The messages themselves stand in `protocol/linking.py`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway import sealing
from gateway.errors import IllegalEvent, LinkRefused
from gateway.pseudonyms import Keys
from protocol import linking
from protocol.errors import ProtocolError

# States: what is true of a link.
ASKING = "asking"  # the site was asked for the account's key
SENDING = "sending"  # the key fits and is pinned; the box is on its way
LINKED = "linked"
REFUSED = "refused"  # the key does not fit the code: somebody between, or a slip in typing that hit another code
EXPIRED = "expired"

# Events: what happened.
KEY_FITS = "key_fits"
KEY_DIFFERS = "key_differs"
SITE_LINKED = "site_linked"
SITE_EXPIRED = "site_expired"
TOO_LATE = "too_late"

TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    ASKING: {KEY_FITS: SENDING, KEY_DIFFERS: REFUSED, SITE_EXPIRED: EXPIRED, TOO_LATE: EXPIRED},
    SENDING: {KEY_FITS: SENDING, KEY_DIFFERS: SENDING, SITE_LINKED: LINKED, SITE_EXPIRED: EXPIRED, TOO_LATE: EXPIRED},
    LINKED: {KEY_FITS: LINKED, KEY_DIFFERS: LINKED, SITE_LINKED: LINKED, SITE_EXPIRED: LINKED},
    REFUSED: {KEY_FITS: REFUSED, KEY_DIFFERS: REFUSED},
    EXPIRED: {KEY_FITS: EXPIRED, KEY_DIFFERS: EXPIRED, SITE_LINKED: EXPIRED, SITE_EXPIRED: EXPIRED},
}
OPEN = (ASKING, SENDING)

LIVES_MS = 15 * 60 * 1000
AGAIN_MS = 3000


@dataclass(frozen=True, slots=True)
class Link:
    """One attempt to link a subject; fingerprint: 80 bits of the SHA-256 of the key that is expected."""

    link_id: bytes
    subject: int
    fingerprint: bytes
    state: str
    started_ms: int
    account_key: bytes | None = None
    box: bytes | None = None


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEvent(state, event) from None


def begin(typed: str, subject: int, now_ms: int) -> Link:
    """Return the Link that a typed code begins. Raises LinkRefused: it is no code."""
    try:
        code = linking.parse_code(typed)
    except ProtocolError:
        raise LinkRefused("link.no_code") from None
    return Link(code.link_id, subject, code.fingerprint, ASKING, now_ms)


def event_of(link: Link, message: linking.Message) -> str | None:
    """Return what a message from the site means for a link; None: nothing."""
    if message.kind == linking.ANSWER:
        same = secrets.compare_digest(linking.fingerprint(message.body), link.fingerprint)
        return KEY_FITS if same else KEY_DIFFERS
    if message.kind == linking.LINKED:
        return SITE_LINKED if message.body == linking.DONE else SITE_EXPIRED
    return None


def box_for(keys: Keys, account_key: bytes, label: str, kind: int) -> bytes:
    """Return what the account's owner needs to find, open and erase what is theirs, closed to the account's key."""
    plain = linking.encode_box(linking.Box(keys.pseudonym, keys.root_key, keys.write_seed, label, kind))
    return sealing.close_to(account_key, plain, linking.BOX_INFO)


def message_for(link: Link) -> bytes | None:
    """Return what to send (again) while the link is in its state; None: nothing is owed."""
    if link.state == ASKING:
        return bytes(linking.encode_message(linking.ASK, link.link_id))
    if link.state == SENDING and link.box is not None:
        return bytes(linking.encode_message(linking.BOX, link.link_id, link.box))
    return None
