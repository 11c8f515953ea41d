"""MPRLS0300YG00001B: a compensated gauge pressure sensor, 0 to 300 mmHg, on I2C.

Source: Honeywell, MicroPressure MPR series, 32332628 issue H; transfer function B (2.5 to 22.5 % of 2^24 counts) for this part.
It carries no identity and no checksum; its status byte says whether the value may be trusted, and that is checked at every reading.
"""

from micropython import const

from firmware.errors import ChipAbsent, ChipDoubts

ADDRESS = const(0x18)  # table 17, "YG...B/A" standard address
_MEASURE = b"\xaa\x00\x00"  # table 20, "Output Measurement Command"
_STATUS_POWERED = const(0x40)  # table 19, bit 6
_STATUS_BUSY = const(0x20)  # bit 5
_STATUS_MEMORY = const(0x04)  # bit 2: the integrity test of the memory failed
_STATUS_SATURATED = const(0x01)  # bit 0: the arithmetic saturated
CONVERSION_MS = const(5)  # section 6: data is there after 5 ms
LONGEST_WAIT_MS = const(20)

_COUNTS_AT_0 = const(419430)  # 2.5 % of 2^24
_COUNTS_AT_300 = const(3774874)  # 22.5 %
_RANGE_mmHg = const(300)


def pressure_mmHg(counts: int) -> float:
    """Return the gauge pressure for the 24-bit output. Section 8, transfer function."""
    return (counts - _COUNTS_AT_0) * _RANGE_mmHg / (_COUNTS_AT_300 - _COUNTS_AT_0)


class MPRLS:
    """The sensor on `bus`, with `machine.I2C`'s methods. Raises ChipAbsent when nothing answers at its address."""

    def __init__(self, bus, address: int = ADDRESS):
        self._bus = bus
        self._address = address
        self._answer = bytearray(4)
        self._read(1)

    def start(self) -> None:
        """Begin a measurement; `read` gives it CONVERSION_MS later. Raises ChipAbsent."""
        try:
            self._bus.writeto(self._address, _MEASURE)
        except OSError:
            raise ChipAbsent(chip="MPRLS", address=self._address) from None

    def read(self) -> float | None:
        """Return the gauge pressure in mmHg, or None while the measurement goes on.

        Raises ChipAbsent: no answer. Raises ChipDoubts: the status says that the value cannot be trusted.
        """
        self._read(4)
        answer = self._answer
        status = answer[0]
        if not status & _STATUS_POWERED or status & (_STATUS_MEMORY | _STATUS_SATURATED):
            raise ChipDoubts(chip="MPRLS", status=status)
        if status & _STATUS_BUSY:
            return None
        return pressure_mmHg(answer[1] << 16 | answer[2] << 8 | answer[3])

    def _read(self, size):
        try:
            self._bus.readfrom_into(self._address, memoryview(self._answer)[:size])
        except OSError:
            raise ChipAbsent(chip="MPRLS", address=self._address) from None
