"""What outlives resets and deep sleep, and not the loss of power: a few whole numbers in the RTC's memory, and the keys of the link.

It wears no flash. A checksum tells what was written here from what a sagging supply leaves behind; without it all numbers are 0.
"""

import struct
from binascii import crc32

from micropython import const

STARTS = const(0)  # in a row that ended badly
ZERO = const(1)  # of a scale, in counts
ZERO_KNOWN = const(2)  # 1: the zero above was found in this life of the cells
WAITING = const(3)  # readings in the outbox when the device fell asleep
SILENCES = const(4)  # wakes in a row in which the home did not answer
PAIRING = const(5)  # 1: the person asked for a pairing; the next start is for that. 2: in the next start a phone may bond
WITH_A_PHONE = const(2)

_FORMAT = "<6i"
_BYTES = const(24)
_CRC_BYTES = const(4)


class Memory:
    """The numbers above, read once and written through. rtc: with `machine.RTC`'s memory()."""

    def __init__(self, rtc):
        self._rtc = rtc
        held = rtc.memory()
        end = len(held) - _CRC_BYTES
        right = end >= _BYTES and crc32(held[:end]) == struct.unpack_from("<I", held, end)[0]
        self._numbers = list(struct.unpack_from(_FORMAT, held)) if right else [0] * 6
        self._link = held[_BYTES:end] if right else b""

    def get(self, which: int) -> int:
        """Return one of the numbers."""
        return self._numbers[which]

    def put(self, which: int, value: int) -> None:
        """Set one of the numbers."""
        if self._numbers[which] != value:
            self._numbers[which] = value
            self._write()

    def get_link(self) -> bytes:
        """Return what was kept of the link's keys, b"" after a cold start."""
        return self._link

    def put_link(self, data: bytes) -> None:
        """Keep the link's keys, as `radio/session.py` wrote them."""
        self._link = data
        self._write()

    def _write(self):
        data = struct.pack(_FORMAT, *self._numbers) + self._link
        self._rtc.memory(data + struct.pack("<I", crc32(data)))
