"""The account itself: where one is signed in, the password, the recovery code, what was accepted and chosen, who is linked."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud import audit, consents, passkeys, sessions, stores
from cloud.errors import Declined
from cloud.site import holdings
from cloud.site.pages.entry import choices_in
from cloud.site.pages.passkey import realm_of
from cloud.site.premises import Visitor, before_reading, go, language_of, show, signed_in
from cloud.site.sentences import CHANGED, DECLINED, LOGGED


@signed_in
async def account(request: Request, visitor: Visitor) -> Response:
    """Show everything."""
    return await show_account(request, visitor)


@signed_in
async def change_password(request: Request, visitor: Visitor) -> Response:
    """Change the password; every other session ends."""
    form = await request.form()
    old, new = str(form.get("old", "")), str(form.get("new", ""))
    premises, now_utc_s, whose = visitor.premises, int(time.time()), visitor.account_id.hex()
    try:
        premises.limiter.check("wrong for an address", whose, time.monotonic())
        await premises.slowly(premises.admission.change_password, visitor.account_id, old, new, visitor.session.session_digest, now_utc_s)
        nudge(visitor)
    except Declined as declined:
        if declined.reason == "password_wrong":
            premises.limiter.count("wrong for an address", whose, time.monotonic())
        return await show_account(request, visitor, DECLINED[declined.reason], 400)
    return go(request, "account?changed=password")


@signed_in
async def new_recovery_code(request: Request, visitor: Visitor) -> Response:
    """Replace the recovery code and show the new one."""
    await run_in_threadpool(visitor.premises.admission.new_recovery_code, visitor.session, visitor.cookie, int(time.time()))
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
            audit.write(connection, visitor.account_id, visitor.erasure_key(), "session-ended", int(time.time()))
            return
        own = {session.session_digest.hex(): session for session in sessions.sessions_of(connection, visitor.account_id, int(time.time()))}
        if named not in own:
            raise HTTPException(404)
        sessions.revoke(connection, visitor.account_id, own[named].session_digest)
        audit.write(connection, visitor.account_id, visitor.erasure_key(), "session-ended", int(time.time()))


@signed_in
async def choose(request: Request, visitor: Visitor) -> Response:
    """Bring the choices to the boxes that are ticked: taking one back is the same box and the same button."""
    form = await request.form()
    chosen = {purpose for purpose in consents.CHOICES if form.get(purpose)}
    await run_in_threadpool(_choose, visitor, chosen, language_of(request))
    return go(request, "account?changed=choices")


@before_reading
async def changes(request: Request, visitor: Visitor) -> Response:
    """Show what changed in the texts since this person last read them, and take note that they did (POST)."""
    with visitor.premises.accounts.connect() as connection:
        owed = consents.to_acknowledge(consents.consents_of(connection, visitor.account_id))
    if request.method == "POST":
        form = await request.form()
        read = {purpose: str(form.get(purpose, "")) for purpose, _ in owed}
        # what was on the screen must be what is in force now
        if any(read[purpose] != consents.text_digest(purpose, language_of(request)).hex() for purpose in read):
            return go(request, "changes")
        await run_in_threadpool(_acknowledge, visitor, list(read), language_of(request))
        return go(request, "home")
    if not owed:
        return go(request, "home")
    language = language_of(request)
    texts = []
    for purpose, before in owed:
        version = consents.version_of(before) if before else 0
        old = consents.text(purpose, language, version) if version else ""
        parts = consents.difference(old, consents.text(purpose, language))
        texts.append((purpose, version, parts, consents.text_digest(purpose, language).hex()))
    return show(request, "changes.html", visitor, texts=texts)


@signed_in
async def log(request: Request, visitor: Visitor) -> Response:
    """Show the log, every link of its chain checked."""

    def ask() -> tuple[list[audit.Entry], int | None, int]:
        with visitor.premises.accounts.connect() as connection:
            try:
                entries, broken = audit.read(connection, visitor.account_id, visitor.erasure_key()), None
            except audit.BrokenChain as error:
                entries, broken = [], error.number
        with visitor.premises.readings.connect() as connection:
            held = sum(holdings.count_of(connection, subject) for subject in visitor.subjects())
        return entries, broken, held

    entries, broken, held = await run_in_threadpool(ask)
    return show(request, "log.html", visitor, entries=entries, broken=broken, held=held, words=LOGGED)


def _choose(visitor: Visitor, chosen: set[str], language: str) -> None:
    now_utc_s = int(time.time())
    with stores.writing(visitor.premises.accounts) as connection:
        changed = consents.choose(connection, visitor.account_id, chosen, language, now_utc_s, "account")
        for purpose in changed:
            what = "consent-given" if purpose in chosen else "consent-withdrawn"
            audit.write(connection, visitor.account_id, visitor.erasure_key(), what, now_utc_s, purpose=purpose)


def _acknowledge(visitor: Visitor, purposes: list[str], language: str) -> None:
    now_utc_s = int(time.time())
    with stores.writing(visitor.premises.accounts) as connection:
        for purpose in purposes:
            consents.record(connection, visitor.account_id, purpose, language, now_utc_s, method="sign-in")
            audit.write(connection, visitor.account_id, visitor.erasure_key(), "text-acknowledged", now_utc_s, purpose=purpose)


def _passkeys(visitor: Visitor) -> list[passkeys.Passkey]:
    with visitor.premises.accounts.connect() as connection:
        return passkeys.passkeys_of(connection, visitor.account_id, visitor.erasure_key())


def nudge(visitor: Visitor) -> None:
    """Tell the postman that a letter waits."""
    if visitor.premises.postman is not None:
        visitor.premises.postman.nudge()


async def show_account(request: Request, visitor: Visitor, sentence: str | None = None, status: int = 200) -> Response:
    """Show the whole page, with what went wrong in a sentence."""
    premises = visitor.premises

    def ask() -> dict[str, object]:
        with stores.writing(premises.accounts) as connection:
            own = sessions.sessions_of(connection, visitor.account_id, int(time.time()))
            accepted = consents.consents_of(connection, visitor.account_id)
        email, letters_language = premises.admission.address_and_language(visitor.account_id)
        return {
            "email": email,
            "letters_language": letters_language,
            "sessions": [(session, premises.admission.browser_of(session).words) for session in own],
            "accepted": accepted,
            "standing": consents.latest(accepted),
            "subjects": visitor.subjects(),
            "passkeys": _passkeys(visitor),
            "can_have_passkeys": realm_of(premises) is not None,
        }

    facts = await run_in_threadpool(ask)
    changed = CHANGED.get(request.query_params.get("changed", ""))
    choices = choices_in(language_of(request))
    return show(request, "account.html", visitor, status, sentence=sentence, changed=changed, choices=choices, **facts)
