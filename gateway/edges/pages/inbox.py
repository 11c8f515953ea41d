"""Readings that wait for somebody to say whose they are, and the one touch that says it."""

from sqlite3 import Connection

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.edges import places, questions
from gateway.edges.log import utc_ms
from gateway.edges.pages import owners, views
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.typed import number
from gateway.edges.pages.views import ROOM
from gateway.edges.pages.words import Words
from gateway.edges.way import ASSIGNED

_PAGE_ROWS = 40


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show what waits, with everybody it may belong to."""
    rows = frame.house.buffer.read(lambda connection: questions.recent(connection, _PAGE_ROWS, place=places.INBOX))
    subjects = frame.house.subjects().values()
    lines = [
        {
            **line,
            "whose": [each for each in subjects if (each["kind"] == ROOM) == (line["kind"] == "climate")],
            "offers": owners.offers(frame, row, words),
        }
        for row, line in zip(rows, views.lines(rows, frame.house, words), strict=True)
    ]
    return frame.show("inbox", request, words, lines=lines)


async def assign(frame: Frame, request: Request, words: Words) -> Response:
    """Give a reading to somebody."""
    whose = number((await request.form()).get("subject"))
    reading = request.path_params["reading"]
    if whose is None:
        raise HTTPException(400)
    if await frame.house.buffer.write(lambda connection: _assign(frame, connection, reading, whose)):
        frame.house.way.passed(reading, ASSIGNED, utc_ms())
        frame.house.log.info("reading.assigned", reading=reading, subject=whose, reason="by_hand")
    frame.woken()
    return frame.back(words, "inbox")


def _assign(frame: Frame, connection: Connection, reading: int, whose: int) -> bool:
    """Give a reading from the inbox to somebody; return False if it is not there (any more)."""
    return questions.is_in(connection, reading, places.INBOX) and frame.book.give(connection, reading, whose, "by_hand")


ADDRESSES: Addresses = {"/inbox": (show, LOOK), "/inbox/{reading:int}": (assign, DO)}
