"""SLIP (RFC 1055): how esptool and the boot ROM mark where a packet begins and ends.

Left out: nothing; what is not an escape known to the RFC makes its packet void.
"""

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD
LONGEST_PACKET_BYTES = 0x10000 + 64  # esptool's largest block is 0x4000; a line of noise must not fill memory

_MEANT = {ESCAPED_END: END, ESCAPED_ESCAPE: ESCAPE}


def encode(packet: bytes) -> bytes:
    """Return a packet between its two marks."""
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Decoder:
    """Bytes in any portions in, whole packets out; what stands outside two marks is noise and dropped."""

    def __init__(self) -> None:
        self._packet: bytearray | None = None  # None: outside, or void until the next mark
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets that end in `data`; an empty one is no packet."""
        packets = []
        for byte in data:
            if byte == END:
                if self._packet:
                    packets.append(bytes(self._packet))
                    self._packet = None
                else:
                    self._packet = bytearray()
                self._escaped = False
            elif self._packet is not None:
                self._take(byte)
        return packets

    def _take(self, byte: int) -> None:
        if self._packet is None:
            return
        if self._escaped:
            self._escaped = False
            if byte not in _MEANT:
                self._packet = None
                return
            self._packet.append(_MEANT[byte])
        elif byte == ESCAPE:
            self._escaped = True
        else:
            self._packet.append(byte)
        if len(self._packet) > LONGEST_PACKET_BYTES:
            self._packet = None
