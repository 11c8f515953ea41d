"""Server-sent events for whoever watches the page: that something moved, and the nursery's live values with their age and alarms."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable

from gateway.edges.changes import Changes, Live

_BEAT_S = 5.0


async def news(changes: Changes, babyphones: Callable[[], Iterable[bytes]], stopping: asyncio.Event) -> AsyncIterator[str]:
    """Yield events until the browser goes or the gateway ends: `moved`, `live`, `alarms` as they change, and a beat when nothing happens.

    babyphones: the kids of those that are enrolled now; each is waited for, heard or not.
    """
    told: dict[bytes, str] = {}
    yield "retry: 2000\n\n"
    with changes.watch() as watcher:
        for live in list(changes.latest.values()):
            yield _live_event(live)
        while not stopping.is_set():
            any_, live_ = await watcher.next(_BEAT_S)
            if not any_:
                yield ": nothing new\n\n"
            else:
                yield "event: moved\ndata: {}\n\n" if live_ is None else _live_event(live_)
            for kid in babyphones():
                event = _alarms_event(changes, kid)
                if told.get(kid) != event:
                    told[kid] = event
                    yield event


def _alarms_event(changes: Changes, kid: bytes) -> str:
    facts = {"kid": kid.hex(), "alarms": {alarm.kind: alarm.state for alarm in changes.alarms(kid)}}
    return f"event: alarms\ndata: {json.dumps(facts)}\n\n"


def _live_event(live: Live) -> str:
    facts = {
        "kid": live.kid.hex(),
        "loudness_dB": live.loudness_dB,
        "temperature_Cel": live.temperature_Cel,
        "humidity_percent": live.humidity_percent,
        "crying": live.crying,
        "doing": live.doing,
        "age_s": round(time.monotonic() - live.at_s, 1),
    }
    return f"event: live\ndata: {json.dumps(facts)}\n\n"
