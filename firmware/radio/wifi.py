"""The way home over Wi-Fi: CoAP over UDP, protected by OSCORE. The protocol is `protocol/link.py`, its keys are `session.py`'s;
here are radio and socket.

The network is joined when something is to be sent, and looked at again while waiting. Nothing that arrives is believed before it has
been opened, so the socket needs no care about who sends.
"""

import asyncio
import select
import socket

import network
from micropython import const

from firmware.errors import GatewaySilent, GatewayStrange, NoAddress, NoNetwork, WifiRefused

JOIN_MS = const(15_000)
_JOIN_LOOK_MS = const(100)
_LOOK_MS = const(10)
_NETWORK_LOOK_MS = const(1000)
# The radio tries again by itself this often and then says why it could not; without a number it tries for ever and says nothing.
_RECONNECTS = const(3)
_LARGEST_ANSWER_BYTES = const(512)  # a receipt has some 60; what is larger arrives cut, opens as nothing and is ignored


class Wifi:
    """settings as in `flash/`; session: the keys, as in `session.py`; alive(): still waiting, not hanging."""

    def __init__(self, settings, session, clock, alive):
        self._ssid = settings["ssid"]
        self._password = settings["password"]
        self._gateway = settings["gateway"]
        self._clock = clock
        self._alive = alive
        self._station = network.WLAN(network.STA_IF)
        self._joined_ms = -JOIN_MS  # when joining last began
        self._socket = None
        self._waiting = None
        self._session = session
        self._hurried = _never
        self.heard = None  # called with each new state of what is observed

    @property
    def awake(self) -> bool:
        """Whether the radio is on."""
        return self._station.active()

    @property
    def observes(self) -> bool:
        """Whether the home will say what changes, over the link that there is now."""
        return self._session.link is not None and self._session.link.observes

    async def post(self, path: str, payload: bytes, content_format: int):
        """Return the home's authentic answer, with code, options and payload. Raises as `_ask` does."""
        return await self._ask(lambda way: way.post(path.encode(), content_format, payload, self._clock.up_ms()))

    async def fetch(self, path: str, payload, content_format: int, hurried):
        """Return what the home has there now, and hear of it from now on; payload() is asked once there is a link.

        None: given up, because hurried() said that something else cannot wait. Raises as `_ask` does.
        """
        self._hurried = hurried
        try:
            return await self._ask(lambda way: way.fetch(path.encode(), content_format, payload(), self._clock.up_ms()))
        except GatewaySilent:
            if hurried():
                return None
            raise
        finally:
            self._hurried = _never

    def hear(self) -> None:
        """Take what has come of its own accord, and answer it; never waits."""
        way = self._session.link
        if way is None or not self._station.active():
            return
        while received := self._receive():
            self._take(way, received)
        while datagram := way.poll(self._clock.up_ms()):
            self._send(datagram)

    def _take(self, asked, received):
        asked.feed(received, self._clock.up_ms())
        way = self._session.link
        if way is asked and way.news is not None and self.heard:
            news = way.news
            way.news = None
            while datagram := way.poll(self._clock.up_ms()):
                self._send(datagram)  # its acknowledgement, before what it asks for
            self.heard(news)

    async def _ask(self, begin):
        """Return the home's authentic answer to what begin(link) begins.

        Raises NoNetwork or a kind of it, GatewaySilent after CoAP's whole time of retransmission, or GatewayStrange when something
        answered in that time and could not be opened.
        """
        await self._join()
        for _ in range(2):  # again if the home has lost our keys
            if self._session.link is None:
                await self._session.introduce(self._carry, self._clock.up_ms, self._alive)
            way = self._session.link
            if way is None:
                raise GatewayStrange(answers=1) if self._session.strange else GatewaySilent(state="not introduced")
            strange = way.forged
            begin(way)
            await self._carry(way)
            if not self._session.renew(self._clock.up_ms()):
                break
        if way.answer is None and way.forged > strange:
            raise GatewayStrange(answers=way.forged - strange)
        if way.answer is None:
            raise GatewaySilent(state=way.state)
        return way.answer

    async def _carry(self, asked):
        """Send and receive until the exchange is over, or something else is worth more than waiting. Raises NoNetwork."""
        looked_ms = self._clock.up_ms()
        session = self._session
        while not (asked.over or session.doubtful(self._clock.up_ms()) or session.disturbed or self._hurried()):
            now_ms = self._clock.up_ms()
            while datagram := asked.poll(now_ms):
                self._send(datagram)
            if received := self._receive():
                self._take(asked, received)
                continue
            if now_ms - looked_ms > _NETWORK_LOOK_MS:
                looked_ms = now_ms
                if not self._station.isconnected():
                    raise NoNetwork(waited_ms=0)
            self._alive()
            await asyncio.sleep_ms(_LOOK_MS)
        while datagram := asked.poll(self._clock.up_ms()):
            self._send(datagram)  # the acknowledgement of a separate answer

    def say(self, path: str, payload: bytes, content_format: int) -> None:
        """Send a value that is worth nothing later: no answer, no repetition, and nothing at all without a network or keys."""
        if self._session.link is None:
            return
        if self._station.active() and self._station.isconnected():
            self._send(self._session.link.say(path.encode(), content_format, payload))
        elif self._clock.up_ms() - self._joined_ms > JOIN_MS:
            self.begin()

    async def _join(self):
        if self._station.active() and self._station.isconnected():
            return
        self.begin()
        for _ in range(JOIN_MS // _JOIN_LOOK_MS):
            self._alive()
            await asyncio.sleep_ms(_JOIN_LOOK_MS)
            if self._station.isconnected():
                return
            status = self._station.status()
            if status == network.STAT_WRONG_PASSWORD:
                raise WifiRefused(status=status)
        if status == network.STAT_CONNECTING:
            raise NoAddress(waited_ms=JOIN_MS)
        raise NoNetwork(waited_ms=JOIN_MS)

    def begin(self) -> None:
        """Switch the radio on and begin to join the network, without waiting for it."""
        self._joined_ms = self._clock.up_ms()
        if not self._station.active():
            self._station.active(True)
            self._station.config(reconnects=_RECONNECTS)
        self._station.connect(self._ssid, self._password)

    def signal(self):
        """Return how well the network is heard, in dBm, or None: there is none, or the radio does not say."""
        try:
            return self._station.status("rssi") if self._station.isconnected() else None
        except (OSError, ValueError):
            return None

    def off(self) -> None:
        """Switch the radio off."""
        if self._station.active():
            self._station.active(False)

    def _open(self):
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.connect(socket.getaddrinfo(self._gateway[0], self._gateway[1])[0][-1])
            self._waiting = select.poll()
            self._waiting.register(self._socket, select.POLLIN)
        return self._socket

    def _send(self, datagram):
        try:
            self._open().send(datagram)
        except OSError:
            pass  # lost on the way, as any datagram may be: the exchange repeats it

    def _receive(self):
        """Return one datagram, or None. `readinto` would join those that wait, and `recv` leaves garbage where nothing is."""
        try:
            self._open()
            for _ in self._waiting.ipoll(0):
                return self._socket.recv(_LARGEST_ANSWER_BYTES)
        except OSError:
            pass  # the home's port is closed, which only its silence may tell
        return None


def _never():
    return False
