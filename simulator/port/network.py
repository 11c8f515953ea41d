"""Stand-in for `network`: joining the simulated home's Wi-Fi. Datagrams themselves go through the built-in `socket`.

Not modelled: access point mode, signal strength over distance.
"""

# ruff: noqa: ARG002, S104 -- names, arguments and values are the stock port's, used here or not

import struct

import wire
from micropython import const

STA_IF = const(0)
AP_IF = const(1)

STAT_IDLE = const(1000)
STAT_CONNECTING = const(1001)
STAT_GOT_IP = const(1010)
STAT_NO_AP_FOUND = const(201)
STAT_WRONG_PASSWORD = const(202)
STAT_BEACON_TIMEOUT = const(200)

_OFF = const(0)
_ON = const(1)
_JOIN = const(2)
_LEAVE = const(3)

_hostname = "foyer"


def hostname(name=None):
    """Return the device's name on the network, or set it."""
    global _hostname
    if name is not None:
        _hostname = name
    return _hostname


class WLAN:
    """The station interface; the simulator knows whether it has joined."""

    IF_STA = const(0)
    IF_AP = const(1)
    PM_NONE = const(0)
    PM_PERFORMANCE = const(1)
    PM_POWERSAVE = const(2)

    def __init__(self, interface_id=STA_IF):
        if interface_id != STA_IF:
            raise NotImplementedError("AP_IF is not modelled")
        self._active = False
        self._state = bytearray(2)

    def active(self, on=None):
        """Return whether the radio is on, or switch it."""
        if on is None:
            return self._active
        self._active = bool(on)
        self._set(_ON if on else _OFF, b"")
        return self._active

    def connect(self, ssid=None, key=None, *, bssid=None):
        """Begin to join a network; ask isconnected() or status() how it went."""
        if not self._active:
            raise OSError("Wifi Not Started")
        name = ssid.encode() if isinstance(ssid, str) else bytes(ssid or b"")
        secret = key.encode() if isinstance(key, str) else bytes(key or b"")
        self._set(_JOIN, bytes((len(name),)) + name + secret)

    def scan(self):
        """Return (name, address, channel, dBm, security, hidden) of each network in reach."""
        if not self._active:
            raise OSError("Wifi Not Started")
        found = bytearray(256)
        count = wire.ask(wire.WIFI_SCAN, 0, found)
        networks = []
        at = 0
        while at < count:
            size = found[at]
            name = bytes(found[at + 1 : at + 1 + size])
            networks.append((name, b"\x02foyer", 6, -found[at + 1 + size], found[at + 2 + size], False))
            at += 3 + size
        return networks

    def disconnect(self):
        """Leave the network."""
        self._set(_LEAVE, b"")

    def isconnected(self):
        """Return whether datagrams can flow."""
        return self.status() == STAT_GOT_IP

    def status(self, what=None):
        """Return one of the STAT_* constants, or with "rssi" a signal strength in dBm."""
        if what == "rssi":
            return -55
        wire.ask(wire.WIFI_ASK, 0, self._state)
        return self._state[0] | self._state[1] << 8

    def ifconfig(self, addresses=None):
        """Return (address, netmask, gateway, name server)."""
        if self.isconnected():
            return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")

    def config(self, *names, **settings):
        """Accept settings; return what is asked for as far as it is modelled."""
        if names:
            if names[0] == "mac":
                return b"\x02foyer"
            raise ValueError("unknown config param")
        return None  # reconnects: the simulated radio says at once why it cannot join

    def _set(self, what, body):
        struct.pack_into("<B", wire.OUT, 3, what)
        wire.tell(wire.WIFI_SET, 1, body)
