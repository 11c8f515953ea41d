"""A device that looks for its home all over a network; MicroPython only, because sockets there are others."""

import asyncio
import time

from firmware.clock import Clock
from firmware.radio import seeking


class Session:
    """A pairing's, as far as a radio asks it."""

    link = None
    disturbed = False

    @staticmethod
    def doubtful(_now_ms):
        return False


class Asked:
    """An exchange of one datagram and its answer."""

    def __init__(self):
        self.over = False
        self.answer = None
        self._sent = False

    def poll(self, _now_ms):
        if self._sent:
            return None
        self._sent = True
        return b"is anybody there"

    def feed(self, datagram, _now_ms):
        self.answer = datagram
        self.over = True


def found(where, port):
    """Ask at an address, settle on whoever answers, ask again; return both answers and whom the settings would name."""
    clock = Clock(time.ticks_ms, time.ticks_diff)
    radio = seeking.Seeking({"ssid": "home", "password": "", "gateway": [where, port]}, Session, clock, lambda: None)

    async def ask():
        first, second = Asked(), Asked()
        await radio._carry(first)
        radio.settle()
        await radio._carry(second)
        return [first.answer, second.answer, radio.keep({})]

    return asyncio.run(asyncio.wait_for(ask(), 10))
