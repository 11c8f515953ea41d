"""The page for technicians: the firmware on the shelf with its checksums, and a board on this computer's cable set up from the browser.

And what homes ask this shelf: the files on it, and which roll-outs have halted.
"""

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from cloud import outcomes, releases
from cloud.site.premises import premises_of, show, visitor_of
from protocol import shelf


async def technicians(request: Request) -> Response:
    """What can be downloaded or installed, and how."""
    folder, stopped = premises_of(request).settings.releases, await _halted(request)
    offered = await run_sync(releases.offered, folder, stopped)
    kinds = [kind for kind in releases.KINDS if await run_sync(releases.install_manifest, folder, kind, "/releases", stopped)]
    key = await run_sync(releases.file_of, folder, releases.PUBLIC_KEY) is not None
    return show(request, "technicians.html", visitor=await visitor_of(request), shelf=offered, installable=kinds, has_key=key)


async def install_manifest(request: Request) -> Response:
    """What ESP Web Tools installs a kind of device from."""
    folder, kind, stopped = premises_of(request).settings.releases, request.path_params["kind"], await _halted(request)
    manifest = await run_sync(releases.install_manifest, folder, kind, "/releases", stopped)
    if manifest is None:
        raise HTTPException(404)
    return JSONResponse(manifest)


async def hand_out(request: Request) -> Response:
    """A file on the shelf, as it is, unless its roll-out has halted."""
    folder, name, stopped = premises_of(request).settings.releases, request.path_params["name"], await _halted(request)
    path = await run_sync(releases.file_of, folder, name, stopped)
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


async def halted(request: Request) -> Response:
    """Which roll-outs have halted, for homes that have the file already."""
    return Response(shelf.encode_halted(await _halted(request)), media_type="application/cbor")


async def _halted(request: Request) -> frozenset[outcomes.Named]:
    def ask() -> frozenset[outcomes.Named]:
        with premises_of(request).accounts.connect() as connection:
            return outcomes.halted(connection)

    return await run_sync(ask)
