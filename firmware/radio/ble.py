"""The way home over Bluetooth LE: the same CoAP messages in fragments over one service, to a home that is bonded (LE Secure Connections).

The device advertises its model and whether readings wait, behind an address that changes; the home connects, says READY once it listens,
and takes what there is. The radio's own task calls `_event`, so that only copies and leaves; all else happens when somebody looks. Phones are
served (`phones.py`) if the owner wants it; whoever connects has so long, and then it is another's turn.
"""

import asyncio
import os

import bluetooth
from micropython import const

from firmware.crypto import hkdf
from firmware.errors import HomeNotNear
from firmware.radio import bonds, way
from protocol import frames, nearby
from protocol.errors import BadFragment

JOIN_MS = const(15_000)
_JOIN_LOOK_MS = const(20)
_WAITING_US = const(100_000)  # between two advertisements while readings wait
_IDLE_US = const(1_250_000)
_ROTATE_MS = const(240_000)  # before the radio's own 15 minutes: address and nonce change together
_LARGEST_BYTES = const(640)
_MOST_PACKETS = const(40)
_MTU = const(247)
_PATIENCE_MS = const(30_000)  # with whoever connects and is not the home; while readings wait for the home less
_PATIENCE_WAITING_MS = const(10_000)
_NO_INPUT_NO_OUTPUT = const(3)
_RANDOM_ADDRESS = const(2)  # resolvable by who is bonded
_FULL = const(12)  # ENOMEM
# events of the stock port
_CONNECTED = const(1)
_DISCONNECTED = const(2)
_WRITTEN = const(3)
_READ_REQUEST = const(4)
_INDICATED = const(20)
_MTU_EXCHANGED = const(21)
_SECURED = const(28)
_GET_SECRET = const(29)
_SET_SECRET = const(30)
_WRITE_ENCRYPTED = const(0x1000)
_OPENED = const(2)  # of the setting "phones", in memory only: the owner's window is open
_WINDOW_MS = const(120_000)  # as in `phones.py`


