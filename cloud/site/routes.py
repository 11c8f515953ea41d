"""Which address is which page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from cloud.site.defences import Defences
from cloud.site.pages import (
    account,
    devices,
    entry,
    home,
    homes,
    link,
    live,
    measurements,
    partner,
    passkey,
    profile,
    public,
    reading,
    share,
    shared,
    stop,
    take,
    technicians,
)
from cloud.site.premises import FOLDER, Premises, show, visitor_of
from protocol.shelf import HALTED_FILE

ROUTES = [
    Route("/", public.choose_language),
    Route("/health", public.health),
    Route("/{language:language}/", public.landing),
    Route("/{language:language}/terms", public.terms),
    Route("/{language:language}/register", entry.register, methods=["GET", "POST"]),
    Route("/{language:language}/sign-in", entry.sign_in, methods=["GET", "POST"]),
    Route("/{language:language}/mailbox", entry.mailbox),
    Route("/{language:language}/confirm", entry.confirm, methods=["GET", "POST"]),
    Route("/{language:language}/rules", public.rules),
    Route("/{language:language}/foyer.webmanifest", public.manifest),
    Route("/{language:language}/offline", public.offline),
    Route("/worker.js", public.worker),
    Route("/{language:language}/technicians", technicians.technicians),
    Route("/releases/{kind:str}.json", technicians.install_manifest),
    Route(f"/releases/{HALTED_FILE}", technicians.halted),
    Route("/releases/{name:str}", technicians.hand_out),
    Route("/{language:language}/stop/{token:str}", stop.stop, methods=["GET", "POST"]),
    Route("/{language:language}/recover", entry.recover, methods=["GET", "POST"]),
    Route("/{language:language}/recovery-code", entry.recovery_code, methods=["GET", "POST"]),
    Route("/{language:language}/sign-out", entry.sign_out, methods=["POST"]),
    Route("/{language:language}/home", home.home),
    Route("/{language:language}/live", live.live),
    Route("/{language:language}/link", link.link, methods=["GET", "POST"]),
    Route("/{language:language}/homes", homes.homes),
    Route("/{language:language}/homes/decide", homes.decide, methods=["POST"]),
    Route("/{language:language}/homes/leave", homes.leave, methods=["POST"]),
    Route("/{language:language}/account", account.account),
    Route("/{language:language}/account/password", account.change_password, methods=["POST"]),
    Route("/{language:language}/account/address", profile.change_address, methods=["POST"]),
    Route("/{language:language}/account/language", profile.change_language, methods=["POST"]),
    Route("/{language:language}/address", profile.new_address, methods=["GET", "POST"]),
    Route("/{language:language}/account/recovery-code", account.new_recovery_code, methods=["POST"]),
    Route("/{language:language}/account/sessions", account.end_session, methods=["POST"]),
    Route("/{language:language}/account/choices", account.choose, methods=["POST"]),
    Route("/{language:language}/devices", devices.devices, methods=["GET", "POST"]),
    Route("/{language:language}/changes", account.changes, methods=["GET", "POST"]),
    Route("/{language:language}/log", account.log),
    Route("/{language:language}/passkey", passkey.second, methods=["GET", "POST"]),
    Route("/{language:language}/passkey/options", passkey.sign_in_options, methods=["POST"]),
    Route("/{language:language}/passkey/sign-in", passkey.sign_in, methods=["POST"]),
    Route("/{language:language}/passkey/add-options", passkey.add_options, methods=["POST"]),
    Route("/{language:language}/passkey/add", passkey.add, methods=["POST"]),
    Route("/{language:language}/passkey/remove", passkey.remove, methods=["POST"]),
    Route("/{language:language}/share", share.share, methods=["GET", "POST"]),
    Route("/{language:language}/share/end", share.end, methods=["POST"]),
    Route("/{language:language}/shared", shared.shared, methods=["GET", "POST"]),
    Route("/.well-known/oauth-authorization-server", partner.metadata_of_server),
    Route("/fhir/.well-known/smart-configuration", partner.metadata_of_server),
    Route("/oauth/token", partner.token, methods=["POST"]),
    Route("/oauth/revoke", partner.revoke, methods=["POST"]),
    Route("/fhir/metadata", partner.metadata),
    Route("/fhir/{resource:str}", partner.search),
    Route("/fhir/{resource:str}/{id:str}", partner.read),
    Route("/{language:language}/take", take.take),
    Route("/{language:language}/take/export", take.export, methods=["POST"]),
    Route("/{language:language}/take/import", take.bring, methods=["POST"]),
    Route("/{language:language}/take/erase", take.erase, methods=["POST"]),
    Route("/{language:language}/reading/{number:str}/{row:str}", reading.reading, methods=["GET", "POST"]),
    Route("/{language:language}/reading/{number:str}/{row:str}/delete", reading.remove, methods=["POST"]),
    Route("/{language:language}/{kind:str}.json", measurements.as_json),
    Route("/{language:language}/{kind:str}", measurements.page),
]


class _OurFiles(StaticFiles):
    """Files whose address carries their version: a browser may keep them for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def make_site(premises: Premises) -> Starlette:
    """Return the site as an ASGI application."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(premises.watch.run)
            tasks.start_soon(premises.keep_house)
            yield
            tasks.cancel_scope.cancel()

    files = _OurFiles(directory=FOLDER / "static")
    # only what is named is served of the libraries' folders
    files.all_directories = [FOLDER / "static", premises.settings.libraries, premises.settings.installer]
    app = Starlette(
        routes=[Mount("/static", files), *ROUTES],
        middleware=[Middleware(Defences, site=premises.settings), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)],
        exception_handlers={HTTPException: _told, 404: _told, 500: _failed},
        lifespan=lifespan,
    )
    app.state.premises = premises
    return app


async def _told(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return show(request, "error.html", await visitor_of(request), status, code=status)


async def _failed(request: Request, error: Exception) -> Response:
    request.app.state.premises.log.error("site.failed", path=request.url.path, reason=type(error).__name__, exc_info=error)
    return show(request, "error.html", status=500, code=500)
