"""The page's addresses, collected: each form does one thing and answers 303, so a reload repeats nothing.

Every address stands below its language (/en/…, /fr/…), but /state.json and /authority.pem. Forms carry the session's token, checked here.
"""

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from gateway.edges.pages import devices, entrance, history, home, inbox, nursery, owners, pair, people, settings, views
from gateway.edges.pages.access import Busy, Guard, token_of
from gateway.edges.pages.frame import Addresses, Frame, Page
from gateway.edges.pages.typed import number
from gateway.edges.pages.words import LANGUAGES, Words
from gateway.errors import NoRoom

ADDRESSES: Addresses = {
    **entrance.ADDRESSES,
    **home.ADDRESSES,
    **inbox.ADDRESSES,
    **people.ADDRESSES,
    **owners.ADDRESSES,
    **devices.ADDRESSES,
    **pair.ADDRESSES,
    **nursery.ADDRESSES,
    **settings.ADDRESSES,
    **history.ADDRESSES,
}
STATIC = Path(__file__).parent / "static"


class _Number(IntegerConvertor):
    """A number in an address: of so few digits that the database has room for it."""

    regex = "[0-9]{1,14}"


register_url_convertor("number", _Number())
_STATUS: dict[type[Exception], int] = {NoRoom: 507, Busy: 429}


def application(frame: Frame, host_names: tuple[str, ...]) -> ASGIApp:
    """Return all pages, behind their guard."""

    async def state(request: Request) -> Response:
        words = frame.words.get(request.query_params.get("language", "en"), frame.words["en"])
        after = number(request.query_params.get("after")) or 0
        return JSONResponse(views.for_programs(frame.house, token_of(request.state.session), after, words))

    async def authority(request: Request) -> Response:  # noqa: ARG001
        return FileResponse(frame.authority, media_type="application/x-pem-file", filename="foyer-home.pem")

    async def ring(request: Request) -> Response:  # noqa: ARG001
        # a worker serves the pages below its own address, so it cannot lie in /static
        return FileResponse(STATIC / "ring.js", media_type="text/javascript")

    routes: list[Any] = [
        Route(f"/{language}{path.replace(':int}', ':number}')}", _answering(frame, frame.words[language], page), methods=list(methods))
        for language in LANGUAGES
        for path, (page, methods) in ADDRESSES.items()
    ]
    routes += [
        Route("/state.json", state),
        Route("/authority.pem", authority),
        Route("/ring.js", ring),
        Mount("/static", StaticFiles(packages=[("gateway.edges.pages", "static")])),
    ]

    async def failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else _STATUS[type(error)]
        return _failure(frame, request, status)

    handlers: Any = dict.fromkeys((HTTPException, *_STATUS), failed)
    return Guard(Starlette(routes=routes, exception_handlers=handlers), frame.access, host_names, LANGUAGES)


def _answering(frame: Frame, words: Words, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        session = getattr(request.state, "session", None)
        if request.method == "POST" and page not in entrance.WITHOUT_TOKEN:
            given = str((await request.form()).get("token", ""))
            if session is None or not secrets.compare_digest(given.encode(), token_of(session).encode()):
                raise HTTPException(403)
        return await page(frame, request, words)

    return answer


def _failure(frame: Frame, request: Request, status: int) -> Response:
    words = frame.words[request.url.path[1:3] if request.url.path[1:3] in LANGUAGES else "en"]
    known = f"error.{status}"
    return frame.show("error", request, words, status, sentence=words(known if known in words.names else "error.500"))
