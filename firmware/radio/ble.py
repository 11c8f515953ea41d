"""The way home over Bluetooth LE: the same CoAP messages in fragments over one service, to a home that is bonded (LE Secure Connections).

The device advertises its model and whether readings wait, behind an address that changes; the home connects, says READY once it listens,
and takes what there is. The radio itself is `near.py`'s.
"""

import asyncio
import os

import bluetooth
from micropython import const

from firmware.crypto import hkdf
from firmware.errors import HomeNotNear
from firmware.radio import near, way
from protocol import frames, nearby
from protocol.errors import BadFragment

JOIN_MS = const(15_000)
_JOIN_LOOK_MS = const(20)
_LARGEST_BYTES = const(640)
_MOST_PACKETS = const(40)
_FULL = const(12)  # ENOMEM
# events of the stock port
_CONNECTED = const(1)
_WRITTEN = const(3)
_MTU_EXCHANGED = const(21)
_WRITE_ENCRYPTED = const(0x1000)


class Ble(near.Near, way.Way):
    """settings as in `flash/`; session: the keys, as in `session.py`; alive(): still waiting, not hanging."""

    def __init__(self, settings, session, clock, alive):
        way.Way.__init__(self, session, clock, alive)
        near.Near.__init__(self, settings, clock, False)
        self._model = settings["device"]
        self._flags = 0
        self._mtu = nearby.LEAST_MTU
        self._ready = False
        self._stream = None
        self._packets = []
        self._held = None  # a packet that the radio had no room for

    @property
    def awake(self) -> bool:
        """Whether the home listens."""
        return self._ready

    def _up(self):
        return self._ready and not self._session.holding

    def _broken(self):
        return HomeNotNear(waited_ms=0)

    def _switch_on(self):
        self._nonce = os.urandom(nearby.NONCE_BYTES)
        near.Near._switch_on(self)

    def _services(self):
        inbox = (bluetooth.UUID(nearby.INBOX), bluetooth.FLAG_WRITE_NO_RESPONSE | bluetooth.FLAG_WRITE | _WRITE_ENCRYPTED)
        outbox = (bluetooth.UUID(nearby.OUTBOX), bluetooth.FLAG_NOTIFY)
        return ((bluetooth.UUID(nearby.SERVICE), (inbox, outbox)),) + near.Near._services(self)

    def _registered(self, handles):
        self._inbox, self._outbox = handles[0]
        self._radio.gatts_set_buffer(self._inbox, near.MTU)
        near.Near._registered(self, handles[1:])

    def off(self) -> None:
        """Switch the radio off."""
        near.Near.off(self)
        self._ready = False

    def signal(self):
        """Return None: this radio does not say how well the home is heard."""

    async def _ask(self, begin):
        """As `Way._ask`; that something waits is advertised until the home has answered."""
        self._waiting = True
        answer = await way.Way._ask(self, begin)
        self._waiting = False
        return answer

    def hear(self) -> None:
        """As `Way.hear`; also goes on advertising."""
        was_ready = self._ready
        near.Near.hear(self)
        way.Way.hear(self)
        if self._ready and not was_ready:
            self.came()

    async def _join(self):
        self.begin()
        for _ in range(JOIN_MS // _JOIN_LOOK_MS):
            if self._ready:
                return
            if self._session.holding:
                break
            self._alive()
            await asyncio.sleep_ms(_JOIN_LOOK_MS)
            self._look()
        raise HomeNotNear(waited_ms=JOIN_MS)

    def _look(self):
        if self._lost:
            self._ready = False
            self._stream = self._held = None
        near.Near._look(self)

    def _attend(self, now_ms):
        if self._ready:
            return
        if self._secured and self._packets and self._packets.pop(0) == nearby.READY:
            self._stream = frames.Stream(self._mtu - nearby.HEADER_BYTES, _LARGEST_BYTES)
            self._ready = True
        else:
            near.Near._attend(self, now_ms)

    def _said(self):
        tagged = nearby.tag(self._session.pairing, self._nonce, hkdf.hmac_sha256)
        flags = self._flags | (nearby.WAITING if self._waiting else 0)
        said = nearby.encode(self._model, flags, self._nonce, tagged)
        return nearby.advertisement(said), self._phones.advertised if self._phones else None

    def _send(self, datagram):
        if self._stream is not None:
            self._stream.send(datagram)
            self._pump()

    def _pump(self):
        """Give the radio what goes out, as far as it has room."""
        stream = self._stream
        while stream is not None and not self._lost:
            if self._held is None:
                self._held = stream.poll(self._clock.up_ms())
            if stream.failed:
                self._cut()
            if self._held is None:
                return
            try:
                self._radio.gatts_notify(self._link, self._outbox, self._held)
            except OSError as error:
                if error.args[0] == _FULL:
                    return
            except TypeError:
                return  # the link went this moment
            self._held = None

    def _receive(self):
        """Return one datagram, or None."""
        self._look()
        whole = None
        while self._stream is not None and self._packets and whole is None:
            try:
                whole = self._stream.feed(self._packets.pop(0), self._clock.up_ms())
            except BadFragment:
                self._cut()
        self._pump()
        return whole

    def _cut(self):
        """End the link: the other end speaks otherwise than we do."""
        self._stream = None
        if self._link is not None:
            self._radio.gap_disconnect(self._link)

    def _event(self, event, data):
        if event == _WRITTEN and data[1] == self._inbox:
            if len(self._packets) < _MOST_PACKETS:
                self._packets.append(bytes(self._radio.gatts_read(self._inbox)))
            return None
        if event == _MTU_EXCHANGED:
            self._mtu = min(data[1], nearby.LARGEST_MTU)
        elif event == _CONNECTED:
            self._mtu = nearby.LEAST_MTU
            self._packets.clear()
        return near.Near._event(self, event, data)
