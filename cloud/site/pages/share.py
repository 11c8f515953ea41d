"""Sharing, begun by the person alone (R37): a grant for a partner, or a read-only link for a doctor or a grandparent; and ending both.

What opens a grant is shown once, right after it was made, and kept nowhere. A link carries it behind the #, which browsers send to
nobody.
"""

import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud import audit, grants, stores
from cloud.errors import Declined
from cloud.grants import DAY_S, PARTNER, PERSON, Grant, Terms
from cloud.site.opening import KINDS
from cloud.site.premises import Visitor, go, show, signed_in
from cloud.site.sentences import CHANGED, DECLINED

NUMBERS = {name: number for number, name in KINDS.items()}
DAYS = {PARTNER: (30, 90, 365), PERSON: (7, 30, 90)}


@signed_in
async def share(request: Request, visitor: Visitor) -> Response:
    """Show what is shared and with whom; or make a grant (POST) and show what opens it."""
    if request.method != "POST":
        return await _show(request, visitor)
    form = await request.form()
    try:
        if form.get("whom") == PARTNER and not form.get("answers"):
            raise Declined("grant_unanswered")
        terms, expires_utc_s = _terms(form, int(time.time()))
        grant, credential = await run_in_threadpool(_make, visitor, terms, expires_utc_s)
    except Declined as declined:
        return await _show(request, visitor, DECLINED[declined.reason], 400)
    address = visitor.premises.settings.address
    labels = await run_in_threadpool(_labels, visitor)
    return show(request, "granted.html", visitor, grant=grant, credential=credential, address=address, labels=labels, kinds=KINDS)


@signed_in
async def end(request: Request, visitor: Visitor) -> Response:
    """End a grant; it holds from the next request of anybody on."""
    form = await request.form()
    try:
        grant_id = bytes.fromhex(str(form.get("grant", "")))
    except ValueError:
        raise HTTPException(404) from None
    await run_in_threadpool(_end, visitor, grant_id)
    return go(request, "share?changed=unshared")


def _terms(form: FormData, now_utc_s: int) -> tuple[Terms, int]:
    whom = PARTNER if form.get("whom") == PARTNER else PERSON
    things = []
    for each in form.getlist("thing"):
        number, _, kind = str(each).partition(" ")
        if kind in NUMBERS:
            things.append((number[:12], NUMBERS[kind]))
    days = str(form.get("days", ""))
    if not (days.isascii() and days.isdigit() and len(days) < 4):
        raise Declined("grant_period")
    expires_utc_s = now_utc_s + int(days) * DAY_S
    since, until = str(form.get("since", "")), str(form.get("until", ""))
    since_day = grants.day_of(since) if since else now_utc_s // DAY_S
    until_day = grants.day_of(until) if until else expires_utc_s // DAY_S
    name, country = (str(form.get(field, "")) for field in ("name", "country"))
    return grants.check_terms(Terms(whom, name, country, things, since_day, until_day, now_utc_s), expires_utc_s), expires_utc_s


def _make(visitor: Visitor, terms: Terms, expires_utc_s: int) -> tuple[Grant, str]:
    granted = visitor.granted(terms)
    if not granted:
        raise Declined("grant_empty")
    with stores.writing(visitor.premises.accounts) as connection:
        made = grants.make(connection, visitor.account_id, visitor.erasure_key(), terms, granted, expires_utc_s)
        facts = {"name": terms.name, "country": terms.country} if terms.country else {"name": terms.name}
        audit.write(connection, visitor.account_id, visitor.erasure_key(), "shared", terms.made_utc_s, **facts)
    return made


def _end(visitor: Visitor, grant_id: bytes) -> None:
    now_utc_s, key = int(time.time()), visitor.erasure_key()
    with stores.writing(visitor.premises.accounts) as connection:
        grant = grants.grant_of(connection, visitor.account_id, grant_id, key, now_utc_s)
        if grant is None or not grants.revoke(connection, visitor.account_id, grant_id):
            raise HTTPException(404)
        audit.write(connection, visitor.account_id, key, "unshared", now_utc_s, name=grant.terms.name)


def _labels(visitor: Visitor) -> dict[str, str]:
    return {subject.number: subject.label for subject in visitor.subjects()}


async def _show(request: Request, visitor: Visitor, sentence: str | None = None, status: int = 200) -> Response:
    def ask() -> dict[str, Any]:
        with visitor.premises.accounts.connect() as connection:
            try:
                entries = audit.read(connection, visitor.account_id, visitor.erasure_key())
            except audit.BrokenChain:
                # the page of the log says so
                entries = []
        reads = [entry for entry in entries if entry.what in ("partner-read", "link-read")]
        return {"subjects": visitor.subjects(), "grants": visitor.grants(), "reads": reads, "labels": _labels(visitor)}

    facts = await run_in_threadpool(ask)
    changed = CHANGED.get(request.query_params.get("changed", ""))
    common: dict[str, Any] = {"kinds": KINDS, "days": DAYS, "day_s": DAY_S, "sentence": sentence, "changed": changed}
    return show(request, "share.html", visitor, status, **facts, **common)
