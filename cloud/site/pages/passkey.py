"""Passkeys on the site: making one, signing in with one, proving one after the password, and forgetting one.

Their scripts speak JSON with these addresses; what goes wrong comes back as a sentence that the page shows.
"""

import binascii
import ipaddress
import json
import time
from typing import Any
from urllib.parse import urlsplit

import webauthn
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud import audit, passkeys, sessions, stores, wrapping
from cloud.errors import CannotUnwrap, Declined
from cloud.passkeys import PRF_BYTES, Passkey, Realm
from cloud.sessions import Session
from cloud.site.languages import Tongue
from cloud.site.premises import Premises, Visitor, browser_of, go, language_of, network_asking, premises_of, show, signed_in
from cloud.site.sentences import DECLINED


def realm_of(premises: Premises) -> Realm | None:
    """Return for what site passkeys are made here, or None: an address in numbers has none."""
    domain = urlsplit(premises.settings.address).hostname or ""
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return Realm(domain, premises.settings.address)
    return None


@signed_in
async def add_options(request: Request, visitor: Visitor) -> Response:
    """Return what the browser is asked for to make a passkey, after the password once more."""
    form = await request.form()
    premises, realm = visitor.premises, _realm(request)
    whose = visitor.account_id.hex()
    try:
        premises.limiter.check("wrong for an address", whose, time.monotonic())
        await premises.slowly(premises.admission.check_again, visitor.account_id, str(form.get("password", "")))
    except Declined as declined:
        premises.limiter.count("wrong for an address", whose, time.monotonic())
        return _declined(request, declined)
    email = premises.admission.address_of(visitor.account_id)
    with premises.accounts.connect() as connection:
        own = passkeys.passkeys_of(connection, visitor.account_id, visitor.erasure_key())
    challenge = premises.challenges.new(f"add {whose}")
    user_id = wrapping.mac(premises.pepper.link, b"passkey" + visitor.account_id)
    return JSONResponse(passkeys.options_to_add(realm, challenge, user_id, email, own))


@signed_in
async def add(request: Request, visitor: Visitor) -> Response:
    """Keep a passkey that the browser made."""
    realm = _realm(request)
    try:
        said = await _said(request)
        await run_in_threadpool(_add, visitor, realm, said)
    except Declined as declined:
        return _declined(request, declined)
    return JSONResponse({"go": f"/{language_of(request)}/account?changed=passkey"})


@signed_in
async def remove(request: Request, visitor: Visitor) -> Response:
    """Forget a passkey."""
    form = await request.form()
    await run_in_threadpool(_remove, visitor, str(form.get("passkey", "")))
    return go(request, "account?changed=passkey-gone")


async def sign_in_options(request: Request) -> Response:
    """Return what the browser is asked for to sign in with any passkey of this site."""
    premises, realm = premises_of(request), _realm(request)
    return JSONResponse(passkeys.options_to_sign_in(realm, premises.challenges.new("sign in"), []))


async def sign_in(request: Request) -> Response:
    """Begin a session by a passkey that opens."""
    premises, realm, network = premises_of(request), _realm(request), network_asking(request)
    try:
        premises.limiter.check("wrong from a network", network, time.monotonic())
        said = await _said(request)
        cookie = await run_in_threadpool(_sign_in, request, realm, said)
    except Declined as declined:
        premises.limiter.count("wrong from a network", network, time.monotonic())
        return _declined(request, declined)
    response = JSONResponse({"go": f"/{language_of(request)}/home"})
    premises.give_cookie(response, cookie)
    return response


async def second(request: Request) -> Response:
    """Ask for the passkey that follows the password; take its proof (POST)."""
    premises, realm = premises_of(request), _realm(request)
    cookie = sessions.parse_cookie(request.cookies.get(premises.cookie_name, ""))
    with premises.accounts.connect() as connection:
        session = sessions.find_waiting(connection, cookie, int(time.time())) if cookie else None
    if session is None:
        return go(request, "sign-in")
    if request.method != "POST":
        return show(request, "passkey.html")
    network = network_asking(request)
    try:
        premises.limiter.check("wrong from a network", network, time.monotonic())
        said = await _said(request)
        if said.get("asks"):
            with premises.accounts.connect() as connection:
                own = passkeys.passkeys_of(connection, session.account_id, premises.admission.erasure.of(session.account_id))
            challenge = premises.challenges.new(f"second {session.session_digest.hex()}")
            return JSONResponse(passkeys.options_to_sign_in(realm, challenge, own))
        await run_in_threadpool(_complete, premises, realm, session, said)
    except Declined as declined:
        premises.limiter.count("wrong from a network", network, time.monotonic())
        return _declined(request, declined)
    return JSONResponse({"go": f"/{language_of(request)}/home"})


