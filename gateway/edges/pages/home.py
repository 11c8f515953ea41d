"""The newest of everybody, and every reading with the state it is in."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.edges import questions
from gateway.edges.pages import views
from gateway.edges.pages.frame import LOOK, Addresses, Frame
from gateway.edges.pages.typed import number
from gateway.edges.pages.views import PERSON
from gateway.edges.pages.words import Words

_PAGE_ROWS = 40


async def newest(frame: Frame, request: Request, words: Words) -> Response:
    """Show a card for each of the newest, and what came lately."""
    house = frame.house
    rows = house.buffer.read(lambda connection: questions.recent(connection, 8))
    people = [row for row in house.subjects().values() if row["kind"] == PERSON]
    return frame.show(
        "home", request, words,
        cards=views.cards(house, words), lines=views.lines(rows, house, words), people=people, devices=house.enrolments.devices,
    )  # fmt: skip


async def every(frame: Frame, request: Request, words: Words) -> Response:
    """Show readings, newest first, a page at a time."""
    limit = number(request.query_params.get("before"))
    rows = frame.house.buffer.read(lambda connection: questions.recent(connection, _PAGE_ROWS, before=limit))
    older = rows[-1]["reading"] if len(rows) == _PAGE_ROWS else None
    return frame.show("readings", request, words, lines=views.lines(rows, frame.house, words), older=older)


ADDRESSES: Addresses = {"/": (newest, LOOK), "/readings": (every, LOOK)}
