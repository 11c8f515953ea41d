"""Coming in and going out: register, confirm, sign in, come back with the recovery code, sign out.

How often somebody may be wrong is counted per address and per network, and a person who has been wrong too often is told so.
"""

import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from cloud import audit, consents, sessions, stores
from cloud.errors import Declined
from cloud.site.pages.passkey import realm_of
from cloud.site.premises import Visitor, before_reading, browser_of, go, language_of, network_asking, premises_of, show, visitor_of
from cloud.site.sentences import DECLINED

WRONG = ("sign_in_wrong", "recovery_wrong", "confirm_wrong")
TOO_MANY = ("too_many_for_address", "too_many_from_network", "too_many_letters")


async def register(request: Request) -> Response:
    """Make an account; its recovery code is shown next, or a letter is on its way."""
    premises = premises_of(request)

    def work(form: FormData, *common: object) -> str | None:
        now_s, network = time.monotonic(), network_asking(request)
        premises.limiter.check("accounts from a network", network, now_s)
        premises.limiter.check("letters to an address", _folded(form), now_s)
        accepted = {purpose for purpose in consents.NEEDED if form.get(purpose)}
        chosen = frozenset(purpose for purpose in consents.CHOICES if form.get(purpose))
        address, password = _text(form, "email"), _text(form, "password")
        cookie = premises.admission.register(address, password, language_of(request), accepted, *common, chosen)  # type: ignore[arg-type,call-arg]
        premises.limiter.count("accounts from a network", network, now_s)
        if cookie is None:
            premises.limiter.count("letters to an address", _folded(form), now_s)
        return cookie

    return await _entry(request, "register.html", work, "recovery-code", choices=choices_in(language_of(request)))


async def mailbox(request: Request) -> Response:
    """Say that a letter is on its way, whoever asks."""
    return show(request, "mailbox.html")


async def confirm(request: Request) -> Response:
    """Bring a letter's link and the password together."""
    token = request.query_params.get("token", "")[:64]

    def work(form: FormData, *common: object) -> str:
        return premises_of(request).admission.confirm(_text(form, "token"), _text(form, "password"), *common)  # type: ignore[arg-type]

    return await _entry(request, "confirm.html", work, "recovery-code", token=token)


def choices_in(language: str) -> list[tuple[str, str]]:
    """Return each choice with the text that stands beside its box."""
    return [(purpose, consents.text(purpose, language).strip()) for purpose in consents.CHOICES]


async def sign_in(request: Request) -> Response:
    """Begin a session."""

    def work(form: FormData, *common: object) -> str:
        return premises_of(request).admission.sign_in(_text(form, "email"), _text(form, "password"), *common)  # type: ignore[arg-type]

    return await _entry(request, "sign-in.html", work, "home", has_passkeys=realm_of(premises_of(request)) is not None)


async def recover(request: Request) -> Response:
    """Set a new password by the recovery code."""

    def work(form: FormData, *common: object) -> str:
        admission = premises_of(request).admission
        return admission.recover(_text(form, "email"), _text(form, "code"), _text(form, "password"), *common)  # type: ignore[arg-type]

    return await _entry(request, "recover.html", work, "recovery-code")


@before_reading
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
            audit.write(connection, visitor.account_id, visitor.erasure_key(), "signed-out", int(time.time()))
    response = go(request, "")
    premises = premises_of(request)
    response.delete_cookie(premises.cookie_name, secure=premises.settings.secure, httponly=True, samesite="lax")
    return response


async def _entry(request: Request, template: str, work: Callable[..., str | None], next_page: str, **facts: Any) -> Response:
    if request.method != "POST":
        # whoever is signed in already is at home; a letter's link is followed all the same
        is_home = template != "confirm.html" and await visitor_of(request)
        return go(request, "home") if is_home else show(request, template, sentence=None, email="", chosen=(), **facts)
    form = await request.form()
    premises = premises_of(request)
    browser = browser_of(request, _text(form, "zone"))
    whose, network, now_s = _folded(form), network_asking(request), time.monotonic()
    try:
        if template != "register.html":
            premises.limiter.check("wrong from a network", network, now_s)
            premises.limiter.check("wrong for an address", whose, now_s)
            # counted before it is known, so that many at once are not one
            premises.limiter.count("wrong for an address", whose, now_s)
        cookie = await premises.slowly(work, form, browser, int(time.time()))
    except Declined as declined:
        premises.log.info("entry.declined", page=template.removesuffix(".html"))
        if declined.reason in WRONG:
            premises.limiter.count("wrong from a network", network, now_s)
        status = 503 if declined.reason == "busy" else 429 if declined.reason in TOO_MANY else 400
        facts |= {"token": _text(form, "token")[:64]} if "token" in facts else {}
        chosen = [purpose for purpose in consents.CHOICES if form.get(purpose)]
        email = _text(form, "email")[:254]
        return show(request, template, status=status, sentence=DECLINED[declined.reason], email=email, chosen=chosen, **facts)
    premises.limiter.forget("wrong for an address", whose)
    if cookie is None:
        if premises.postman is not None:
            premises.postman.nudge()
        return go(request, "mailbox")
    response = go(request, next_page)
    premises.give_cookie(response, cookie)
    return response


def _folded(form: FormData) -> str:
    """What a try is counted under: the address typed, or a letter's token."""
    return (_text(form, "email") or _text(form, "token")).strip().casefold()[:254]


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
