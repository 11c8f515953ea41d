"""News for whoever watches the page: that something moved, the nursery's live values and its alarms. `nights.py` keeps some."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.alarms import Alarm, Room, Rules
from gateway.devices import Device
from gateway.night import Gathering
from protocol import readings, units

_WAITING = 50


@dataclass(frozen=True, slots=True)
class Live:
    """The last live values of one babyphone: loudness in dB(A), air in Celsius and percent, crying; at_s: when, by the monotonic clock.

    doing: what it does for comfort, by the names of DOING; 0 for what is off.
    """

    kid: bytes
    loudness_dB: float | None
    temperature_Cel: float | None
    humidity_percent: int | None
    crying: bool | None
    at_s: float
    doing: Mapping[str, int] = field(default_factory=dict)


# Extensions of a live value (protocol/foyer.cddl), and the most that each can be.
DOING = {32: ("light", 100), 33: ("sound", 2), 34: ("volume", 100), 35: ("minutes", 600), 36: ("heard", 1)}


class Changes:
    """Passes news on to every watcher; a watcher too slow to keep up misses some and gets the newest."""

    def __init__(self) -> None:
        self.latest: dict[bytes, Live] = {}
        self.gathering = Gathering()
        self._rooms: dict[bytes, Room] = {}
        self._watchers: set[asyncio.Queue[Live | None]] = set()

    def happened(self) -> None:
        """Say that something on the page may have changed."""
        self._tell(None)

    def live(self, device: Device, values: dict[int, object]) -> None:
        """Take live values of a babyphone."""
        half_dB, centi_Cel = values.get(readings.LOUDNESS), values.get(readings.TEMPERATURE)
        humidity, crying = values.get(readings.HUMIDITY), values.get(readings.CRYING)
        now = Live(
            device.kid,
            units.dB_from_half_dB(half_dB) if isinstance(half_dB, int) else None,
            units.Cel_from_centi_Cel(centi_Cel) if isinstance(centi_Cel, int) else None,
            humidity if isinstance(humidity, int) else None,
            bool(crying) if isinstance(crying, int) else None,
            time.monotonic(),
            {name: _within(values.get(key), most) for key, (name, most) in DOING.items()},
        )
        self.latest[device.kid] = now
        self.room(device.kid).heard(now.at_s, now.crying, now.temperature_Cel)
        if now.loudness_dB is not None:
            self.gathering.hear(device.kid, time.time(), now.loudness_dB, bool(now.crying), now.temperature_Cel, now.humidity_percent)
        self._tell(now)

    def room(self, kid: bytes) -> Room:
        """Return the room of a babyphone; from the first time it is asked for, its device is waited for."""
        return self._rooms.setdefault(kid, Room(time.monotonic()))

    def rule(self, kid: bytes, rules: Rules) -> None:
        """Judge a babyphone's room by these rules from now on."""
        self.room(kid).rules = rules

    def alarms(self, kid: bytes) -> list[Alarm]:
        """Return a babyphone's alarms as they are now."""
        return self.room(kid).alarms(time.monotonic())

    @contextmanager
    def watch(self) -> Iterator["Watcher"]:
        """Watch until the end of the `with`."""
        queue: asyncio.Queue[Live | None] = asyncio.Queue(_WAITING)
        self._watchers.add(queue)
        try:
            yield Watcher(queue)
        finally:
            self._watchers.discard(queue)

    def _tell(self, news: Live | None) -> None:
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(news)


def _within(value: object, most: int) -> int:
    return value if isinstance(value, int) and 0 <= value <= most else 0


class Watcher:
    """One who watches."""

    def __init__(self, queue: asyncio.Queue[Live | None]) -> None:
        self._queue = queue

    async def next(self, longest_s: float) -> tuple[bool, Live | None]:
        """Return (True, news) or, when nothing happened for that long, (False, None); news None: something else moved."""
        try:
            async with asyncio.timeout(longest_s):
                return True, await self._queue.get()
        except TimeoutError:
            return False, None
