"""A device whose home has gone silent where it was; MicroPython only, because sockets there are others."""

import asyncio
import time

from firmware import once
from firmware.clock import Clock
from firmware.errors import GatewaySilent
from firmware.radio import lookup, wifi

_HURRY = 10  # times as fast as real


class Way:
    """An exchange that repeats itself each second and is over after its patience, or with the right answer."""

    forged = 0
    news = None
    state = "waiting"

    def __init__(self, patience_ms):
        self.answer = None
        self._patience_ms = patience_ms
        self._begun_ms = None
        self._next_ms = 0
        self._now_ms = 0

    def begin(self, now_ms):
        self.answer = None
        self._begun_ms = self._next_ms = self._now_ms = now_ms

    @property
    def over(self):
        return self.answer is not None or self._now_ms - self._begun_ms > self._patience_ms

    def poll(self, now_ms):
        self._now_ms = now_ms
        if self.answer is not None or now_ms < self._next_ms:
            return None
        self._next_ms = now_ms + 1000
        return b"a reading"

    def feed(self, datagram, _now_ms):
        if datagram == b"receipt":
            self.answer = datagram


class Session:
    """A session with a link, as far as a radio asks it."""

    disturbed = False
    strange = False

    def __init__(self, patience_ms):
        self.link = Way(patience_ms)

    def doubtful(self, _now_ms):
        return False

    def renew(self, _now_ms):
        return False


class Station:
    """A network that is there."""

    @staticmethod
    def active():
        return True

    @staticmethod
    def isconnected():
        return True


def asked(home, mdns, times, patience_ms):
    """Ask so often; return for each the answer or None, then where the home is, and where the next would go."""
    clock = Clock(lambda: time.ticks_ms() * _HURRY, lambda one, other: one - other)
    radio = wifi.Wifi({"ssid": "home", "password": "", "gateway": home}, Session(patience_ms), clock, lambda: None)
    radio._station = Station
    here = lookup.homes
    lookup.homes = lambda alive: here(alive, mdns)
    once.forget = lambda *_: None

    async def ask():
        said = []
        for _ in range(times):
            try:
                said.append(await radio._ask(lambda way: way.begin(clock.up_ms())))
            except GatewaySilent:
                said.append(None)
        return said

    said = asyncio.run(asyncio.wait_for(ask(), 100))
    return [said, radio._home, radio._gateway]