class Ble(way.Way):
    """settings as in `flash/`; session: the keys, as in `session.py`; alive(): still waiting, not hanging."""

    def __init__(self, settings, session, clock, alive, alone: bool = False):
        """alone: as in `bonds.py`."""
        way.Way.__init__(self, session, clock, alive)
        self._model = settings["device"]
        self._flags = 0
        self._waiting = False
        self._radio = bluetooth.BLE()
        self._bonds = bonds.Bonds(alone=alone)
        self._began_ms = 0
        self._advertised = None  # the interval, while the radio says something
        self._link = None  # the connection's handle
        self._mtu = nearby.LEAST_MTU
        self._secured = False
        self._ready = False
        self._lost = False
        self._stream = None
        self._packets = []
        self._held = None  # a packet that the radio had no room for
        self._linked_ms = 0
        self._stranger = False  # whose bond was refused
        self._indicating = self._indicated = False
        self._phones = None
        self._window = settings["phones"] == _OPENED and clock.up_ms() < _WINDOW_MS
        if settings["phones"]:
            from firmware.radio import phones  # spares memory: most homes leave it off

            self._phones = phones.Phones(settings["device"], settings["language"], self._window)
            self._bonds.open = self._bonds.open or self._window

    @property
    def awake(self) -> bool:
        """Whether the home listens."""
        return self._ready

    def _up(self):
        return self._ready and not self._session.holding

    def _broken(self):
        return HomeNotNear(waited_ms=0)

    def begin(self) -> None:
        """Switch the radio on and advertise, without waiting for anybody."""
        if not self._radio.active():
            self._switch_on()
        self._look()

    def _switch_on(self):
        radio = self._radio
        radio.irq(self._event)
        radio.config(addr_mode=_RANDOM_ADDRESS, mtu=_MTU, bond=True, le_secure=True, mitm=False, io=_NO_INPUT_NO_OUTPUT)
        radio.active(True)
        self._registered(radio.gatts_register_services(self._services()))
        self._advertised = self._link = None
        self._began_ms = self._clock.up_ms()
        self._nonce = os.urandom(nearby.NONCE_BYTES)

    def _services(self):
        inbox = (bluetooth.UUID(nearby.INBOX), bluetooth.FLAG_WRITE_NO_RESPONSE | bluetooth.FLAG_WRITE | _WRITE_ENCRYPTED)
        outbox = (bluetooth.UUID(nearby.OUTBOX), bluetooth.FLAG_NOTIFY)
        home = (bluetooth.UUID(nearby.SERVICE), (inbox, outbox))
        return (home,) + self._phones.services(bluetooth.UUID) if self._phones else (home,)

    def _registered(self, handles):
        self._inbox, self._outbox = handles[0]
        self._radio.gatts_set_buffer(self._inbox, _MTU)
        if self._phones:
            self._phones.registered(handles[1:])

    def off(self) -> None:
        """Switch the radio off."""
        self._bonds.keep()
        if self._radio.active():
            self._radio.active(False)
        self._radio.irq(None)
        self._ready = False

    def signal(self):
        """Return None: this radio does not say how well the home is heard."""

    async def post(self, path: str, payload: bytes, content_format: int):
        """As `Way.post`; what waits is advertised until the home has it."""
        self._waiting = True
        answer = await way.Way.post(self, path, payload, content_format)
        self._waiting = False
        return answer

    def measured(self, kind: int, fields: dict) -> None:
        """Hold what was measured for phones."""
        self._phones.measured(kind, fields)

    def hear(self) -> None:
        """As `Way.hear`; also goes on advertising."""
        was_ready = self._ready
        if self._radio.active():
            self._look()
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
        """See to what the radio's events left to be done."""
        if self._lost:
            self._lost = self._ready = False
            self._advertised = self._stream = self._held = None
            self._indicating = self._indicated = False
            if self._phones:
                self._phones.gone()
        self._bonds.keep()
        now_ms = self._clock.up_ms()
        if self._window and now_ms > _WINDOW_MS:
            self._window = False
            self._bonds.close()
            self._phones.close()
        if self._link is None:
            self._advertise()
        elif self._bonds.refused:
            self._bonds.refused = False
            self._radio.gap_disconnect(self._link)
        elif not self._ready and self._secured and self._packets and self._packets.pop(0) == nearby.READY:
            self._stream = frames.Stream(self._mtu - nearby.HEADER_BYTES, _LARGEST_BYTES)
            self._ready = True
        elif not self._ready:
            self._serve(now_ms)

    def _serve(self, now_ms):
        """Tell a phone what it is to have; end the link with whoever stays too long."""
        phones = self._phones
        patience_ms = _WINDOW_MS if self._window else _PATIENCE_WAITING_MS if self._waiting else _PATIENCE_MS
        if now_ms - self._linked_ms > patience_ms:
            self._linked_ms = now_ms  # once
            self._radio.gap_disconnect(self._link)
        elif phones:
            while phones.changed:
                self._radio.gatts_write(*phones.changed.pop(0), self._secured)
            if self._indicated:
                self._indicated = False
                phones.told()
            if not self._indicating and (due := phones.poll()):
                self._indicating = True
                try:
                    self._radio.gatts_indicate(self._link, *due)
                except (OSError, TypeError):
                    self._indicating = False  # the radio is full, or the link went this moment: later, or not at all

    def _advertise(self):
        news = self._waiting or self._flags or self._window or (self._phones and self._phones.waiting)
        interval_us = _WAITING_US if news else _IDLE_US
        if self._clock.up_ms() - self._began_ms > _ROTATE_MS:
            self._radio.active(False)
            self._switch_on()
        if self._advertised == interval_us:
            return
        self._advertised = interval_us
        said, answered = self._said()
        self._radio.gap_advertise(interval_us, said, resp_data=answered)

    def _said(self):
        """Return what is advertised, and what is answered to whoever asks for more."""
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
        if event == _WRITTEN:
            if data[1] == self._inbox and len(self._packets) < _MOST_PACKETS:
                self._packets.append(bytes(self._radio.gatts_read(self._inbox)))
            elif self._phones:
                self._phones.wrote(data[1], bytes(self._radio.gatts_read(data[1])))
        elif event == _READ_REQUEST:
            return self._phones.may_read(data[1]) if self._phones else 0
        elif event == _INDICATED:
            self._indicating = False
            self._indicated = data[2] == 0
        elif event == _CONNECTED:
            self._link = data[0]
            self._linked_ms = self._clock.up_ms()
            self._mtu = nearby.LEAST_MTU
            self._secured = self._stranger = False
            self._packets.clear()
        elif event == _DISCONNECTED:
            self._link = None
            self._lost = True
        elif event == _MTU_EXCHANGED:
            self._mtu = min(data[1], nearby.LARGEST_MTU)
        elif event == _SECURED:
            self._secured = data[1] and not self._stranger
            if self._phones:
                self._phones.safe = self._secured
        elif event == _GET_SECRET:
            return self._bonds.find(data[0], data[1], None if data[2] is None else bytes(data[2]))
        elif event == _SET_SECRET:
            taken = self._bonds.put(data[0], bytes(data[1]), None if data[2] is None else bytes(data[2]))
            self._stranger = self._stranger or not taken
            return taken
        return None