def _add(visitor: Visitor, realm: Realm, said: dict[str, Any]) -> None:
    premises, prf = visitor.premises, _prf(said)
    use = f"add {visitor.account_id.hex()}"
    made = passkeys.check_made(realm, _credential(said), premises.challenges, use, str(said.get("name", "")), prf)
    key, private_key = visitor.erasure_key(), visitor.private_key()
    with stores.writing(premises.accounts) as connection:
        if passkeys.whose(connection, made.credential_digest) is not None:
            raise Declined("passkey_wrong")
        passkeys.keep(connection, visitor.account_id, key, made, private_key, prf, premises.pepper.password)
        audit.write(connection, visitor.account_id, key, "passkey-made", int(time.time()), name=made.name)


def _remove(visitor: Visitor, number: str) -> None:
    key = visitor.erasure_key()
    with stores.writing(visitor.premises.accounts) as connection:
        own = {each.number: each for each in passkeys.passkeys_of(connection, visitor.account_id, key)}
        if number not in own:
            raise HTTPException(404)
        passkeys.remove(connection, visitor.account_id, own[number].credential_digest)
        audit.write(connection, visitor.account_id, key, "passkey-gone", int(time.time()), name=own[number].name)


def _sign_in(request: Request, realm: Realm, said: dict[str, Any]) -> str:
    premises, prf = premises_of(request), _prf(said)
    account_id, key, proved = _proved(premises, realm, _credential(said), "sign in", None)
    if prf is None or not proved.opens:
        raise Declined("passkey_opens_nothing")
    with premises.accounts.connect() as connection:
        try:
            private_key = passkeys.private_key(connection, account_id, key, proved.credential_digest, prf, premises.pepper.password)
        except CannotUnwrap:
            raise Declined("passkey_wrong") from None
    browser, now_utc_s = browser_of(request, str(said.get("zone", ""))[:64]), int(time.time())
    with stores.writing(premises.accounts) as connection:
        passkeys.used(connection, account_id, key, proved)
        return premises.admission.begin(connection, account_id, private_key, browser, now_utc_s)


def _complete(premises: Premises, realm: Realm, session: Session, said: dict[str, Any]) -> None:
    use = f"second {session.session_digest.hex()}"
    account_id, key, proved = _proved(premises, realm, _credential(said), use, session.account_id)
    words = premises.admission.browser_of(session).words
    with stores.writing(premises.accounts) as connection:
        passkeys.used(connection, account_id, key, proved)
        sessions.complete(connection, session)
        audit.write(connection, account_id, key, "signed-in", int(time.time()), browser=words)


def _proved(premises: Premises, realm: Realm, credential: dict[str, Any], use: str, of: bytes | None) -> tuple[bytes, bytes, Passkey]:
    """Return account, erasure key and passkey of a proof that holds. Raises Declined("passkey_wrong"), for any reason the same."""
    digest = passkeys.credential_digest(credential)
    with premises.accounts.connect() as connection:
        account_id = passkeys.whose(connection, digest)
        if account_id is None or of not in (None, account_id):
            raise Declined("passkey_wrong")
        try:
            key = premises.admission.erasure.of(account_id)
            own = {each.credential_digest: each for each in passkeys.passkeys_of(connection, account_id, key)}
        except CannotUnwrap:
            raise Declined("passkey_wrong") from None
    return account_id, key, passkeys.check_proof(realm, credential, premises.challenges, use, own[digest])


def _realm(request: Request) -> Realm:
    realm = realm_of(premises_of(request))
    if realm is None:
        raise HTTPException(404)
    return realm


async def _said(request: Request) -> dict[str, Any]:
    try:
        said = json.loads(await request.body())
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise Declined("passkey_wrong") from None
    if not isinstance(said, dict):
        raise Declined("passkey_wrong")
    return said


def _credential(said: dict[str, Any]) -> dict[str, Any]:
    credential = said.get("credential")
    if not isinstance(credential, dict):
        raise Declined("passkey_wrong")
    return credential


def _prf(said: dict[str, Any]) -> bytes | None:
    given = said.get("prf")
    if given is None:
        return None
    try:
        prf = webauthn.base64url_to_bytes(given) if isinstance(given, str) else b""
    except (ValueError, binascii.Error):
        prf = b""
    if len(prf) != PRF_BYTES:
        raise Declined("passkey_wrong")
    return prf


def _declined(request: Request, declined: Declined) -> Response:
    return JSONResponse({"sentence": Tongue(language_of(request)).say(DECLINED[declined.reason])}, 400)
