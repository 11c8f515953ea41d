"""Improv Wi-Fi over a serial line, version 1 (improv-wifi.com/serial): how a browser gives a device on a cable its network.

A packet is "IMPROV", version, type, length, data, and the sum of all bytes before it modulo 256; a newline behind it is nothing. The
device's end only, without any input or output: bytes one by one in, requests out. Outside a packet a Ctrl-C is what it always is on this
line, somebody who wants the interpreter, and is handed on as INTERRUPT, because inside packets its byte has another meaning.
Left out: host name, device name, network state (commands 5 to 7), which are optional and answered as unknown.
"""

from collections import namedtuple

# States a device is in, and what went wrong ("Current state", "Error state").
READY, PROVISIONING, PROVISIONED = 2, 3, 4
NO_ERROR, BAD_PACKET, UNKNOWN_COMMAND, UNABLE_TO_CONNECT = 0, 1, 2, 3
# What a browser asks ("RPC command").
SEND_WIFI, ASK_STATE, ASK_DEVICE, ASK_NETWORKS = 1, 2, 3, 4
INTERRUPT = "interrupt"

MAX_SSID_BYTES = 32  # IEEE 802.11
MAX_PASSWORD_BYTES = 64  # of WPA2, as text or as hex

_HEADER = b"IMPROV\x01"
_STATE, _ERROR, _REQUEST, _RESULT = 1, 2, 3, 4
_LENGTH_AT, _DATA_AT = 8, 9
_CTRL_C = 3

# command: one of the four above or an unknown number; data: its arguments; both None: a packet came whose sum or length is wrong.
Request = namedtuple("Request", ("command", "data"))
BROKEN = Request(None, None)


class Listener:
    """Finds requests in what comes over the line."""

    def __init__(self) -> None:
        self._packet = bytearray()

    def feed(self, byte: int) -> "Request | str | None":
        """Take the line's next byte; return a request, INTERRUPT, or None while neither is complete."""
        packet = self._packet
        at = len(packet)
        if at < len(_HEADER) and byte != _HEADER[at]:
            self.forget()
            if byte == _HEADER[0]:
                self._packet.append(byte)
            return INTERRUPT if byte == _CTRL_C else None
        packet.append(byte)
        if at < _DATA_AT or at < _DATA_AT + packet[_LENGTH_AT]:
            return None
        self.forget()
        if sum(packet[:-1]) & 255 != packet[-1]:
            return BROKEN
        if packet[len(_HEADER)] != _REQUEST:
            return None  # what only devices say, for instance our own echo
        data = bytes(packet[_DATA_AT:-1])
        if len(data) < 2 or data[1] != len(data) - 2:
            return BROKEN
        return Request(data[0], data[2:])

    def forget(self) -> None:
        """Begin anew: the line was silent in the middle of a packet."""
        self._packet = bytearray()


def credentials(data: bytes) -> "tuple[str, str] | None":
    """Return the network's name and password that SEND_WIFI carries, or None when they cannot be such."""
    texts = _texts(data)
    if texts is None or len(texts) != 2 or not 0 < len(texts[0]) <= MAX_SSID_BYTES or len(texts[1]) > MAX_PASSWORD_BYTES:
        return None
    try:
        return texts[0].decode(), texts[1].decode()
    except UnicodeError:
        return None


def state(number: int) -> bytes:
    """Return the packet that says which state the device is in."""
    return _packet(_STATE, bytes((number,)))


def error(number: int) -> bytes:
    """Return the packet that says what went wrong, or that nothing did."""
    return _packet(_ERROR, bytes((number,)))


def result(command: int, texts: "list[str]") -> bytes:
    """Return the packet that answers a command with texts, none at the end of a list of networks; what does not fit is left out."""
    body = b""
    for text in texts:
        piece = text.encode()
        if len(body) + len(piece) > 250:
            break
        body += bytes((len(piece),)) + piece
    return _packet(_RESULT, bytes((command, len(body))) + body)


def _packet(kind: int, data: bytes) -> bytes:
    packet = _HEADER + bytes((kind, len(data))) + data
    return packet + bytes((sum(packet) & 255,)) + b"\n"


def _texts(data: bytes) -> "list[bytes] | None":
    """Return the texts behind their lengths, or None when they do not fill the data."""
    found: list[bytes] = []
    while data:
        size = data[0]
        if size >= len(data):
            return None
        found.append(data[1 : 1 + size])
        data = data[1 + size :]
    return found
