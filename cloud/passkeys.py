"""Passkeys (W3C WebAuthn level 3): a way in that opens the readings by its PRF extension, or else a second factor (threats T7).

A passkey with PRF gives 32 bytes that only it can give, for this site and this account; the account's private key lies under them, as
it does under the password's. A passkey without PRF can prove that its person is there and can open nothing: from then on the
password alone does not sign in, and the passkey is asked besides. Nobody holds a copy of either, so there is no escrow.

Challenges live in memory, serve once and for five minutes. The work of verifying is webauthn's.
"""

import json
import os
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import webauthn
from sqlalchemy import Connection, delete, insert, select, update
from webauthn.helpers import bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cloud import notes, wrapping
from cloud.accounts import PASSKEYS
from cloud.errors import CannotUnwrap, Declined
from protocol import cbor

CHALLENGE_LIFE_S, CHALLENGES_AT_MOST = 300, 10_000
PASSKEYS_AT_MOST = 10
LONGEST_NAME = 40
PRF_BYTES = 32
# What a passkey's PRF is asked for: the same for everybody, because each passkey answers with bytes of its own.
PRF_SALT = wrapping.digest(b"foyer passkey prf 1")
_BOX_PURPOSE = b"foyer passkey\x00"
_WRAP_PURPOSE = b"foyer passkey private key\x00"


class Passkey(NamedTuple):
    """One passkey as it is kept."""

    credential_digest: bytes
    credential_id: bytes
    public_key: bytes
    sign_count: int
    name: str
    opens: bool

    @property
    def number(self) -> str:
        """What names it in a page."""
        return self.credential_digest.hex()[:16]

    def __repr__(self) -> str:
        return "Passkey(***)"


class Challenges:
    """What browsers were asked to sign and have not answered yet: by use and by whose it is."""

    def __init__(self) -> None:
        self._given: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def new(self, use: str) -> bytes:
        """Return a fresh challenge for one use."""
        challenge = os.urandom(32)
        self._given[challenge] = (use, time.monotonic() + CHALLENGE_LIFE_S)
        while len(self._given) > CHALLENGES_AT_MOST:
            self._given.popitem(last=False)
        return challenge

    def take(self, challenge: bytes, use: str) -> bytes:
        """Return a challenge that was given for this use; it serves no second time. Raises Declined("passkey_wrong")."""
        given, until_s = self._given.pop(challenge, ("", 0.0))
        if given != use or time.monotonic() > until_s:
            raise Declined("passkey_wrong")
        return challenge


class Realm(NamedTuple):
    """For which site passkeys are: its domain and its whole address."""

    domain: str
    address: str


def options_to_add(realm: Realm, challenge: bytes, user_id: bytes, email: str, own: list[Passkey]) -> dict[str, Any]:
    """Return what a browser is asked for to make a passkey."""
    options = webauthn.generate_registration_options(
        rp_id=realm.domain,
        rp_name="Foyer",
        user_id=user_id,
        user_name=email,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each.credential_id) for each in own],
    )
    return _with_prf(options_to_json(options))


def options_to_sign_in(realm: Realm, challenge: bytes, own: list[Passkey]) -> dict[str, Any]:
    """Return what a browser is asked for to prove a passkey: any of this site, or one of these."""
    options = webauthn.generate_authentication_options(
        rp_id=realm.domain,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=each.credential_id) for each in own],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _with_prf(options_to_json(options))


def check_made(realm: Realm, credential: dict[str, Any], challenges: Challenges, use: str, name: str, prf: bytes | None) -> Passkey:
    """Return the passkey that a browser made. Raises Declined("passkey_wrong")."""
    challenge = challenges.take(_challenge_of(credential), use)
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=realm.domain,
            expected_origin=realm.address,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Declined("passkey_wrong") from None
    words = notes.check_words(name[:LONGEST_NAME]) or "Passkey"
    digest = wrapping.digest(made.credential_id)
    return Passkey(digest, made.credential_id, made.credential_public_key, made.sign_count, words, prf is not None)


def check_proof(realm: Realm, credential: dict[str, Any], challenges: Challenges, use: str, passkey: Passkey) -> Passkey:
    """Return the passkey with its new count, after its proof held. Raises Declined("passkey_wrong")."""
    challenge = challenges.take(_challenge_of(credential), use)
    try:
        proved = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=realm.domain,
            expected_origin=realm.address,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Declined("passkey_wrong") from None
    return passkey._replace(sign_count=proved.new_sign_count)


def credential_digest(credential: dict[str, Any]) -> bytes:
    """Return by what a passkey is found. Raises Declined("passkey_wrong"): the browser's answer names none."""
    name = credential.get("rawId")
    if not isinstance(name, str) or len(name) > 1400:
        raise Declined("passkey_wrong")
    try:
        return wrapping.digest(webauthn.base64url_to_bytes(name))
    except ValueError:
        raise Declined("passkey_wrong") from None


