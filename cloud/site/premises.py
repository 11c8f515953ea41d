"""What every page has at hand: the stores, the doors, the templates; and who is asking.

A `Visitor` is a person with a live session, for the length of one request. Their private key is opened when it is needed and
lives no longer than the request; it is kept in no attribute.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from cloud import audit, consents, grants, links, notes, sessions, stores
from cloud.admission import Admission, Browser
from cloud.bearers import Bearer
from cloud.configuration import Mail, Site
from cloud.errors import CannotUnwrap, Declined
from cloud.grants import Grant, Granted, Terms
from cloud.keys import Pepper
from cloud.limits import Limiter, network_of
from cloud.logs import Log
from cloud.notes import Note
from cloud.passkeys import Challenges
from cloud.post import Postman
from cloud.sessions import Session
from cloud.site import comparisons, opening
from cloud.site.languages import LANGUAGES, NAMES, Tongue, zone_or_utc
from cloud.site.live import Watch

FOLDER = Path(__file__).parent
# One argon2id run at a time keeps memory bounded; whoever would wait behind more than these is asked to come back.
WAITING_AT_MOST = 20
HOUR_S = 3600

# what a user agent says of itself, the more telling sign first
_FAMILIES = (("Edg", "Edge"), ("Firefox", "Firefox"), ("OPR", "Opera"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

Result = TypeVar("Result")
SignedInPage = Callable[[Request, "Visitor"], Awaitable[Response]]


@dataclass
class Premises:
    """One site."""

    settings: Site
    accounts: Engine
    readings: Engine
    admission: Admission
    pepper: Pepper
    watch: Watch
    log: Log
    # None: this site sends no letters
    postman: Postman | None
    limiter: Limiter
    keys: Path
    readings_url: URL
    mail: Mail | None

    def __post_init__(self) -> None:
        # set when there is a line to the homes
        self.send_order: Callable[[str, bytes], None] | None = None
        self._door = asyncio.Semaphore(1)
        self._waiting = 0
        self._versions: dict[str, str] = {}
        self.challenges = Challenges()

    def give_cookie(self, response: Response, cookie: str) -> None:
        """Let a response begin a session in its browser."""
        secure = self.settings.secure
        response.set_cookie(self.cookie_name, cookie, max_age=sessions.LIFE_S, path="/", secure=secure, httponly=True, samesite="lax")

    @property
    def cookie_name(self) -> str:
        """`__Host-` ties a cookie to this one name and to https; plain http on this machine cannot have it."""
        return "__Host-foyer" if self.settings.secure else "foyer"

    async def slowly(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Do what takes an argon2id run, one at a time. Raises Declined("busy"): too many wait already."""
        if self._waiting >= WAITING_AT_MOST:
            raise Declined("busy")
        self._waiting += 1
        try:
            async with self._door:
                return await run_in_threadpool(work, *arguments)
        finally:
            self._waiting -= 1

    @contextmanager
    def owners_hand(self) -> Iterator[Engine]:
        """Open the readings store for writing, for as long as an owner erases rows of theirs or brings some back."""
        engine = stores.open_store(self.readings_url)
        try:
            yield engine
        finally:
            engine.dispose()

    async def keep_house(self) -> None:
        """Do hourly what time asks for, until cancelled."""
        while True:
            try:
                await run_in_threadpool(self.admission.keep_house, int(time.time()))
            except OperationalError as error:
                self.log.warning("site.store_failed", detail=str(error.orig))
            await asyncio.sleep(HOUR_S)

    def render(self, template: str, tongue: Tongue, **facts: Any) -> str:
        """Return a template filled in."""
        common = {"static": self.static, "contact": self.settings.contact, "languages": NAMES, "now_utc_s": int(time.time())}
        return _environment(tongue.language).get_template(template).render(tongue=tongue, **common, **facts)

    def static(self, name: str) -> str:
        """Return the address of a file of ours, with its version, so that browsers keep it for as long as it is the same."""
        if name not in self._versions:
            folder = self.settings.libraries if name.startswith("uPlot") else FOLDER / "static"
            folder = self.settings.installer if name == "install-button.js" else folder
            self._versions[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:8]
        return f"/static/{name}?v={self._versions[name]}"


