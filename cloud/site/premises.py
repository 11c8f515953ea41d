"""What every page has at hand: the stores, the doors, the templates; and who is asking.

A `Visitor` is a person with a live session, for the length of one request. Their private key is opened when it is needed and
lives no longer than the request; it is kept in no attribute.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from cloud import links, sessions, stores
from cloud.admission import Admission, Browser
from cloud.configuration import Site
from cloud.errors import Declined
from cloud.keys import Pepper
from cloud.logs import Log
from cloud.sessions import Cookie, Session
from cloud.site import opening
from cloud.site.languages import LANGUAGES, NAMES, Tongue, zone_or_utc
from cloud.site.live import Watch

FOLDER = Path(__file__).parent
# One argon2id run at a time keeps memory bounded; whoever would wait behind more than these is asked to come back.
WAITING_AT_MOST = 20

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

    def __post_init__(self) -> None:
        self._door = asyncio.Semaphore(1)
        self._waiting = 0
        self._versions: dict[str, str] = {}
        self._templates = {language: self._environment(language) for language in LANGUAGES}

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

    def render(self, template: str, tongue: Tongue, **facts: Any) -> str:
        """Return a template filled in."""
        return self._templates[tongue.language].get_template(template).render(tongue=tongue, now_utc_s=int(time.time()), **facts)

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        tongue = Tongue(language)
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            tongue.say, lambda one, many, count: tongue.say(one if count == 1 else many), newstyle=True
        )
        environment.globals.update(static=self._static, contact=self.settings.contact, languages=NAMES)
        return environment

    def _static(self, name: str) -> str:
        """The address of a file of ours, with its version, so that browsers keep it for as long as it is the same."""
        if name not in self._versions:
            folder = self.settings.libraries if name.startswith("uPlot") else FOLDER / "static"
            self._versions[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:8]
        return f"/static/{name}?v={self._versions[name]}"


@dataclass(frozen=True)
class Visitor:
    """Somebody signed in, for one request."""

    premises: Premises
    session: Session
    cookie: Cookie
    browser: Browser

    def __repr__(self) -> str:
        return "Visitor(***)"

    @property
    def account_id(self) -> bytes:
        return self.session.account_id

    def erasure_key(self) -> bytes:
        return self.premises.admission.erasure.of(self.account_id)

    def subjects(self) -> list[opening.Subject]:
        """Return whose readings this account may open."""
        key = self.erasure_key()
        with self.premises.accounts.connect() as connection:
            boxes = links.boxes_of(connection, self.account_id, key)
        return opening.subjects(sessions.private_key(self.session, self.cookie, key), boxes)

    def stands(self) -> bool:
        """Whether the session has not been revoked since the request began."""
        with self.premises.accounts.connect() as connection:
            return sessions.find(connection, self.cookie, int(time.time())) is not None


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


def signed_in(page: SignedInPage) -> Callable[[Request], Awaitable[Response]]:
    """Make a page that is for its own account only; others are asked to sign in."""

    async def guarded(request: Request) -> Response:
        visitor = await visitor_of(request)
        if visitor is not None:
            return await page(request, visitor)
        if request.url.path.endswith((".json", "/live")):
            return JSONResponse({"error": "sign in first"}, 401)
        return RedirectResponse(f"/{language_of(request)}/sign-in", 303)

    return guarded


def show(request: Request, template: str, visitor: Visitor | None = None, status: int = 200, **facts: Any) -> HTMLResponse:
    """Return a page in the language of its address."""
    language = language_of(request)
    tongue = Tongue(language, visitor.browser.zone if visitor else "UTC")
    others = {other: re.sub(r"^/\w\w", f"/{other}", request.url.path) for other in LANGUAGES if other != language}
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    html = premises_of(request).render(
        template, tongue, language=language, others={other: path + query for other, path in others.items()}, visitor=visitor, **facts
    )
    return HTMLResponse(html, status)


def go(request: Request, page: str) -> RedirectResponse:
    """Return a redirection to another page in the same language, to be fetched with GET."""
    return RedirectResponse(f"/{language_of(request)}/{page}", 303)


def browser_of(request: Request, zone: str) -> Browser:
    """Return by what a person will recognise this session: family and system of the browser, no versions, no address."""
    words = request.headers.get("user-agent", "")
    named = [next((name for sign, name in choices if sign in words), "") for choices in (_FAMILIES, _SYSTEMS)]
    return Browser(", ".join(name for name in named if name), zone_or_utc(zone).key)


def _find(premises: Premises, cookie: Cookie) -> Visitor | None:
    now_utc_s = int(time.time())
    with premises.accounts.connect() as connection:
        session = sessions.find(connection, cookie, now_utc_s)
    if session is None:
        return None
    if now_utc_s - session.seen_utc_s >= sessions.SEEN_STEP_S:
        with stores.writing(premises.accounts) as connection:
            sessions.seen(connection, session, now_utc_s)
    return Visitor(premises, session, cookie, premises.admission.browser_of(session))
