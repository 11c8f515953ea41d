"""What stands before the panel: which names are answered, who may send forms, how much, and the headers of every answer.

The panel moves a simulated home on the loopback address and knows nothing secret, but a page of somebody else's in the same browser
shall not stop the broker. A name that is not this machine's own is not answered, so a name rebound to it gets nothing.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LARGEST_FORM_BYTES = 4096
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Defences:
    """The outermost layer of the panel."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = _refusal(scope["method"], Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_with_headers)


def _refusal(method: str, headers: Headers) -> Response | None:
    host = headers.get("host", "")
    if _name(f"//{host}") not in HOST_NAMES:
        return PlainTextResponse("The panel answers at localhost only.\n", 421)
    if method in ("GET", "HEAD"):
        return None
    if method != "POST":
        return PlainTextResponse("Only GET and POST.\n", 405, {"Allow": "GET, HEAD, POST"})
    if not _is_our_own(headers, host):
        return PlainTextResponse("This form did not come from the panel. Open the panel and repeat it there.\n", 403)
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        return PlainTextResponse("A form says how long it is.\n", 411)
    return None if int(length) <= LARGEST_FORM_BYTES else PlainTextResponse("Too much for one form.\n", 413)


def _is_our_own(headers: Headers, host: str) -> bool:
    from_where = headers.get("sec-fetch-site")
    if from_where is not None:
        return from_where in ("same-origin", "none")
    return headers.get("origin") in (f"http://{host}", f"https://{host}")


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # brackets that do not close
        return None
