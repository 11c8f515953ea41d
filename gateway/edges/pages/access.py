"""Who may use the page: a set-up code once, then the household password, then a session; and from where a form may come.

Every request passes `Guard` first: its Host must be one of the home's names (against DNS rebinding), a form must come from this very page
(Sec-Fetch-Site or Origin, and the session's token in the form), and before set-up nothing works but set-up. Sessions are stored by
the hash of their id; passwords by argon2id, checked one at a time, so that guessing costs memory once.
"""

import asyncio
import hmac
import re
import secrets
from hashlib import sha256
from sqlite3 import Connection
from typing import Any, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from gateway import records
from gateway.edges import households, ledger
from gateway.edges.buffer import Buffer
from gateway.edges.ledger import Ledger
from gateway.edges.log import utc_ms

COOKIE = "__Host-foyer"
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
_SET_UP_TRIES = 5
_MOST_WAITING = 8
_LARGEST_FORM_BYTES = 16 * 1024
_TOUCH_MS = 60_000
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_OPEN_PAGES = ("setup", "sign-in")
_HASH = re.compile(r"[0-9a-f]{64}")
# In this order: each later one's name stands in the earlier ones' too.
_FAMILIES = (("Edg", "Edge"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux"))

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Signed(NamedTuple):
    """One browser that is signed in; named: the hash of its session, by which it can be ended and not used."""

    named: str
    browser: str
    since_ms: int
    last_ms: int
    is_this: bool


class Busy(Exception):
    """Too many passwords wait to be checked."""


class Access:
    """Set-up, password and sessions."""

    def __init__(self, buffer: Buffer, log: FilteringBoundLogger, records_: Ledger, session_days: int) -> None:
        self._buffer = buffer
        self._ledger = records_
        self._log = log
        self._lives_ms = session_days * 86_400_000
        self._hasher = PasswordHasher()  # argon2id, 64 MiB, three passes: the library's profile
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._set_up_code: str | None = None
        self._tries = 0

    @property
    def is_set_up(self) -> bool:
        """Whether the household has a password."""
        return self._buffer.read(lambda connection: households.household(connection, "password")) is not None

    def print_set_up_code(self) -> None:
        """Print the single-use code of a home that is not set up; it is nowhere else, and a new start makes a new one."""
        if not self.is_set_up:
            self._set_up_code = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
            self._log.info("page.setup_code", code=self._set_up_code)

    async def set_up(self, code: str, password: str) -> bool:
        """Set the household password, if the code is right; five wrong ones end it."""
        wanted = self._set_up_code
        if wanted is None or self.is_set_up or self._tries >= _SET_UP_TRIES:
            return False
        typed = code.upper().replace(" ", "").replace("-", "")
        if not secrets.compare_digest(typed.encode(), wanted.replace("-", "").encode()):
            self._tries += 1
            self._log.warning("page.setup_refused", tries=self._tries)
            return False
        self._set_up_code = None
        hashed = await self._one(lambda: self._hasher.hash(password))
        await self._buffer.write(lambda connection: households.set_household(connection, "password", hashed))
        self._log.info("page.set_up")
        return True

    async def password_fits(self, password: str) -> bool:
        """Check the household password. Raises Busy: too many wait already."""
        hashed = self._buffer.read(lambda connection: households.household(connection, "password"))
        if hashed is None or len(password) > LONGEST_PASSWORD:
            return False
        try:
            await self._one(lambda: self._hasher.verify(hashed, password))
        except (VerificationError, InvalidHashError):
            self._log.warning("page.password_refused")
            return False
        return True

    async def _one(self, work: Any) -> Any:
        if self._waiting >= _MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    async def change_password(self, old: str, new: str, session: str) -> bool:
        """Change the household password if the old one is right; every other browser is signed out. Raises Busy."""
        if not await self.password_fits(old):
            return False
        hashed = await self._one(lambda: self._hasher.hash(new))
        for row in self._buffer.read(households.sessions):
            if row["session"] != _hash(session):
                self._ledger.went(ledger.BROWSER, _visitor(row["session"], row["agent"]))

        def write(connection: Connection) -> None:
            households.set_household(connection, "password", hashed)
            households.end_other_sessions(connection, _hash(session))
            ledger.add(connection, records.SETTLED, "password", None, 1, utc_ms())

        await self._buffer.write(write)
        self._log.info("page.password_changed")
        return True

    async def begin_session(self, response: Response, agent: str) -> None:
        """Sign a browser in by its cookie; agent: what it says it is."""
        session, browser = secrets.token_urlsafe(32), browser_in(agent)
        now_ms = utc_ms()
        await self._buffer.write(
            lambda connection: households.begin_session(connection, _hash(session), browser, now_ms, now_ms - self._lives_ms)
        )
        self._ledger.came(ledger.BROWSER, _visitor(_hash(session), browser))
        response.set_cookie(COOKIE, session, max_age=self._lives_ms // 1000, path="/", secure=True, httponly=True, samesite="lax")

    async def end_session(self, session: str) -> None:
        """Sign a browser out."""
        await self._end(_hash(session))

    def sessions(self, session: str) -> list[Signed]:
        """Return every browser that is signed in, the newest first, with this one marked."""
        now_ms = utc_ms()
        return [
            Signed(row["session"].hex(), row["agent"], row["made_ms"], row["last_ms"], row["session"] == _hash(session))
            for row in self._buffer.read(households.sessions)
            if now_ms - row["last_ms"] <= self._lives_ms
        ]

    async def end_named(self, named: str) -> None:
        """Sign the browser out whose session's hash this is, in hexadecimal; nothing happens if there is none."""
        if _HASH.fullmatch(named):
            await self._end(bytes.fromhex(named))

    async def _end(self, hashed: bytes) -> None:
        for row in self._buffer.read(households.sessions):
            if row["session"] == hashed:
                self._ledger.went(ledger.BROWSER, _visitor(hashed, row["agent"]))
        await self._buffer.write(lambda connection: households.end_session(connection, hashed))

    async def session_of(self, cookie: str | None) -> str | None:
        """Return the session id in a cookie if it is signed in."""
        if not cookie or len(cookie) > 100:
            return None
        last_ms = self._buffer.read(lambda connection: households.session_last_ms(connection, _hash(cookie)))
        now_ms = utc_ms()
        if last_ms is None or now_ms - last_ms > self._lives_ms:
            return None
        if now_ms - last_ms > _TOUCH_MS:
            await self._buffer.write(lambda connection: households.touch_session(connection, _hash(cookie), now_ms))
        return cookie


def browser_in(agent: str) -> str:
    """Return the family and the system that a browser names itself by, and nothing finer."""
    family = next((name for mark, name in _FAMILIES if mark in agent), "?")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "?")
    return f"{family}, {system}"


def token_of(session: str) -> str:
    """Return the token that each form of a session carries."""
    return hmac.new(session.encode(), b"foyer form", sha256).hexdigest()


def _visitor(hashed: bytes, browser: str) -> str:
    return f"{hashed[:4].hex()} {browser}"


def _hash(session: str) -> bytes:
    return sha256(session.encode()).digest()


class Guard:
    """The first to see a request; it lets through what may be answered, and adds the headers of every response."""

    def __init__(self, app: ASGIApp, access: Access, host_names: tuple[str, ...], languages: tuple[str, ...]) -> None:
        self._app = app
        self._access = access
        self._hosts = set(host_names)
        self._languages = languages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response = await self._refusal(scope)

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                given = {name for name, _ in headers}
                headers += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if b"cache-control" not in given:
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        await (self._app if response is None else response)(scope, receive, with_headers)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This name is not this home's.", 421)
        unsafe = scope["method"] not in ("GET", "HEAD")
        if unsafe and not _same_site(headers):
            return PlainTextResponse("This form did not come from this page.", 403)
        if unsafe and not _small(headers):
            return PlainTextResponse("This form is too large.", 413)
        path = scope["path"]
        if path.startswith("/static/"):
            return None
        parts = path.strip("/").split("/")
        page = parts[1] if len(parts) > 1 and parts[0] in self._languages else ""
        language = parts[0] if parts[0] in self._languages else None
        if not self._access.is_set_up:
            return None if page == "setup" else RedirectResponse(f"/{language or self._prefers(headers)}/setup", 303)
        request = Request(scope)
        session = await self._access.session_of(request.cookies.get(COOKIE))
        scope["state"] = {"session": session}
        if session is None and page not in _OPEN_PAGES:
            if path.endswith(".json"):
                return PlainTextResponse("Sign in first.", 401)
            return RedirectResponse(f"/{language or self._prefers(headers)}/sign-in", 303)
        return RedirectResponse(f"/{self._prefers(headers)}/", 303) if path == "/" else None

    def _prefers(self, headers: Headers) -> str:
        wanted = headers.get("accept-language", "").lower()
        places = {language: wanted.find(language) for language in self._languages}
        return min(self._languages, key=lambda language: places[language] if places[language] >= 0 else len(wanted) + 1)


def _host(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if ":" in header else header


def _same_site(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin == f"https://{headers.get('host', '')}"


def _small(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    return length.isdecimal() and len(length) < 10 and int(length) <= _LARGEST_FORM_BYTES