def keep(
    connection: Connection, account_id: bytes, erasure_key: bytes, passkey: Passkey, private_key: bytes, prf: bytes | None, pepper: bytes
) -> None:
    """Store a new passkey; with PRF the account's private key lies under it. Raises Declined("passkey_too_many")."""
    if len(passkeys_of(connection, account_id, erasure_key)) >= PASSKEYS_AT_MOST:
        raise Declined("passkey_too_many")
    wrap = None
    if prf is not None:
        purpose = _WRAP_PURPOSE + account_id
        wrap = wrapping.wrap(erasure_key, wrapping.wrap(_key(prf, pepper), private_key, purpose), purpose)
    values = {"credential_digest": passkey.credential_digest, "account_id": account_id, "wrap": wrap}
    connection.execute(insert(PASSKEYS).values(**values, box=_box(passkey, account_id, erasure_key)))


def used(connection: Connection, account_id: bytes, erasure_key: bytes, passkey: Passkey) -> None:
    """Keep the new count of a passkey: one that falls back is a copy."""
    own = PASSKEYS.c.credential_digest == passkey.credential_digest
    connection.execute(update(PASSKEYS).where(own).values(box=_box(passkey, account_id, erasure_key)))


def whose(connection: Connection, digest: bytes) -> bytes | None:
    """Return whose account a passkey is for, or None: it is none of ours."""
    return connection.execute(select(PASSKEYS.c.account_id).where(PASSKEYS.c.credential_digest == digest)).scalar_one_or_none()


def passkeys_of(connection: Connection, account_id: bytes, erasure_key: bytes) -> list[Passkey]:
    """Return the passkeys of an account."""
    found = connection.execute(select(PASSKEYS).where(PASSKEYS.c.account_id == account_id).order_by(PASSKEYS.c.credential_digest))
    passkeys = []
    for row in found:
        fields = cbor.decode(wrapping.unwrap(erasure_key, row.box, _BOX_PURPOSE + account_id))
        if isinstance(fields, dict):
            passkeys.append(Passkey(row.credential_digest, fields[0], fields[1], fields[2], fields[3], row.wrap is not None))
    return passkeys


def private_key(connection: Connection, account_id: bytes, erasure_key: bytes, digest: bytes, prf: bytes, pepper: bytes) -> bytes:
    """Return the account's private key by a passkey's PRF. Raises CannotUnwrap: another passkey's, or it opens nothing."""
    own = (PASSKEYS.c.credential_digest == digest) & (PASSKEYS.c.account_id == account_id)
    wrap = connection.execute(select(PASSKEYS.c.wrap).where(own)).scalar_one_or_none()
    if wrap is None:
        raise CannotUnwrap("passkey")
    purpose = _WRAP_PURPOSE + account_id
    return wrapping.unwrap(_key(prf, pepper), wrapping.unwrap(erasure_key, wrap, purpose), purpose)


def is_asked_besides(connection: Connection, account_id: bytes) -> bool:
    """Whether the password alone does not sign in: there is a passkey that is a second factor."""
    own = (PASSKEYS.c.account_id == account_id) & PASSKEYS.c.wrap.is_(None)
    return connection.execute(select(PASSKEYS.c.account_id).where(own).limit(1)).first() is not None


def remove(connection: Connection, account_id: bytes, digest: bytes) -> bool:
    """Forget a passkey; return whether there was one."""
    own = (PASSKEYS.c.account_id == account_id) & (PASSKEYS.c.credential_digest == digest)
    return bool(connection.execute(delete(PASSKEYS).where(own)).rowcount)


def _key(prf: bytes, pepper: bytes) -> bytes:
    return wrapping.hkdf(pepper, prf, b"foyer passkey 1 wrap", 32)


def _box(passkey: Passkey, account_id: bytes, erasure_key: bytes) -> bytes:
    fields = {0: passkey.credential_id, 1: passkey.public_key, 2: passkey.sign_count, 3: passkey.name}
    return wrapping.wrap(erasure_key, cbor.encode(fields), _BOX_PURPOSE + account_id)


def _challenge_of(credential: dict[str, Any]) -> bytes:
    """Which challenge a browser says that it answers; whether it does, the signature tells."""
    try:
        said = json.loads(webauthn.base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return webauthn.base64url_to_bytes(said["challenge"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Declined("passkey_wrong") from None


def _with_prf(options: str) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(options)
    asked["extensions"] = {"prf": {"eval": {"first": bytes_to_base64url(PRF_SALT)}}}
    return asked
