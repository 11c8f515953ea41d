"""The devices of the home: how each is, who uses it and where it stands."""

import time
from sqlite3 import Connection
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import orders
from gateway.cuff import FIRST_OF_THE_HOME
from gateway.devices import Device, in_force
from gateway.edges import households, orderbook, questions
from gateway.edges.log import utc_ms
from gateway.edges.pages import updating, views
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.typed import choice, number
from gateway.edges.pages.views import PERSON, ROOM
from gateway.edges.pages.words import Words
from gateway.orders import Wanted
from gateway.updates import CHOICES
from protocol import commands, steering
from protocol.sentences import SENTENCES

_ARGUMENTS = {"who": commands.WHO, "seconds": commands.SECONDS, "phones": commands.PHONES, **steering.COMFORTS}
_DECISIONS = {"agree": orders.AGREED, "decline": orders.SAID_NO, "take_back": orders.TAKEN_BACK}


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show every device, and the way from the home to the account."""
    outside = frame.house.outside
    rights = frame.house.buffer.read(orderbook.rights)
    subjects = list(frame.house.subjects().values())
    shown = [
        {
            **device,
            "functions": [(kind, orders.NAMES[kind]) for kind in orders.FUNCTIONS[device["kind"]] if kind not in orders.AT_HOME],
            "orders": told(frame, device["kid"], device["kind"], words),
            "release": updating.shown(frame, bytes.fromhex(device["kid"]), words),
            "rights": {subject for subject, kid in rights if kid.hex() == device["kid"]},
        }
        for device in views.devices(frame.house, words)
    ]
    return frame.show(
        "devices",
        request,
        words,
        devices=shown,
        gone=[device.name for device in in_force(frame.house.enrolments.gone)],
        updates=updating.choices(frame),
        subjects=subjects,
        people=[{**row, "who": FIRST_OF_THE_HOME + row["subject"]} for row in subjects if row["kind"] == PERSON],
        waiting=frame.house.buffer.read(questions.queue_length),
        way_out="none" if outside is None else "open" if outside.connected else "cut",
        sentence=views.way_out(frame.house, words),
    )


def told(frame: Frame, kid: str, kind: str, words: Words) -> list[dict[str, Any]]:
    """Return the last orders of a device and what became of them, in words."""
    return [_line(each, kind, frame, words) for each in frame.orders.shown(bytes.fromhex(kid))]


def _line(each: Wanted, kind: str, frame: Frame, words: Words) -> dict[str, Any]:
    moment = words.moment((each.ended_ms or each.made_ms) / 1000, time.time())
    subject = frame.house.subjects().get(each.subject or 0)
    sentence = f"order.{each.state}.{kind}" if each.state == orders.WAITING else f"order.{each.state}"
    if (each.state, each.kind) == (orders.DONE, commands.ARM):
        sentence = "order.armed"
    reason = SENTENCES.get(each.fault or 0, {}).get(words.language, "")
    return {
        "number": each.number,
        "what": words(f"function.{orders.NAMES[each.kind]}"),
        "state": each.state,
        "sentence": f"{words(sentence, when=moment)} {reason}".strip(),
        "from": "" if each.origin == orders.HOME else words("order.from_site", name=subject["name"] if subject else words("log.erased")),
        "asks": each.state == orders.ASKING,
        "open": each.state in (orders.ASKING, orders.WAITING),
    }


async def give(frame: Frame, request: Request, words: Words) -> Response:
    """Say who uses a device and where it stands."""
    device = named(frame, request)
    form = await request.form()
    subjects = frame.house.subjects()
    used_by, room = choice(form.get("used_by"), subjects, PERSON), choice(form.get("room"), subjects, ROOM)
    button_a, button_b = (choice(form.get(name), subjects, PERSON) for name in ("button_a", "button_b"))

    def write(connection: Connection) -> None:
        households.give_device(connection, device.kid, used_by, room)
        households.set_buttons(connection, device.kid, button_a, button_b)

    await frame.house.buffer.write(write)
    frame.woken()
    return frame.back(words, "devices")


def named(frame: Frame, request: Request) -> Device:
    """Return the enrolled device an address names. Raises HTTPException: 404, there is none."""
    for device in frame.house.enrolments.devices:
        if device.kid.hex() == request.path_params["kid"]:
            return device
    raise HTTPException(404)


async def shut_out(frame: Frame, request: Request, words: Words) -> Response:
    """Let a device in no more that was lost, sold or given away; whoever has an account goes on under a new name (threats T13)."""
    device = named(frame, request)
    if (await request.form()).get("sure") != "yes":
        raise HTTPException(400)
    await frame.house.enrolments.shut_out(device.serial)

    def write(connection: Connection) -> int:
        orderbook.set_rights(connection, device.kid, [], utc_ms())
        return frame.book.rename_everybody(connection)

    renamed = await frame.house.buffer.write(write)
    frame.house.log.info("device.shut_out", kid=device.kid.hex(), renamed=renamed)
    frame.orders.ended()
    frame.woken()
    return frame.back(words, "devices")


async def order(frame: Frame, request: Request, words: Words) -> Response:
    """Tell a device to do something, once it is there."""
    device = named(frame, request)
    form = await request.form()
    kind = number(form.get("kind"))
    given = {key: number(form.get(name)) for name, key in _ARGUMENTS.items() if form.get(name)}
    known = {key: value for key, value in given.items() if value is not None}
    if kind is None or kind in orders.AT_HOME or len(known) < len(given) or not await frame.orders.give(device, kind, known):
        raise HTTPException(400)
    return frame.back(words, "nursery" if form.get("back") == "nursery" else "devices")


async def decide(frame: Frame, request: Request, words: Words) -> Response:
    """Say yes or no to an order from the site, or take one back."""
    device = named(frame, request)
    event = _DECISIONS.get(str((await request.form()).get("what", "")))
    if event is None:
        raise HTTPException(400)
    await frame.orders.decide(device, request.path_params["number"], event)
    return frame.back(words, "devices")


async def share(frame: Frame, request: Request, words: Words) -> Response:
    """Say whose accounts may steer a device from the site."""
    device = named(frame, request)
    form = await request.form()
    subjects = frame.house.subjects()
    chosen = [subject for subject, row in subjects.items() if row["kind"] == PERSON and form.get(f"subject-{subject}") == "yes"]
    await frame.house.buffer.write(lambda connection: orderbook.set_rights(connection, device.kid, chosen, utc_ms()))
    frame.orders.ended()
    return frame.back(words, "devices")


async def update(frame: Frame, request: Request, words: Words) -> Response:
    """Ask for the newest release on a device, now."""
    if frame.rollout is None or not await frame.rollout.want(named(frame, request)):
        raise HTTPException(400)
    return frame.back(words, "devices")


async def when(frame: Frame, request: Request, words: Words) -> Response:
    """Choose when updates come."""
    choice_ = str((await request.form()).get("choice", ""))
    if frame.rollout is None or choice_ not in CHOICES:
        raise HTTPException(400)
    await frame.rollout.choose(choice_)
    return frame.back(words, "devices")


ADDRESSES: Addresses = {
    "/updates": (when, DO),
    "/devices": (show, LOOK),
    "/devices/{kid}": (give, DO),
    "/devices/{kid}/gone": (shut_out, DO),
    "/devices/{kid}/orders": (order, DO),
    "/devices/{kid}/orders/{number:int}": (decide, DO),
    "/devices/{kid}/update": (update, DO),
    "/devices/{kid}/rights": (share, DO),
}
