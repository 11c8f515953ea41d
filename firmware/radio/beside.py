"""Bluetooth beside Wi-Fi: for phones alone. The home is not spoken with here, and whoever bonds does so in the owner's window."""

import bluetooth

from firmware.radio import ble

_GENERAL = b"\x02\x01\x06"  # discoverable, Bluetooth LE only


class Beside(ble.Ble):
    """As `Ble`, without the home's service."""

    def __init__(self, settings, session, clock, alive):
        ble.Ble.__init__(self, settings, session, clock, alive, alone=True)
        self._inbox = self._outbox = None

    def _services(self):
        return self._phones.services(bluetooth.UUID)

    def _registered(self, handles):
        self._phones.registered(handles)

    def _said(self):
        return _GENERAL + self._phones.advertised, None
