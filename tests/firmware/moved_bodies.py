"""A device whose home is silent where it was; MicroPython only, because sockets there are others."""

import asyncio
import sys
import time

from firmware.clock import Clock
from firmware.radio import wifi
from tests.firmware.seeking_bodies import Session


class Repeated:
    """An exchange of one datagram, said again until it is answered."""

    def __init__(self, datagram, again_ms):
        self._again_ms = again_ms
        self.over = False
        self.answer = None
        self._datagram = datagram
        self._due_ms = 0

    def poll(self, now_ms):
        if now_ms < self._due_ms:
            return None
        self._due_ms = now_ms + self._again_ms
        return self._datagram

    def feed(self, datagram, _now_ms):
        self.answer = datagram
        self.over = True


class Asking(wifi.Wifi):
    """Asks for the name where a test answers; `questions` is what it asks."""

    def __init__(self, known, names, clock):
        wifi.Wifi.__init__(self, {"ssid": "home", "password": "", "gateway": list(known)}, Session, clock, lambda: None)
        self.names = tuple(names)
        self.questions = set()

    def _up(self):
        return True

    def _again(self, datagram):
        from firmware.radio import moved

        moved._MDNS = self.names
        self.questions.add(moved._QUESTION)
        wifi.Wifi._again(self, datagram)


def answers(known, names, count, again_ms):
    """Ask a home that settings say is there so many times, where the network is asked for it at `names`; return what was answered.

    And whether the code that looks is still there, and what it asked. again_ms: when all but the first are said again; that one soon.
    """
    clock = Clock(time.ticks_ms, time.ticks_diff)
    radio = Asking(known, names, clock)

    async def ask():
        said = []
        for number in range(count):
            asked = Repeated(b"%d" % number, again_ms if number else 100)
            await radio._carry(asked)
            said.append(asked.answer)
        while radio._moved:
            radio._receive()
        return said

    said = asyncio.run(asyncio.wait_for(ask(), 90))
    return [said, "firmware.radio.moved" in sys.modules, list(radio.questions)]
