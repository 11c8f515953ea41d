"""SHT40-AD1B: temperature and relative humidity on I2C.

Source: Sensirion, SHT4x datasheet, version 6 (February 2023). Every two bytes of an answer carry a checksum; a wrong one is an error,
never a value.
"""

from micropython import const

from firmware.errors import BusGarbled, ChipAbsent

ADDRESS = const(0x44)  # section 4.2, SHT40-AD1B
_MEASURE_HIGH = b"\xfd"  # section 4.5: both values, high repeatability
_SERIAL = b"\x89"  # section 4.5: read serial number
_RESET = b"\x94"  # section 4.5: soft reset
CONVERSION_MS = const(9)  # table 5: 8.3 ms at most for high repeatability
SERIAL_MS = const(1)  # section 4.6: the answer is there after 1 ms at most
_ANSWER_BYTES = const(6)


def checksum(two: bytes) -> int:
    """Return the CRC-8 of two bytes: polynomial 0x31, beginning at 0xFF (section 4.4)."""
    crc = 0xFF
    for byte in two:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def centi_Cel(raw: int) -> int:
    """Return hundredths of a degree Celsius for the 16-bit output: -45 + 175 S / 65535 (section 4.6)."""
    return (17500 * raw + 32767) // 65535 - 4500


def centi_percent(raw: int) -> int:
    """Return hundredths of a percent RH: -6 + 125 S / 65535, held between 0 and 100 (section 4.6)."""
    return max(0, min(10000, (12500 * raw + 32767) // 65535 - 600))


class SHT4x:
    """The sensor on `bus`, with `machine.I2C`'s methods. `start` it, wait CONVERSION_MS, `read` it."""

    def __init__(self, bus, address: int = ADDRESS):
        self._bus = bus
        self._address = address
        self._answer = bytearray(_ANSWER_BYTES)

    def reset(self) -> None:
        """Bring the chip to its state after power-up, which takes 1 ms. Raises ChipAbsent."""
        self._command(_RESET)

    def ask_serial(self) -> None:
        """Ask for the serial number, which `serial` gives SERIAL_MS later. Raises ChipAbsent."""
        self._command(_SERIAL)

    def serial(self) -> int:
        """Return the chip's serial number. Raises ChipAbsent, BusGarbled."""
        high, low = self._words()
        return high << 16 | low

    def start(self) -> None:
        """Begin a measurement. Raises ChipAbsent."""
        self._command(_MEASURE_HIGH)

    def read(self) -> tuple[int, int]:
        """Return (hundredths of a degree Celsius, hundredths of a percent RH).

        Raises ChipAbsent: no answer, also while it measures. Raises BusGarbled: a checksum is wrong.
        """
        temperature, humidity = self._words()
        return centi_Cel(temperature), centi_percent(humidity)

    def _command(self, command):
        try:
            self._bus.writeto(self._address, command)
        except OSError:
            raise ChipAbsent(chip="SHT4x", address=self._address) from None

    def _words(self):
        answer = self._answer
        try:
            self._bus.readfrom_into(self._address, answer)
        except OSError:
            raise ChipAbsent(chip="SHT4x", address=self._address) from None
        for at in (0, 3):
            expected = checksum(answer[at : at + 2])
            if answer[at + 2] != expected:
                raise BusGarbled(chip="SHT4x", expected=expected, got=answer[at + 2])
        return answer[0] << 8 | answer[1], answer[3] << 8 | answer[4]
