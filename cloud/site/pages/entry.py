"""Coming in and going out: register, sign in, come back with the recovery code, sign out."""

import time
from collections.abc import Callable

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from cloud import sessions, stores
from cloud.errors import Declined
from cloud.site.premises import Visitor, browser_of, go, language_of, premises_of, show, signed_in, visitor_of
from cloud.site.sentences import DECLINED


async def register(request: Request) -> Response:
    """Make an account; its recovery code is shown next."""

    def work(form: FormData, *common: object) -> str:
        accepted = {purpose for purpose in ("terms", "cookies") if form.get(purpose)}
        admission = premises_of(request).admission
        return admission.register(_text(form, "email"), _text(form, "password"), language_of(request), accepted, *common)  # type: ignore[arg-type]

    return await _entry(request, "register.html", work, "recovery-code")


async def sign_in(request: Request) -> Response:
    """Begin a session."""

    def work(form: FormData, *common: object) -> str:
        return premises_of(request).admission.sign_in(_text(form, "email"), _text(form, "password"), *common)  # type: ignore[arg-type]

    return await _entry(request, "sign-in.html", work, "home")


async def recover(request: Request) -> Response:
    """Set a new password by the recovery code."""

    def work(form: FormData, *common: object) -> str:
        admission = premises_of(request).admission
        return admission.recover(_text(form, "email"), _text(form, "code"), _text(form, "password"), *common)  # type: ignore[arg-type]

    return await _entry(request, "recover.html", work, "recovery-code")


@signed_in
async def recovery_code(request: Request, visitor: Visitor) -> Response:
    """Show the new recovery code until it has been written down."""
    if request.method == "POST":
        with stores.writing(visitor.premises.accounts) as connection:
            sessions.keep_recovery_code(connection, visitor.session, visitor.cookie, None)
        return go(request, "home")
    code = sessions.recovery_code(visitor.session, visitor.cookie)
    return show(request, "recovery-code.html", visitor, code=code) if code else go(request, "home")


async def sign_out(request: Request) -> Response:
    """End this session, here and in the store."""
    visitor = await visitor_of(request)
    if visitor is not None:
        with stores.writing(visitor.premises.accounts) as connection:
            sessions.revoke(connection, visitor.account_id, visitor.session.session_digest)
    response = go(request, "")
    premises = premises_of(request)
    response.delete_cookie(premises.cookie_name, secure=premises.settings.secure, httponly=True, samesite="lax")
    return response


async def _entry(request: Request, template: str, work: Callable[..., str], next_page: str) -> Response:
    if request.method != "POST":
        return go(request, "home") if await visitor_of(request) else show(request, template, sentence=None, email="")
    form = await request.form()
    premises = premises_of(request)
    browser = browser_of(request, _text(form, "zone"))
    try:
        cookie = await premises.slowly(work, form, browser, int(time.time()))
    except Declined as declined:
        premises.log.info("entry.declined", page=template.removesuffix(".html"))
        status = 503 if declined.reason == "busy" else 400
        return show(request, template, status=status, sentence=DECLINED[declined.reason], email=_text(form, "email")[:254])
    response = go(request, next_page)
    response.set_cookie(
        premises.cookie_name, cookie, max_age=sessions.LIFE_S, path="/", secure=premises.settings.secure, httponly=True, samesite="lax"
    )
    return response


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
