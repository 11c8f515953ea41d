"""What outlives resets and deep sleep, and not the loss of power: a few whole numbers in the RTC's memory.

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

_FORMAT = "<5i"
_BYTES = const(20)
_CRC_BYTES = const(4)


class Memory:
    """The numbers above, read once and written through. rtc: with `machine.RTC`'s memory()."""

    def __init__(self, rtc):
        self._rtc = rtc
        held = rtc.memory()
        right = len(held) == _BYTES + _CRC_BYTES and crc32(held[:_BYTES]) == struct.unpack_from("<I", held, _BYTES)[0]
        self._numbers = list(struct.unpack_from(_FORMAT, held)) if right else [0] * 5

    def get(self, which: int) -> int:
        """Return one of the numbers."""
        return self._numbers[which]

    def put(self, which: int, value: int) -> None:
        """Set one of the numbers."""
        if self._numbers[which] != value:
            self._numbers[which] = value
            data = struct.pack(_FORMAT, *self._numbers)
            self._rtc.memory(data + struct.pack("<I", crc32(data)))
