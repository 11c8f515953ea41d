"""AD5933: a sine of up to 100 kHz out, and the Fourier transform of what comes back.

Source: Analog Devices, AD5933 data sheet, revision F: registers in table 8 to 12, I2C in figures 26 to 29, timing in "system
description". The chip has no identity: it is known by holding what is written to it. Its clock here is the internal one of 16.776 MHz.
"""

from micropython import const

from firmware.errors import ChipAbsent, ChipSaturated, WrongChip

ADDRESS = const(0x0D)
CLOCK_Hz = const(16_776_000)
_POINTER = const(0xB0)  # table 13: the next read is of this register
_REG_CONTROL = const(0x80)  # table 9: command and gain
_REG_CONTROL_LOW = const(0x81)
_RESET = const(0x10)  # bit 4
_REG_START = const(0x82)  # three bytes: start frequency
_REG_SETTLING = const(0x8A)  # two bytes: cycles before the transform
_REG_STATUS = const(0x8F)
_VALID = const(0x02)  # table 11: real and imaginary are there
_REG_REAL = const(0x94)  # two bytes each, two's complement
_REG_IMAGINARY = const(0x96)
# the high four bits of the control register: table 9
_INITIALISE = const(0x10)
_START = const(0x20)
_REPEAT = const(0x40)
_POWER_DOWN = const(0xA0)
_STANDBY = const(0xB0)
_RANGE_2V_GAIN_1 = const(0x01)  # table 10: 2 V peak to peak out, gain 1 in
_LARGEST = const(32_000)  # of 32,767: the transform's sums saturate near their end
CONVERSION_MS = const(1)  # 1,024 samples at a sixteenth of the clock: 0.98 ms, behind the settling cycles


def frequency_code(frequency_Hz: int) -> int:
    """Return the 24-bit code for a frequency: f / (clock / 4) * 2^27 (equation 1)."""
    return (frequency_Hz * 4 << 27) // CLOCK_Hz


def magnitude(real: int, imaginary: int) -> int:
    """Return the length of the two, rounded (equation 3)."""
    square = real * real + imaginary * imaginary
    root = int(square**0.5)
    while root * root > square:
        root -= 1
    while (root + 1) * (root + 1) <= square:
        root += 1
    return root + (square - root * root > root)


class AD5933:
    """The chip on `bus`, with `machine.I2C`'s methods, making a sine of frequency_Hz.

    Raises ChipAbsent: nothing answers. Raises WrongChip: what was written does not stay.
    """

    def __init__(self, bus, frequency_Hz: int = 50_000, settling_cycles: int = 100, address: int = ADDRESS):
        self._bus = bus
        self._address = address
        self._pair = bytearray(2)
        self._one = bytearray(1)
        self._write(_REG_CONTROL_LOW, _RESET)
        code = frequency_code(frequency_Hz)
        for register, value in (
            (_REG_START, code >> 16),
            (_REG_START + 1, code >> 8 & 0xFF),
            (_REG_START + 2, code & 0xFF),
            (_REG_SETTLING, settling_cycles >> 8),
            (_REG_SETTLING + 1, settling_cycles & 0xFF),
        ):
            self._write(register, value)
            got = self._read(register)
            if got != value:
                raise WrongChip(chip="AD5933", expected=value, got=got)

    def start(self) -> None:
        """Let the sine out and begin the first transform. Raises ChipAbsent."""
        for command in (_STANDBY, _INITIALISE, _START):
            self._write(_REG_CONTROL, command | _RANGE_2V_GAIN_1)

    def repeat(self) -> None:
        """Begin another transform at the same frequency. Raises ChipAbsent."""
        self._write(_REG_CONTROL, _REPEAT | _RANGE_2V_GAIN_1)

    def ready(self) -> bool:
        """Return whether a transform is done. Raises ChipAbsent."""
        return bool(self._read(_REG_STATUS) & _VALID)

    def read(self) -> tuple[int, int]:
        """Return the transform, (real, imaginary). Raises ChipAbsent, or ChipSaturated: too much comes back."""
        real, imaginary = self._word(_REG_REAL), self._word(_REG_IMAGINARY)
        if max(abs(real), abs(imaginary)) > _LARGEST:
            raise ChipSaturated(chip="AD5933", got=max(abs(real), abs(imaginary)))
        return real, imaginary

    def power_down(self) -> None:
        """Stop the sine; 0.7 uA remain. Raises ChipAbsent."""
        self._write(_REG_CONTROL, _POWER_DOWN)

    def _word(self, register):
        value = self._read(register) << 8 | self._read(register + 1)
        return value - 0x10000 if value & 0x8000 else value

    def _write(self, register, value):
        self._pair[0], self._pair[1] = register, value
        self._send()

    def _send(self):
        try:
            self._bus.writeto(self._address, self._pair)
        except OSError:
            raise ChipAbsent(chip="AD5933", address=self._address) from None

    def _read(self, register):
        self._pair[0], self._pair[1] = _POINTER, register
        self._send()
        try:
            self._bus.readfrom_into(self._address, self._one)
        except OSError:
            raise ChipAbsent(chip="AD5933", address=self._address) from None
        return self._one[0]
