"""Readings that wait for somebody to say whose they are, and the one touch that says it."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.edges import questions
from gateway.edges.log import utc_ms
from gateway.edges.pages import views
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.typed import number
from gateway.edges.pages.views import ROOM
from gateway.edges.pages.words import Words
from gateway.edges.way import ASSIGNED

_PAGE_ROWS = 40


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show what waits, with everybody it may belong to."""
    rows = frame.house.buffer.read(lambda connection: questions.recent(connection, _PAGE_ROWS, place=questions.INBOX))
    subjects = frame.house.subjects().values()
    lines = [
        {**line, "whose": [row for row in subjects if (row["kind"] == ROOM) == (line["kind"] == "climate")]}
        for line in views.lines(rows, frame.house, words)
    ]
    return frame.show("inbox", request, words, lines=lines)


async def assign(frame: Frame, request: Request, words: Words) -> Response:
    """Give a reading to somebody."""
    whose = number((await request.form()).get("subject"))
    reading = request.path_params["reading"]
    if whose is None:
        raise HTTPException(400)
    if await frame.house.buffer.write(lambda connection: questions.assign(connection, reading, whose)):
        frame.house.way.passed(reading, ASSIGNED, utc_ms())
        frame.house.log.info("reading.assigned", reading=reading, subject=whose, reason="by_hand")
    frame.woken()
    return frame.back(words, "inbox")


ADDRESSES: Addresses = {"/inbox": (show, LOOK), "/inbox/{reading:int}": (assign, DO)}
