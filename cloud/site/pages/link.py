"""Linking a home: a code to type at the gateway's page; this page notices by itself when that has happened."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud import accounts, links, stores
from cloud.errors import CannotUnwrap
from cloud.site.premises import Visitor, go, show, signed_in
from protocol import linking


@signed_in
async def link(request: Request, visitor: Visitor) -> Response:
    """Make a code (POST), or show the one that is alive and who is linked already (GET)."""
    if request.method == "POST":
        await run_in_threadpool(_make, visitor)
        return go(request, "link")
    code, expires_utc_s, is_used = await run_in_threadpool(_code, visitor)
    subjects = await run_in_threadpool(visitor.subjects)
    return show(request, "link.html", visitor, code=code, expires_utc_s=expires_utc_s, is_used=is_used, subjects=subjects)


def _make(visitor: Visitor) -> None:
    premises = visitor.premises
    with stores.writing(premises.accounts) as connection:
        links.make_code(connection, visitor.account_id, visitor.erasure_key(), premises.pepper.link, int(time.time()))


def _code(visitor: Visitor) -> tuple[str | None, int, bool]:
    with visitor.premises.accounts.connect() as connection:
        waiting = links.code_of(connection, visitor.account_id, visitor.erasure_key(), int(time.time()))
        account = accounts.account_of(connection, visitor.account_id)
    if waiting is None:
        return None, 0, False
    if account is None:
        raise CannotUnwrap("account")
    code = None if waiting.used else linking.encode_code(waiting.link_id, account.public_key)
    return code, waiting.made_utc_s + links.CODE_LIFE_S, waiting.used
