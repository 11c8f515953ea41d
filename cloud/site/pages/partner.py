"""A partner's way in, and the only one: OAuth 2.0 client credentials that a person made and handed over, then FHIR R4B to read.

There is no way to ask a person for anything from here (R37): whoever has no credential gets no further than the description of this
interface. A token lives ten minutes, carries the key of its grant, and dies with it. What is read is in its owner's log before it
leaves. Source: RFC 6749 section 4.4 and 5.2, RFC 6750, RFC 7009, RFC 8414; HL7 FHIR R4B.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud import bearers, fhir, grants, searches, stores
from cloud.errors import Declined
from cloud.fhir import Measured
from cloud.grants import SECRET, TOKEN, TOKEN_LIFE_S
from cloud.searches import NotUnderstood, Search
from cloud.site import sharing
from cloud.site.premises import Premises, network_asking, premises_of
from cloud.site.sharing import Share

SCOPE = "system/Observation.rs system/Device.rs system/Patient.rs system/Location.rs"
# of this interface: when what it offers last changed
DATE = "2026-11-22"
RESOURCES = ("Observation", "Device", "Patient", "Location")
FHIR_JSON = "application/fhir+json"
_NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class _Refused(Exception):
    """A request that is answered with an OperationOutcome."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        self.words = words


async def metadata_of_server(request: Request) -> Response:
    """Say where a token is had (RFC 8414), in the words of SMART too."""
    address = premises_of(request).settings.address
    return JSONResponse(
        {
            "issuer": address,
            "token_endpoint": f"{address}/oauth/token",
            "revocation_endpoint": f"{address}/oauth/revoke",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "response_types_supported": [],
            "scopes_supported": SCOPE.split(),
            "capabilities": ["client-confidential-symmetric"],
        }
    )


async def token(request: Request) -> Response:
    """Hand out a token for a secret that stands (RFC 6749, section 4.4)."""
    premises, network = premises_of(request), network_asking(request)
    form = await request.form()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if len(fields) != len(form.multi_items()):
        return _oauth_error("invalid_request", 400)
    client = _client(request, fields)
    if client is None:
        return _oauth_error("invalid_client", 401)
    if fields.get("grant_type") != "client_credentials":
        return _oauth_error("unsupported_grant_type" if fields.get("grant_type") else "invalid_request", 400)
    if not set(fields.get("scope", "").split()) <= set(SCOPE.split()):
        return _oauth_error("invalid_scope", 400)
    try:
        premises.limiter.check("wrong from a network", network, time.monotonic())
        made = await run_in_threadpool(_token, premises, *client)
    except Declined as declined:
        premises.limiter.count("wrong from a network", network, time.monotonic())
        return _oauth_error("slow_down", 429) if declined.reason.startswith("too_many") else _oauth_error("invalid_client", 401)
    answer = {"access_token": made, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S, "scope": fields.get("scope") or SCOPE}
    return JSONResponse(answer, headers=_NEVER_KEPT)


async def revoke(request: Request) -> Response:
    """Forget a token that its holder gives back (RFC 7009); whether there was one, nobody is told."""
    form = await request.form()
    given = form.get("token", "")
    credential = grants.parse_credential(given) if isinstance(given, str) else None
    if credential is not None:
        with stores.writing(premises_of(request).accounts) as connection:
            grants.give_back(connection, credential)
    return Response(status_code=200, headers=_NEVER_KEPT)


async def metadata(request: Request) -> Response:
    """Say what may be asked."""
    address = premises_of(request).settings.address
    return _answer(fhir.capability(f"{address}/fhir", f"{address}/oauth/token", DATE))


