"""What a person amends of their account: its e-mail address and the language of its letters; a letter's link brings the address back."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud import profile
from cloud.errors import Declined
from cloud.site.pages.account import nudge, show_account
from cloud.site.premises import Visitor, go, show, signed_in
from cloud.site.sentences import DECLINED


@signed_in
async def change_address(request: Request, visitor: Visitor) -> Response:
    """Ask for another address, after the password once more."""
    form = await request.form()
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    premises, whose, now_s = visitor.premises, visitor.account_id.hex(), time.monotonic()
    letters_to = email.strip().casefold()[:254]
    try:
        premises.limiter.check("wrong for an address", whose, now_s)
        premises.limiter.check("letters to an address", letters_to, now_s)
        premises.limiter.check("letters of an account", whose, now_s)
        is_done = await premises.slowly(profile.ask_for_address, premises.admission, visitor.account_id, email, password, int(time.time()))
    except Declined as declined:
        if declined.reason == "password_wrong":
            premises.limiter.count("wrong for an address", whose, now_s)
        return await show_account(request, visitor, DECLINED[declined.reason], 400)
    premises.limiter.count("letters to an address", letters_to, now_s)
    premises.limiter.count("letters of an account", whose, now_s)
    nudge(visitor)
    return go(request, "account?changed=address" + ("" if is_done else "-asked"))


@signed_in
async def new_address(request: Request, visitor: Visitor) -> Response:
    """Show the address that a letter's link carries, and change to it (POST)."""
    form = await request.form() if request.method == "POST" else request.query_params
    token = str(form.get("token", ""))
    admission, now_utc_s = visitor.premises.admission, int(time.time())
    try:
        email = await run_in_threadpool(profile.address_in, admission, visitor.account_id, token, now_utc_s)
        if request.method != "POST":
            return show(request, "address.html", visitor, email=email, token=token)
        await run_in_threadpool(profile.confirm_address, admission, visitor.account_id, token, now_utc_s)
    except Declined as declined:
        return await show_account(request, visitor, DECLINED[declined.reason], 400)
    nudge(visitor)
    return go(request, "account?changed=address")


@signed_in
async def change_language(request: Request, visitor: Visitor) -> Response:
    """Choose the language of letters."""
    form = await request.form()
    language = str(form.get("letters", ""))
    try:
        await run_in_threadpool(profile.change_language, visitor.premises.admission, visitor.account_id, language, int(time.time()))
    except Declined as declined:
        return await show_account(request, visitor, DECLINED[declined.reason], 400)
    return go(request, "account?changed=language")
