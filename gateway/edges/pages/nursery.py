"""The nursery: live values, alarms and their limits, light and sound, and the streams that carry the room to whoever watches or listens."""

import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway import alarms, night, orders
from gateway.devices import Device
from gateway.edges import nights, thresholds
from gateway.edges.listening import KEY_BYTES, is_at_home
from gateway.edges.log import utc_ms
from gateway.edges.pages import views
from gateway.edges.pages.devices import named, told
from gateway.edges.pages.events import news
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.typed import decimal
from gateway.edges.pages.words import Words
from protocol import commands


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
            "doing": doing(latest[device["kid"]][0].doing, words) if device["kid"] in latest else "",
            "orders": told(frame, device["kid"], "babyphone", words),
            "rules": changes.room(bytes.fromhex(device["kid"])).rules,
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
        comforts=[(kind, orders.NAMES[kind]) for kind in (commands.LIGHT, commands.PLAY, commands.VOLUME, commands.STOP)],
        size=(night.WIDTH, night.HEIGHT),
        push_key=frame.push.public_key if frame.push else "",
    )


def doing(now: Mapping[str, int], words: Words) -> str:
    """Return what a babyphone does for comfort just now, as nursery.js says it; nothing when it does nothing."""
    said = []
    if now.get("light"):
        said.append(words("comfort.light").replace("#", str(now["light"])))
    if now.get("sound"):
        minutes, volume = str(now.get("minutes", 0)), str(now.get("volume", 0))
        said.append(words(f"comfort.sound{now['sound']}") + f" {volume} %, {minutes} min")
    if now.get("heard"):
        said.append(words("comfort.heard"))
    return " · ".join(said)


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


async def limits(frame: Frame, request: Request, words: Words) -> Response:
    """Choose from when the room is too cold or too warm, and how soon crying rings."""
    device = _babyphone(frame, request)
    form = await request.form()
    chosen = {name: decimal(form.get(name), *alarms.CHOOSABLE[name]) for name in alarms.CHOOSABLE}
    if None in chosen.values():
        raise HTTPException(400)
    cold, warm, windows = chosen.values()
    rules = alarms.Rules(too_cold_Cel=cold or 0, too_warm_Cel=warm or 0, crying_windows=int(windows or 0))
    await frame.house.buffer.write(lambda connection: thresholds.choose(connection, device.kid, rules, utc_ms()))
    frame.house.changes.rule(device.kid, rules)
    return frame.back(words, "nursery")


async def listen(frame: Frame, request: Request, words: Words) -> Response:  # noqa: ARG001
    """Stream the room's sound to a browser in the home's network, closed under the key that this browser made."""
    device = _babyphone(frame, request)
    if request.client is None or not is_at_home(request.client.host):
        raise HTTPException(403)
    try:
        key = bytes.fromhex(str((await request.form()).get("key", "")))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise HTTPException(400)
    return StreamingResponse(frame.listenings.listen(device, key, frame.orders), media_type="application/octet-stream")


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


def _babyphone(frame: Frame, request: Request) -> Device:
    device = named(frame, request)
    if device.kind != "babyphone":
        raise HTTPException(404)
    return device


def _babyphones(frame: Frame) -> list[bytes]:
    return [device.kid for device in frame.house.enrolments.devices if device.kind == "babyphone"]


def _minutes(frame: Frame, kid: str, now_minute: int) -> list[night.Minute]:
    return frame.house.buffer.read(lambda connection: nights.minutes(connection, bytes.fromhex(kid), now_minute - night.KEPT_MINUTES))


def _name(subjects: Mapping[int, Mapping[str, Any]], number: int | None) -> str:
    return "" if number is None or number not in subjects else str(subjects[number]["name"])


ADDRESSES: Addresses = {
    "/nursery": (show, LOOK),
    "/nursery/push": (push, DO),
    "/nursery/{kid}": (silence, DO),
    "/nursery/{kid}/limits": (limits, DO),
    "/nursery/{kid}/listen": (listen, DO),
    "/events": (events, LOOK),
}
