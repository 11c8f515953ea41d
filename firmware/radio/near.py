"""One board's Bluetooth LE radio: advertising, one link at a time, bonds, and phones that may be told something (`phones.py`).

`Ble` is this with the home's service and a way home; by itself it is for phones beside a device whose home is reached over Wi-Fi. The
radio's own task calls `_event`, so that only copies and leaves; all else happens when somebody looks. Whoever connects has so long, and
then it is another's turn.
"""

import bluetooth
from micropython import const

from firmware.radio import bonds

_PATIENCE_MS = const(30_000)  # with whoever connects and is not the home; while readings wait for the home less
_PATIENCE_WAITING_MS = const(10_000)
_WINDOW_MS = const(120_000)  # of the owner, from the start: a phone may bond
_OPENED = const(2)  # of the setting "phones", in memory only: the window is open
_WAITING_US = const(100_000)  # between two advertisements while there is something to say
_IDLE_US = const(1_250_000)
_ROTATE_MS = const(240_000)  # before the radio's own 15 minutes: all that could be followed changes together
MTU = const(247)
_NO_INPUT_NO_OUTPUT = const(3)
_RANDOM_ADDRESS = const(2)  # resolvable by who is bonded
_GENERAL = b"\x02\x01\x06"  # discoverable, Bluetooth LE only
# events of the stock port
_CONNECTED = const(1)
_DISCONNECTED = const(2)
_WRITTEN = const(3)
_READ_REQUEST = const(4)
_INDICATED = const(20)
_SECURED = const(28)
_GET_SECRET = const(29)
_SET_SECRET = const(30)


class Near:
    """settings as in `flash/`; clock as in `clock.py`; alone: phones only, so that without the owner's window nobody bonds."""

    def __init__(self, settings, clock, alone: bool):
        self._clock = clock
        self._radio = bluetooth.BLE()
        self._bonds = bonds.Bonds(alone=alone)
        self._waiting = False  # something waits for the home
        self._hurry = False
        self._began_ms = 0
        self._advertised = None  # the interval, while the radio says something
        self._link = None  # the connection's handle
        self._linked_ms = 0
        self._lost = False
        self._secured = False
        self._stranger = False  # whose bond was refused
        self._indicating = self._indicated = False
        self._phones = None
        self._window = settings["phones"] == _OPENED and clock.up_ms() < _WINDOW_MS
        if settings["phones"]:
            from firmware.radio import phones  # spares memory: most homes leave it off

            self._phones = phones.Phones(settings["device"], settings["language"], self._window)
            self._bonds.open = self._bonds.open or self._window

    def begin(self) -> None:
        """Switch the radio on and advertise, without waiting for anybody."""
        if not self._radio.active():
            self._switch_on()
        self._look()

    def _switch_on(self):
        radio = self._radio
        radio.irq(self._event)
        radio.config(addr_mode=_RANDOM_ADDRESS, mtu=MTU, bond=True, le_secure=True, mitm=False, io=_NO_INPUT_NO_OUTPUT)
        radio.active(True)
        self._registered(radio.gatts_register_services(self._services()))
        self._advertised = self._link = None
        self._began_ms = self._clock.up_ms()

    def _services(self):
        return self._phones.services(bluetooth.UUID) if self._phones else ()

    def _registered(self, handles):
        if self._phones:
            self._phones.registered(handles)

    def off(self) -> None:
        """Switch the radio off."""
        self._bonds.keep()
        if self._radio.active():
            self._radio.active(False)
        self._radio.irq(None)

    def measured(self, kind: int, fields: dict) -> None:
        """Hold what was measured for phones."""
        self._phones.measured(kind, fields)

    def hear(self) -> None:
        """See to who is there, and go on advertising; never waits."""
        if self._radio.active():
            self._look()

    def _look(self):
        """See to what the radio's events left to be done."""
        if self._lost:
            self._lost = False
            self._advertised = None
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
            self._advertise(now_ms)
        elif self._bonds.refused:
            self._bonds.refused = False
            self._radio.gap_disconnect(self._link)
        else:
            self._attend(now_ms)

    def _attend(self, now_ms):
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

    def _advertise(self, now_ms):
        hurried = self._hurry or self._waiting or self._window or (self._phones and self._phones.waiting)
        interval_us = _WAITING_US if hurried else _IDLE_US
        if now_ms - self._began_ms > _ROTATE_MS:
            self._radio.active(False)
            self._switch_on()
        if self._advertised == interval_us:
            return
        self._advertised = interval_us
        said, answered = self._said()
        self._radio.gap_advertise(interval_us, said, resp_data=answered)

    def _said(self):
        """Return what is advertised, and what is answered to whoever asks for more."""
        return _GENERAL + self._phones.advertised, None

    def _event(self, event, data):
        if event == _WRITTEN:
            if self._phones:
                self._phones.wrote(data[1], bytes(self._radio.gatts_read(data[1])))
        elif event == _READ_REQUEST:
            return self._phones.may_read(data[1]) if self._phones else 0
        elif event == _INDICATED:
            self._indicating = False
            self._indicated = data[2] == 0
        elif event == _CONNECTED:
            self._link = data[0]
            self._linked_ms = self._clock.up_ms()
            self._secured = self._stranger = False
        elif event == _DISCONNECTED:
            self._link = None
            self._lost = True
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
