"""The home's settings: its password, the browsers that are signed in, everything kept here as a file, and the certificate to trust."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway import export, records
from gateway.edges import home_assistant, ledger, questions
from gateway.edges.log import utc_ms
from gateway.edges.pages import holdings, views
from gateway.edges.pages.access import LONGEST_PASSWORD, SHORTEST_PASSWORD
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.words import Words
from gateway.home_assistant import HEALTH
from protocol import readings

_PART_BYTES = 1 << 16


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show the settings."""
    return _show(frame, request, words)


async def password(frame: Frame, request: Request, words: Words) -> Response:
    """Change the household's password; every other browser signs in again with the new one."""
    form = await request.form()
    old, new = str(form.get("old", "")), str(form.get("new", ""))
    if not SHORTEST_PASSWORD <= len(new) <= LONGEST_PASSWORD:
        return _show(frame, request, words, wrong=words("setup.short", least=SHORTEST_PASSWORD), status=400)
    if not await frame.access.change_password(old, new, request.state.session):
        return _show(frame, request, words, wrong=words("sign_in.wrong"), status=403)
    return _show(frame, request, words, done=words("settings.password_changed"))


async def end_session(frame: Frame, request: Request, words: Words) -> Response:
    """Sign one browser out."""
    await frame.access.end_named(str((await request.form()).get("session", "")))
    return frame.back(words, "settings")


async def take(frame: Frame, request: Request, words: Words) -> Response:  # noqa: ARG001
    """Hand out everything kept at home as one zip."""
    if frame.exporting.locked():
        raise HTTPException(409)
    async with frame.exporting:
        # on the home's own disk and without a name, so that it is gone with the answer
        file = tempfile.TemporaryFile(dir=frame.house.buffer.path.parent)  # noqa: SIM115
        home, path, now_s = holdings.home(frame.house), frame.house.buffer.path, time.time()

        def write() -> None:
            everything = {**home, **holdings.recorded_in(path)}
            export.archive(file, everything, holdings.held_in(path), holdings.COLUMNS, words("export.read_me"), now_s)

        await asyncio.to_thread(write)
    await frame.house.buffer.write(
        lambda connection: ledger.add(connection, records.EXPORTED, "page", None, questions.count(connection), utc_ms())
    )
    frame.house.log.info("page.exported")
    size = file.tell()
    day = time.strftime("%Y-%m-%d", time.localtime(now_s))
    headers = {"content-disposition": f'attachment; filename="foyer-home-{day}.zip"', "content-length": str(size)}
    return StreamingResponse(_parts(file), media_type="application/zip", headers=headers, background=BackgroundTask(file.close))


async def tell_neighbour(frame: Frame, request: Request, words: Words) -> Response:
    """Say whose readings of which kind a Home Assistant in this home is told."""
    form = await request.form()
    people = [subject for subject, row in frame.house.subjects().items() if row["kind"] == views.PERSON]
    ticked = [(subject, kind) for subject in people for kind in HEALTH if form.get(f"tell-{subject}-{kind}") == "yes"]
    await frame.house.buffer.write(lambda connection: home_assistant.set_ticks(connection, ticked, utc_ms()))
    return frame.back(words, "settings")


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while part := file.read(_PART_BYTES):
        yield part


def _show(frame: Frame, request: Request, words: Words, wrong: str = "", done: str = "", status: int = 200) -> Response:
    now_s = time.time()
    browsers = [
        {
            "named": each.named,
            "browser": each.browser.replace("?", words("settings.unknown_browser")),
            "since": words.moment(each.since_ms / 1000, now_s),
            "last": words.moment(each.last_ms / 1000, now_s),
            "is_this": each.is_this,
        }
        for each in frame.access.sessions(request.state.session)
    ]
    ticked = frame.house.buffer.read(home_assistant.ticks)
    people = [
        {
            "name": row["name"],
            "kinds": [(f"tell-{subject}-{kind}", readings.KIND_NAMES[kind], (subject, kind) in ticked) for kind in HEALTH],
        }
        for subject, row in frame.house.subjects().items()
        if row["kind"] == views.PERSON
    ]
    return frame.show(
        "settings",
        request,
        words,
        status,
        neighbour=frame.neighbour,
        people=people,
        browsers=browsers,
        wrong=wrong,
        done=done,
        least=SHORTEST_PASSWORD,
    )


ADDRESSES: Addresses = {
    "/settings": (show, LOOK),
    "/settings/password": (password, DO),
    "/settings/sessions": (end_session, DO),
    "/settings/neighbour": (tell_neighbour, DO),
    "/settings/export": (take, DO),
}
