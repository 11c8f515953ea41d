"""The way home over Wi-Fi: CoAP over UDP, protected by OSCORE; what is asked, and how, is `way.py`'s, here are radio and socket.

The network is joined when something is to be sent, and looked at again while waiting. Nothing that arrives is believed before it has
been opened, so the socket needs no care about who sends. What has to be said again may be for a home that moved: then `moved.py` looks.
"""

import asyncio
import select
import socket

import network
from micropython import const

from firmware.errors import NoAddress, NoNetwork, WifiRefused
from firmware.radio import way

JOIN_MS = const(15_000)
_JOIN_LOOK_MS = const(100)
# The radio tries again by itself this often and then says why it could not; without a number it tries for ever and says nothing.
_RECONNECTS = const(3)
_LARGEST_ANSWER_BYTES = const(512)  # a receipt has some 60; what is larger arrives cut, opens as nothing and is ignored


class Wifi(way.Way):
    """settings as in `flash/`; session: the keys, as in `session.py`; alive(): still waiting, not hanging."""

    def __init__(self, settings, session, clock, alive):
        way.Way.__init__(self, session, clock, alive)
        self._ssid = settings["ssid"]
        self._password = settings["password"]
        self._gateway = settings["gateway"]
        self._station = network.WLAN(network.STA_IF)
        self._joined_ms = -JOIN_MS  # when joining last began
        self._socket = None
        self._waiting = None
        self._known = self._to = self._from = None  # where settings say the home is, whom we speak to, and who spoke last
        self._said = self._moved = None

    @property
    def awake(self) -> bool:
        """Whether the radio is on."""
        return self._station.active()

    def _up(self):
        return self._station.isconnected()

    def _broken(self):
        return NoNetwork(waited_ms=0)

    def _missed(self):
        if self._clock.up_ms() - self._joined_ms > JOIN_MS:
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
            self._waiting = select.poll()
            self._waiting.register(self._socket, select.POLLIN)

    def _address(self, name):
        return socket.getaddrinfo(name, self._gateway[1])[0][-1]

    def _send(self, datagram):
        try:
            self._open()
            if datagram == self._said and self._moved is None:
                self._again(datagram)
            self._said = datagram
            if self._to is None:
                self._known = self._to = self._address(self._gateway[0])
            self._socket.sendto(datagram, self._to)
        except OSError:
            pass  # lost on the way, as any datagram may be, or the name leads nowhere yet: the exchange repeats it

    def _again(self, datagram):
        from firmware.radio import moved  # spares memory: a home seldom moves

        silent, self._to = self._to, self._known
        self._moved = moved.Moved(self._socket, datagram, self._known, silent)

    def _receive(self):
        """Return one datagram, or None. `readinto` would join those that wait, and `recv` leaves garbage where nothing is."""
        try:
            self._open()
            if self._moved:
                self._to, self._moved = self._moved.hear(self._to)
            for _ in self._waiting.ipoll(0):
                data, self._from = self._socket.recvfrom(_LARGEST_ANSWER_BYTES)
                return data
        except OSError:
            pass  # the home's port is closed, which only its silence may tell
        return None
