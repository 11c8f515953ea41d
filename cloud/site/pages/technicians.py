"""The page for technicians: the firmware on the shelf with its checksums, and a board on this computer's cable set up from the browser."""

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from cloud import releases
from cloud.site.premises import premises_of, show, visitor_of


async def technicians(request: Request) -> Response:
    """What can be downloaded or installed, and how."""
    folder = premises_of(request).settings.releases
    shelf = await run_sync(releases.on_shelf, folder)
    kinds = [kind for kind in releases.KINDS if await run_sync(releases.install_manifest, folder, kind, "/releases")]
    key = await run_sync(releases.file_of, folder, releases.PUBLIC_KEY) is not None
    return show(request, "technicians.html", visitor=await visitor_of(request), shelf=shelf, installable=kinds, has_key=key)


async def install_manifest(request: Request) -> Response:
    """What ESP Web Tools installs a kind of device from."""
    kind = request.path_params["kind"]
    manifest = await run_sync(releases.install_manifest, premises_of(request).settings.releases, kind, "/releases")
    if manifest is None:
        raise HTTPException(404)
    return JSONResponse(manifest)


async def hand_out(request: Request) -> Response:
    """A file on the shelf, as it is."""
    path = await run_sync(releases.file_of, premises_of(request).settings.releases, request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)
