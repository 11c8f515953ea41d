"""Looking for a home that moved to another address: the network is asked where one is (RFC 6762 section 6.7, from a port of our own).

Whoever answers is told what our home did not answer; whether it is ours only its protected answer proves, and the address in the settings
is tried again each time. Who answered for the name last and was as silent is passed over once, so that nobody stands before the home.
"""

import select
import socket

from micropython import const

from firmware import once

_MDNS = ("224.0.0.251", 5353)
_QUESTION = b"\0\0\0\0\0\1\0\0\0\0\0\0\x06_foyer\x04_udp\x05local\0\0\x0c\0\1"  # PTR of _foyer._udp.local
_SERVICE = b"\0\x21\0\1"  # a record's type and class: SRV, IN; RFC 2782 has the port behind TTL, length, priority and weight
_PORT_AT = const(14)
_LARGEST_BYTES = const(512)
_LOOKS = const(150)  # a second and a half of looking; the question is repeated with the datagram


class Moved:
    """One question. speaking: the socket that speaks with the home; datagram: what was not answered; known: where the settings say the
    home is; silent: whom the datagram was sent to.
    """

    def __init__(self, speaking, datagram: bytes, known, silent):
        self._speaking = speaking
        self._datagram = datagram
        self._known = known
        self._silent = silent
        self._looks = 0
        self._asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._asking.setblocking(False)
        try:
            self._asking.sendto(_QUESTION, socket.getaddrinfo(_MDNS[0], _MDNS[1])[0][-1])
        except OSError:
            pass  # a network that carries no question to everybody: what the settings say is all there is
        self._waiting = select.poll()
        self._waiting.register(self._asking, select.POLLIN)

    def hear(self, told) -> tuple:
        """Return whom to speak to from now on, and this, or None once it is over and its code let go of. Raises OSError."""
        self._looks += 1
        for _ in self._waiting.ipoll(0):
            data, sender = self._asking.recvfrom(_LARGEST_BYTES)
            at = data.find(_SERVICE) + _PORT_AT
            port = data[at : at + 2]
            # MicroPython's unix build has addresses as bytes: family, port, address
            found = (sender[0], int.from_bytes(port, "big")) if isinstance(sender, tuple) else sender[:2] + port + sender[4:]
            if found not in (self._known, self._silent):
                self._speaking.sendto(self._datagram, found)
                told = found
                self._looks = _LOOKS
        if self._looks < _LOOKS:
            return told, self
        self._asking.close()
        once.forget("firmware.radio.moved")
        return told, None
