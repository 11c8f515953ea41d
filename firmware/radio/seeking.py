"""The Wi-Fi of a device that has no home yet: where it was told to look, or, where that name leads nowhere, all over its network."""

import socket

from firmware.radio import wifi

_EVERYBODY = "255.255.255.255"


class Seeking(wifi.Wifi):
    """As `Wifi`; `settle` says that whoever spoke last is the one. An address of the network as a whole (broadcast) may be asked."""

    def __init__(self, settings, session, clock, alive):
        wifi.Wifi.__init__(self, settings, session, clock, alive)
        self._asked_everybody = False

    @property
    def station(self):
        """The radio."""
        return self._station

    def settle(self) -> None:
        """Speak to nobody else from now on."""
        self._to = self._from

    def keep(self, _):
        """Return the settings that name whom we speak to; None: whom they name already."""
        if not self._asked_everybody:
            return None
        address, port = self._to[:2] if isinstance(self._to, tuple) else socket.sockaddr(self._to)[1:3]
        if not isinstance(address, str):  # where addresses are bytes, as in MicroPython's unix build
            address = ".".join([str(part) for part in address])
        return {"gateway": [address, port]}

    def _address(self, name):
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            found = wifi.Wifi._address(self, name)
        except OSError:
            name = _EVERYBODY
            found = wifi.Wifi._address(self, name)
        self._asked_everybody = name.endswith(".255")
        return found

    def _again(self, _datagram):
        """Look for nobody else: everybody was asked."""
