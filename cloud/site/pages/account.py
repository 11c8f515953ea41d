"""The account itself: where one is signed in, the password, the recovery code, what was accepted, who is linked."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud import consents, sessions, stores
from cloud.errors import Declined
from cloud.site.premises import Visitor, go, show, signed_in
from cloud.site.sentences import DECLINED


@signed_in
async def account(request: Request, visitor: Visitor) -> Response:
    """Show everything."""
    return await _show(request, visitor)


@signed_in
async def change_password(request: Request, visitor: Visitor) -> Response:
    """Change the password; every other session ends."""
    form = await request.form()
    old, new = str(form.get("old", "")), str(form.get("new", ""))
    premises = visitor.premises
    try:
        await premises.slowly(premises.admission.change_password, visitor.account_id, old, new, visitor.session.session_digest)
    except Declined as declined:
        return await _show(request, visitor, DECLINED[declined.reason], 400)
    return go(request, "account?changed=password")


@signed_in
async def new_recovery_code(request: Request, visitor: Visitor) -> Response:
    """Replace the recovery code and show the new one."""
    await run_in_threadpool(visitor.premises.admission.new_recovery_code, visitor.session, visitor.cookie)
    return go(request, "recovery-code")


@signed_in
async def end_session(request: Request, visitor: Visitor) -> Response:
    """End one session of this account, or all others."""
    form = await request.form()
    named = str(form.get("session", ""))
    await run_in_threadpool(_end, visitor, named)
    return go(request, "account")


def _end(visitor: Visitor, named: str) -> None:
    with stores.writing(visitor.premises.accounts) as connection:
        if named == "others":
            sessions.revoke_all(connection, visitor.account_id, visitor.session.session_digest)
            return
        own = {session.session_digest.hex(): session for session in sessions.sessions_of(connection, visitor.account_id, int(time.time()))}
        if named not in own:
            raise HTTPException(404)
        sessions.revoke(connection, visitor.account_id, own[named].session_digest)


async def _show(request: Request, visitor: Visitor, sentence: str | None = None, status: int = 200) -> Response:
    premises = visitor.premises

    def ask() -> dict[str, object]:
        with stores.writing(premises.accounts) as connection:
            own = sessions.sessions_of(connection, visitor.account_id, int(time.time()))
            accepted = consents.consents_of(connection, visitor.account_id)
        return {
            "email": premises.admission.address_of(visitor.account_id),
            "sessions": [(session, premises.admission.browser_of(session).words) for session in own],
            "accepted": accepted,
            "subjects": visitor.subjects(),
        }

    facts = await run_in_threadpool(ask)
    changed = request.query_params.get("changed") == "password"
    return show(request, "account.html", visitor, status, sentence=sentence, changed=changed, **facts)
