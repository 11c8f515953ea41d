"""The Wi-Fi of a device that has no home yet: where it was told to look, or, where that name leads nowhere, all over its network."""

import socket

from firmware.radio import wifi

_LARGEST_BYTES = 512
_EVERYBODY = "255.255.255.255"


class Seeking(wifi.Wifi):
    """As `Wifi`; `settle` says that whoever spoke last is the one. An address of the network as a whole (broadcast) may be asked."""

    def __init__(self, settings, session, clock, alive):
        wifi.Wifi.__init__(self, settings, session, clock, alive)
        self._to = None
        self._from = None
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

    def _open(self):
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            name, port = self._gateway
            try:
                self._to = socket.getaddrinfo(name, port)[0][-1]
            except OSError:
                name = _EVERYBODY
                self._to = socket.getaddrinfo(name, port)[0][-1]
            self._asked_everybody = name.endswith(".255")
        return self._socket

    def _send(self, datagram):
        try:
            self._open().sendto(datagram, self._to)
        except OSError:
            pass  # lost on the way, as any datagram may be: the exchange repeats it

    def _receive(self):
        try:
            data, self._from = self._open().recvfrom(_LARGEST_BYTES)
        except OSError:
            return None
        return data or None
