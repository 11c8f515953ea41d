"""The devices of the home: how each is, who uses it and where it stands."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.devices import Device
from gateway.edges import households, questions
from gateway.edges.pages import views
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.typed import choice
from gateway.edges.pages.views import PERSON, ROOM
from gateway.edges.pages.words import Words


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show every device, and the way from the home to the account."""
    outside = frame.house.outside
    return frame.show(
        "devices",
        request,
        words,
        devices=views.devices(frame.house, words),
        subjects=list(frame.house.subjects().values()),
        waiting=frame.house.buffer.read(questions.queue_length),
        way_out="none" if outside is None else "open" if outside.connected else "cut",
        sentence=views.way_out(frame.house, words),
    )


async def give(frame: Frame, request: Request, words: Words) -> Response:
    """Say who uses a device and where it stands."""
    device = named(frame, request)
    form = await request.form()
    subjects = frame.house.subjects()
    used_by, room = choice(form.get("used_by"), subjects, PERSON), choice(form.get("room"), subjects, ROOM)
    await frame.house.buffer.write(lambda connection: households.give_device(connection, device.kid, used_by, room))
    frame.woken()
    return frame.back(words, "devices")


def named(frame: Frame, request: Request) -> Device:
    """Return the enrolled device an address names. Raises HTTPException: 404, there is none."""
    for device in frame.house.enrolments.devices:
        if device.kid.hex() == request.path_params["kid"]:
            return device
    raise HTTPException(404)


ADDRESSES: Addresses = {"/devices": (show, LOOK), "/devices/{kid}": (give, DO)}
