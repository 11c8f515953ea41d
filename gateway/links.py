"""Linking a person or a room to an account, as the home sees it: a code is typed, a key is asked for, checked, and the box is sent.

The code carries the fingerprint of the account's key, so the key that comes back over the net is pinned or refused here. Each message goes
again until it is answered, because neither the broker nor the site promises to keep it; after 15 minutes the code is dead.
The messages themselves stand in `protocol/linking.py`.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import sealing
from gateway.errors import IllegalEvent, LinkRefused
from gateway.pseudonyms import Keyring, Keys, hkdf
from protocol import cbor, linking
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
    """One attempt to link a subject; fingerprint: 80 bits of the SHA-256 of the expected key; name: of whose account it is."""

    link_id: bytes
    subject: int
    fingerprint: bytes
    state: str
    started_ms: int
    account_key: bytes | None = None
    box: bytes | None = None
    name: str = ""


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEvent(state, event) from None


def begin(typed: str, subject: int, now_ms: int, name: str = "") -> Link:
    """Return the Link that a typed code begins. Raises LinkRefused: it is no code."""
    try:
        code = linking.parse_code(typed)
    except ProtocolError:
        raise LinkRefused("link.no_code") from None
    return Link(code.link_id, subject, code.fingerprint, ASKING, now_ms, name=name)


def event_of(link: Link, message: linking.Message) -> str | None:
    """Return what a message from the site means for a link; None: nothing."""
    if message.kind == linking.ANSWER:
        same = secrets.compare_digest(linking.fingerprint(message.body), link.fingerprint)
        return KEY_FITS if same else KEY_DIFFERS
    if message.kind == linking.LINKED:
        return SITE_LINKED if message.body == linking.DONE else SITE_EXPIRED
    return None


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """What one link is talked about under: derived, so that it is never stored."""

    seed: bytes = field(repr=False)
    approval_key: bytes = field(repr=False)
    tag: bytes

    @property
    def public(self) -> bytes:
        """Return the public half of the link's key."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes by which the site knows that this link's home spoke."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def decided(self, decision: linking.Decision) -> bool:
        """Return whether the account itself decided so, and nobody between."""
        mac = hmac.digest(self.approval_key, linking.decision_message(decision.request_id, decision.decision), "sha256")
        return secrets.compare_digest(mac, decision.mac)


def keys_of_link(keyring: Keyring, generation: int, person_id: bytes, link_id: bytes, account_key: bytes) -> LinkKeys:
    """Return the LinkKeys of a link; its tag depends on person and account only, so it outlives the link and a stolen secret."""

    def derive(secret: bytes, label: str, about: bytes, length: int) -> bytes:
        return hkdf(b"", secret, cbor.encode([label, person_id, about]), length)

    secret = keyring.secrets[generation]
    tag = derive(keyring.secrets[0], "foyer link tag", account_key, linking.TAG_BYTES)
    return LinkKeys(derive(secret, "foyer link key", link_id, 32), derive(secret, "foyer approval key", link_id, 32), tag)


def box_for(subject: Mapping[str, Any], names: Sequence[Keys], link: LinkKeys, account_key: bytes, recipients: Sequence[str]) -> bytes:
    """Return what the account's owner needs to find, open and erase what is theirs, closed to the account's key.

    names: of every epoch that stands, the oldest first; recipients: the names of all who hold a box.
    """
    epochs = [linking.Epoch(keys.pseudonym, keys.root_key, keys.write_seed) for keys in names]
    plain = linking.encode_box(linking.Box(subject["name"], subject["kind"], link.tag, link.approval_key, epochs, list(recipients)))
    return sealing.close_to(account_key, plain, linking.BOX_INFO)


def message_for(link: Link, public_key: bytes) -> bytes | None:
    """Return what to send (again) while the link is in its state; None: nothing is owed. public_key: the link's own."""
    if link.state == ASKING:
        return bytes(linking.encode_message(linking.ASK, link.link_id))
    if link.state == SENDING and link.box is not None:
        return bytes(linking.encode_message(linking.BOX, link.link_id, link.box, public_key))
    return None