@dataclass(frozen=True)
class Visitor:
    """Somebody signed in, for one request."""

    premises: Premises
    session: Session
    cookie: Bearer
    browser: Browser
    # whether a text changed since they last read it
    owes_reading: bool = False

    def __repr__(self) -> str:
        return "Visitor(***)"

    @property
    def account_id(self) -> bytes:
        return self.session.account_id

    def erasure_key(self) -> bytes:
        return self.premises.admission.erasure.of(self.account_id)

    def note(self, what: str, **facts: str) -> None:
        """Write into the account's log what just happened."""
        with stores.writing(self.premises.accounts) as connection:
            audit.write(connection, self.account_id, self.erasure_key(), what, int(time.time()), **facts)

    def subjects(self) -> list[opening.Subject]:
        """Return whose readings this account may open."""
        key = self.erasure_key()
        with self.premises.accounts.connect() as connection:
            boxes = links.boxes_of(connection, self.account_id, key)
        return opening.subjects(sessions.private_key(self.session, self.cookie, key), boxes)

    def private_key(self) -> bytes:
        """Return the account's private key; nobody keeps it longer than the request."""
        return sessions.private_key(self.session, self.cookie, self.erasure_key())

    def notes(self, subject: opening.Subject) -> dict[bytes, Note]:
        """Return what was written beside the readings of a subject."""
        with self.premises.accounts.connect() as connection:
            return notes.notes_of(connection, self.account_id, self.erasure_key(), subject.tag)

    def grants(self) -> list[Grant]:
        """Return what this account shares."""
        with stores.writing(self.premises.accounts) as connection:
            return grants.grants_of(connection, self.account_id, self.erasure_key(), int(time.time()))

    def granted(self, terms: Terms) -> list[Granted]:
        """Return what a grant on these terms opens now."""
        parts = []
        for subject in self.subjects():
            kinds = [kind for number, kind in terms.things if number == subject.number and opening.KINDS[kind] in subject.kinds]
            if kinds:
                wrong = [row_id for row_id, note in self.notes(subject).items() if note.is_wrong]
                for epoch in subject.epochs:
                    parts.append(grants.part(epoch.pseudonym, subject.label, subject.subject, epoch.root_key, kinds, terms, wrong))
        return parts

    def bring_grants_up_to_date(self) -> None:
        """Let what is shared follow what its owner did: a reading called wrong is shared no more."""
        for grant in self.grants():
            granted = self.granted(grant.terms)
            with stores.writing(self.premises.accounts) as connection:
                grants.bring_up_to_date(connection, self.account_id, self.erasure_key(), grant, granted)

    def stands(self) -> bool:
        """Whether the session has not been revoked since the request began."""
        with self.premises.accounts.connect() as connection:
            return sessions.find(connection, self.cookie, int(time.time())) is not None


@cache
def _environment(language: str) -> Environment:
    """The templates of one language; compiling one takes longer than filling it in a hundred times."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals |= {"class_of": comparisons.class_of, "mean_pressure": comparisons.mean_pressure}
    tongue = Tongue(language)
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        tongue.say, lambda one, many, count: tongue.say(one if count == 1 else many), newstyle=True
    )
    return environment


def premises_of(request: Request) -> Premises:
    """Return the site that a request came to."""
    found: Premises = request.app.state.premises
    return found


def language_of(request: Request) -> str:
    """Return the language in the address of a page."""
    return str(request.path_params.get("language", "en"))


async def visitor_of(request: Request) -> Visitor | None:
    """Return who is asking, or None: nobody signed in."""
    premises = premises_of(request)
    cookie = sessions.parse_cookie(request.cookies.get(premises.cookie_name, ""))
    return None if cookie is None else await run_in_threadpool(_find, premises, cookie)


async def waits(request: Request) -> bool:
    """Whether somebody's password was right and their passkey is still to come."""
    premises = premises_of(request)
    cookie = sessions.parse_cookie(request.cookies.get(premises.cookie_name, ""))

    def ask() -> bool:
        with premises.accounts.connect() as connection:
            return cookie is not None and sessions.find_waiting(connection, cookie, int(time.time())) is not None

    return await run_in_threadpool(ask)


