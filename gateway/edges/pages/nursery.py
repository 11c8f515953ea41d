"""The nursery: live values, alarms, and the stream of events that carries them to whoever watches."""

import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway import alarms, night
from gateway.edges import nights
from gateway.edges.pages import views
from gateway.edges.pages.devices import named
from gateway.edges.pages.events import news
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.words import Words


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show each babyphone's room with its last live values and its alarms."""
    changes, now_s = frame.house.changes, time.monotonic()
    latest = {kid.hex(): (live, now_s - live.at_s) for kid, live in changes.latest.items()}
    subjects = frame.house.subjects()
    now_minute = int(time.time() // 60)
    shown = [
        {
            **device,
            "live": latest.get(device["kid"]),
            "where": _name(subjects, device["room"]),
            "night": night.chart(minutes, now_minute) if (minutes := _minutes(frame, device["kid"], now_minute)) else None,
            "hours": night.hours(minutes),
            "alarms": {alarm.kind: alarm.state for alarm in changes.alarms(bytes.fromhex(device["kid"]))},
        }
        for device in views.devices(frame.house, words)
        if device["kind"] == "babyphone"
    ]
    return frame.show(
        "nursery",
        request,
        words,
        rooms=shown,
        kinds=alarms.KINDS,
        size=(night.WIDTH, night.HEIGHT),
        push_key=frame.push.public_key if frame.push else "",
    )


async def silence(frame: Frame, request: Request, words: Words) -> Response:
    """Silence one alarm: for good (`acknowledge`) or for some minutes (`snooze`)."""
    device = named(frame, request)
    form = await request.form()
    kind, what = form.get("alarm"), form.get("what")
    if device.kind != "babyphone" or not isinstance(kind, str) or kind not in alarms.KINDS or what not in ("acknowledge", "snooze"):
        raise HTTPException(404)
    room, now_s = frame.house.changes.room(device.kid), time.monotonic()
    (room.snooze if what == "snooze" else room.acknowledge)(kind, now_s)
    return frame.back(words, "nursery")


async def push(frame: Frame, request: Request, words: Words) -> Response:
    """Ring the browser that asks, also while its page is closed (`ring`), or no more (`silent`)."""
    form = await request.form()
    endpoint, what = str(form.get("endpoint", "")), form.get("what")
    if frame.push is None or what not in ("ring", "silent"):
        raise HTTPException(404)
    if what == "silent":
        await frame.push.remove(endpoint)
    elif not await frame.push.add(endpoint, str(form.get("p256dh", "")), str(form.get("auth", "")), words.language):
        raise HTTPException(400)
    return Response(status_code=204)


async def events(frame: Frame, request: Request, words: Words) -> Response:  # noqa: ARG001
    """Stream news for as long as the browser stays."""
    return StreamingResponse(news(frame.house.changes, lambda: _babyphones(frame), frame.stopping), media_type="text/event-stream")


def _babyphones(frame: Frame) -> list[bytes]:
    return [device.kid for device in frame.house.enrolments.devices if device.kind == "babyphone"]


def _minutes(frame: Frame, kid: str, now_minute: int) -> list[night.Minute]:
    return frame.house.buffer.read(lambda connection: nights.minutes(connection, bytes.fromhex(kid), now_minute - night.KEPT_MINUTES))


def _name(subjects: Mapping[int, Mapping[str, Any]], number: int | None) -> str:
    return "" if number is None or number not in subjects else str(subjects[number]["name"])


ADDRESSES: Addresses = {"/nursery": (show, LOOK), "/nursery/push": (push, DO), "/nursery/{kid}": (silence, DO), "/events": (events, LOOK)}
