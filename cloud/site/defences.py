"""What stands before every page: which names are answered, who may send forms, how much, and the headers of every answer.

A form is taken only from our own pages: `Sec-Fetch-Site` must say same-origin or none; where a browser sends none, `Origin` must
be our own address. Scripts that post without a browser send `Origin` too. Only the configured address is answered, so a name
rebound to this machine gets nothing (threats T23). Nothing is loaded from anywhere else, and personal pages are kept nowhere.
"""

import re
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud import measures
from cloud.configuration import LOOPBACK_NAMES, Site
from cloud.exports import LARGEST_ARCHIVE_BYTES

LARGEST_FORM_BYTES = 16 * 1024
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# RFC 8058: a mail program posts here for its reader, from anywhere; the token in the address is the whole right to it
_ONE_CLICK = re.compile(r"/(en|fr)/stop/[A-Za-z0-9_-]{1,100}")
# RFC 6749: a partner's program posts here without a browser and without a cookie; its secret is the whole right to it
_PARTNERS = re.compile(r"/oauth/(token|revoke)")
_IMPORT = re.compile(r"/(en|fr)/take/import")
SAFE_METHODS = ("GET", "HEAD")


def _from_anywhere(path: str) -> bool:
    return bool(_ONE_CLICK.fullmatch(path) or _PARTNERS.fullmatch(path))


class Defences:
    """The outermost layer of the site."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._address = site.address
        self._host = urlsplit(site.address).netloc.lower()
        self._secure = site.secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal, begin_s = self._refusal(scope), time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                measures.ANSWERED_S.observe(time.perf_counter() - begin_s)
                method = scope["method"] if scope["method"] in (*SAFE_METHODS, "POST") else "other"
                measures.ANSWERS.labels(method, f"{message['status'] // 100}xx").inc()
                self._add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
        else:
            await self._app(scope, _capped(receive, largest(scope["path"])), send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        method, host = scope["method"], headers.get("host", "").lower()
        if host != self._host:
            if method in SAFE_METHODS and _name(host) in LOOPBACK_NAMES and _name(self._host) in LOOPBACK_NAMES:
                # somebody typed localhost for 127.0.0.1: cookies go by the name, so one name it is
                return RedirectResponse(self._address + scope["path"], 307)
            return PlainTextResponse(f"This site is at {self._address}.\n", 421)
        if method not in (*SAFE_METHODS, "POST"):
            return PlainTextResponse("Only GET and POST.\n", 405, {"Allow": "GET, HEAD, POST"})
        if method == "POST" and not (self._is_our_own(headers) or _from_anywhere(scope["path"])):
            return PlainTextResponse("This form did not come from a page of this site. Open the page again and repeat it.\n", 403)
        if method == "POST" and headers.get("content-type", "").lower().startswith("multipart/") and not _IMPORT.fullmatch(scope["path"]):
            # files are taken at one address only; everywhere else they would lie about until they are swept
            return PlainTextResponse("No files here.\n", 415)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > largest(scope["path"]):
            return PlainTextResponse("Too much for one form.\n", 413)
        return None

    def _is_our_own(self, headers: Headers) -> bool:
        from_where = headers.get("sec-fetch-site")
        if from_where is not None:
            return from_where in ("same-origin", "none")
        return headers.get("origin") == self._address

    def _add_headers(self, headers: MutableHeaders, path: str) -> None:
        headers["Content-Security-Policy"] = POLICY
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        serial = "(self)" if path.endswith("/technicians") else "()"
        headers["Permissions-Policy"] = f"camera=(), microphone=(), geolocation=(), serial={serial}"
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if not path.startswith("/static/"):
            headers["Cache-Control"] = "no-store"


def largest(path: str) -> int:
    """Return how many bytes may be sent to an address: little, but for the one that takes an export back."""
    return LARGEST_ARCHIVE_BYTES + LARGEST_FORM_BYTES if _IMPORT.fullmatch(path) else LARGEST_FORM_BYTES


def _capped(receive: Receive, largest_bytes: int) -> Receive:
    """The body without its announced length counts as well: beyond the cap the request is treated as broken off."""
    taken = 0

    async def capped() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > largest_bytes:
            raise ClientDisconnect
        return message

    return capped


def _name(host: str) -> str | None:
    return urlsplit(f"//{host}").hostname