def _guarded(work: Callable[[Request, Share], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Make an address that is for the holders of a token only, and that answers every refusal in FHIR's own words."""

    async def page(request: Request) -> Response:
        premises, network = premises_of(request), network_asking(request)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            premises.limiter.check("wrong from a network", network, time.monotonic())
            share = await run_in_threadpool(sharing.enter, premises, given.strip() if scheme.lower() == "bearer" else "", TOKEN)
            whose = share.entered.grant_id.hex()
            premises.limiter.check("reads of a grant", whose, time.monotonic())
            premises.limiter.count("reads of a grant", whose, time.monotonic())
            return _answer(await run_in_threadpool(work, request, share))
        except Declined as declined:
            if declined.reason.startswith("too_many"):
                return _answer(fhir.outcome("throttled", "Too many requests; wait a minute."), 429, {"Retry-After": "60"})
            premises.limiter.count("wrong from a network", network, time.monotonic())
            words = "This token is none, or it is over, or what it was for is shared no more."
            return _answer(fhir.outcome("login", words), 401, {"WWW-Authenticate": 'Bearer realm="foyer", error="invalid_token"'})
        except NotUnderstood as error:
            return _answer(fhir.outcome("not-supported", f"The parameter {error.parameter!r} is not understood."), 400)
        except _Refused as refused:
            return _answer(fhir.outcome(refused.code, refused.words), refused.status)

    return page


@_guarded
def search(request: Request, share: Share) -> dict[str, Any]:
    """Answer a search for one kind of resource."""
    kind = _kind(request)
    asked = searches.parse(request.query_params.multi_items(), observations=kind == "Observation")
    premises = premises_of(request)
    base = f"{premises.settings.address}/fhir"
    found, more = _found(premises, share, kind, asked)
    page = found[asked.offset : asked.offset + asked.at_most]
    held = {f"{each['resourceType']}/{each['id']}": each for each in more}
    wanted = [each[name]["reference"] for each in page for name in ("subject", "device") if f"Observation:{name}" in asked.includes]
    sharing.note(premises, share, "partner-read", resource=kind, count=str(len(page)))
    after = asked.offset + asked.at_most
    following = _link(base, kind, request, after) if asked.at_most and after < len(found) else ""
    included = [held[name] for name in dict.fromkeys(wanted)]
    return fhir.searchset(base, _link(base, kind, request, asked.offset), following, len(found), page, included)


@_guarded
def read(request: Request, share: Share) -> dict[str, Any]:
    """Answer with one resource."""
    kind, name = _kind(request), request.path_params["id"]
    searches.parse(request.query_params.multi_items(), observations=False)
    premises = premises_of(request)
    asked = searches.parse([("_id", name)], observations=kind == "Observation")
    found, _ = _found(premises, share, kind, asked)
    if not found:
        raise _Refused(404, "not-found", "There is no such resource in what is shared with you.")
    sharing.note(premises, share, "partner-read", resource=kind, count="1")
    return found[0]


def _found(premises: Premises, share: Share, kind: str, asked: Search) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the resources that were asked for, and those that they refer to."""
    own = [each for each in sharing.measured(premises, share) if asked.wants_time(each.utc_s)]
    referred = list({each["id"]: each for one in own for each in (fhir.subject(one), fhir.device(one))}.values())
    if kind != "Observation":
        return [each for each in referred if each["resourceType"] == kind and (not asked.ids or each["id"] in asked.ids)], []
    found = [each for one in own for each in _observations(one) if asked.wants(each, fhir.codes(each))]
    return (found[::-1] if asked.newest_first else found), referred


def _observations(each: Measured) -> list[dict[str, Any]]:
    try:
        return fhir.observations(each)
    except fhir.OutOfTable:
        # beyond what a reader of FHIR should be given; its owner sees it on the site
        return []


def _token(premises: Premises, client_id: str, secret: str) -> str:
    share = sharing.enter(premises, secret, SECRET)
    if not hmac.compare_digest(share.grant.client_id.encode(), client_id.encode()):
        raise Declined("grant_over")
    text, now_utc_s = bearers.new_text(), int(time.time())
    with stores.writing(premises.accounts) as connection:
        grants.end(connection, share.entered.account_id, now_utc_s)
        grants.hand_out(connection, share.entered, share.erasure_key, text, TOKEN, now_utc_s + TOKEN_LIFE_S)
    return text


def _client(request: Request, fields: dict[str, str]) -> tuple[str, str] | None:
    """Return who a client says it is (RFC 6749, section 2.3.1), or None: it says so in no way, or in two."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    posted = (fields.get("client_id", ""), fields.get("client_secret", ""))
    if scheme.lower() == "basic":
        try:
            name, colon, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        return (unquote_plus(name), unquote_plus(secret)) if colon and not posted[1] else None
    return posted if all(posted) else None


def _kind(request: Request) -> str:
    kind: str = request.path_params["resource"]
    if kind not in RESOURCES:
        raise _Refused(404, "not-supported", "There are Observation, Device, Patient and Location here.")
    return kind


def _link(base: str, kind: str, request: Request, offset: int) -> str:
    query = [(name, value) for name, value in parse_qsl(request.url.query) if name != "_offset"]
    query += [("_offset", str(offset))] if offset else []
    return f"{base}/{kind}" + (f"?{urlencode(query)}" if query else "")


def _answer(resource: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(resource, status, headers, FHIR_JSON)


def _oauth_error(error: str, status: int) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="foyer"'} if status == 401 else {}
    return JSONResponse({"error": error}, status, {**_NEVER_KEPT, **headers})