def signed_in(page: SignedInPage) -> Callable[[Request], Awaitable[Response]]:
    """Make a page that is for its own account only; others are asked to sign in, and whoever has a changed text to read reads it."""

    async def reading_first(request: Request, visitor: Visitor) -> Response:
        if not visitor.owes_reading:
            return await page(request, visitor)
        if _is_for_programs(request):
            return JSONResponse({"error": "read what changed first"}, 403)
        return go(request, "changes")

    return before_reading(reading_first)


def before_reading(page: SignedInPage) -> Callable[[Request], Awaitable[Response]]:
    """Make such a page that works without agreeing to anything new: taking one's data, erasing, the changes themselves."""

    async def guarded(request: Request) -> Response:
        visitor = await visitor_of(request)
        if visitor is not None:
            return await page(request, visitor)
        if _is_for_programs(request):
            return JSONResponse({"error": "sign in first"}, 401)
        return go(request, "passkey" if await waits(request) else "sign-in")

    return guarded


def _is_for_programs(request: Request) -> bool:
    return request.url.path.endswith((".json", "/live"))


def show(request: Request, template: str, visitor: Visitor | None = None, status: int = 200, **facts: Any) -> HTMLResponse:
    """Return a page in the language of its address; the fact `zone` says whose times are shown when nobody is signed in."""
    language, zone = language_of(request), facts.pop("zone", "UTC")
    tongue = Tongue(language, visitor.browser.zone if visitor else zone)
    others = {other: re.sub(r"^/\w\w", f"/{other}", request.url.path) for other in LANGUAGES if other != language}
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    html = premises_of(request).render(
        template, tongue, language=language, others={other: path + query for other, path in others.items()}, visitor=visitor, **facts
    )
    return HTMLResponse(html, status)


def go(request: Request, page: str) -> RedirectResponse:
    """Return a redirection to another page in the same language, to be fetched with GET."""
    return RedirectResponse(f"/{language_of(request)}/{page}", 303)


def network_asking(request: Request) -> str:
    """Return the network that a request comes from; it is counted in memory and kept nowhere."""
    host = request.client.host if request.client else ""
    return network_of(host, premises_of(request).settings.proxy, request.headers.get("x-forwarded-for", ""))


def browser_of(request: Request, zone: str) -> Browser:
    """Return by what a person will recognise this session: family and system of the browser, no versions, no address."""
    words = request.headers.get("user-agent", "")
    named = [next((name for sign, name in choices if sign in words), "") for choices in (_FAMILIES, _SYSTEMS)]
    return Browser(", ".join(name for name in named if name), zone_or_utc(zone).key)


def _find(premises: Premises, cookie: Bearer) -> Visitor | None:
    now_utc_s = int(time.time())
    with premises.accounts.connect() as connection:
        session = sessions.find(connection, cookie, now_utc_s)
        records = consents.consents_of(connection, session.account_id) if session else []
    if session is None:
        return None
    if now_utc_s - session.seen_utc_s >= sessions.SEEN_STEP_S:
        with stores.writing(premises.accounts) as connection:
            sessions.seen(connection, session, now_utc_s)
    try:
        browser = premises.admission.browser_of(session)
    except CannotUnwrap:
        # erased since: the session comes from a restored backup
        return None
    return Visitor(premises, session, cookie, browser, bool(consents.to_acknowledge(records)))
