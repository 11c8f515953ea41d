"""NAU7802: a 24-bit converter for load cells on I2C, with a gain of up to 128 and a regulator for the bridge.

Source: Nuvoton, NAU7802 datasheet, revision 1.7: registers in section 11, power-up in section 8.1, figures in section 6. Its counts are
relative to the bridge's own supply, as an HX711's are: one count is half of it over gain and 2^23.
"""

from micropython import const

from firmware.errors import BusGarbled, ChipAbsent, ChipSaturated, WrongChip

ADDRESS = const(0x2A)
_REG_PU_CTRL = const(0x00)  # section 11.1
_RR = const(0x01)  # register reset
_PUD = const(0x02)  # digital part on
_PUA = const(0x04)  # analog part on
_PUR = const(0x08)  # power-up ready, read only
_CS = const(0x10)  # start converting
_CR = const(0x20)  # a conversion is ready, read only
_AVDDS = const(0x80)  # the bridge's supply from the own regulator
_REG_CTRL1 = const(0x01)  # section 11.2
_VLDO_3V0 = const(0x28)  # bits 5..3 = 101
_GAIN_128 = const(0x07)
_REG_CTRL2 = const(0x02)  # section 11.3
_CALS = const(0x04)  # calibrate the converter's own offset; clears itself
_CAL_ERR = const(0x08)
_RATE_10 = const(0x00)  # bits 6..4 = 000
_REG_ADCO = const(0x12)  # section 11.13, three bytes
_REG_CHOPPER = const(0x15)  # section 11.14
_CHOPPER_OFF = const(0x30)
_REG_PGA_POWER = const(0x1C)  # section 11.19
_CAPACITOR = const(0x80)
_REG_REVISION = const(0x1F)  # section 11.20
_REVISION = const(0x0F)  # in the low four bits

_HIGHEST = const(0x7FFFFF)
_LOWEST = const(-0x800000)
_READS_TO_POWER_UP = const(20)  # one each ms; it takes 0.2 ms
_READS_TO_CALIBRATE = const(1000)  # one each ms; it takes 344 ms at 10 samples a second
SETTLING_MS = const(400)  # four conversions
LONGEST_WAIT_MS = const(700)


def counts(raw: int) -> int:
    """Return the signed value of the 24 bits that the chip gave, two's complement."""
    return raw - 0x1000000 if raw & 0x800000 else raw


class NAU7802:
    """The converter on `bus`, with `machine.I2C`'s methods, converting ten times a second. pause_ms(ms): waits.

    Raises ChipAbsent: nothing answers, or it never gets ready. Raises WrongChip: another revision, or another chip.
    """

    def __init__(self, bus, pause_ms, address: int = ADDRESS):
        self._bus = bus
        self._address = address
        self._one = bytearray(1)
        self._three = bytearray(3)
        self._write(_REG_PU_CTRL, _RR)
        self._write(_REG_PU_CTRL, _PUD)
        self._until(_REG_PU_CTRL, _PUR, _PUR, _READS_TO_POWER_UP, pause_ms)
        revision = self._read(_REG_REVISION) & 0x0F
        if revision != _REVISION:
            raise WrongChip(chip="NAU7802", expected=_REVISION, got=revision)
        self._write(_REG_PU_CTRL, _PUD | _PUA | _AVDDS)
        self._write(_REG_CTRL1, _VLDO_3V0 | _GAIN_128)
        self._write(_REG_CHOPPER, _CHOPPER_OFF)
        self._write(_REG_PGA_POWER, _CAPACITOR)
        self._write(_REG_CTRL2, _RATE_10 | _CALS)
        self._until(_REG_CTRL2, _CALS, 0, _READS_TO_CALIBRATE, pause_ms)
        if self._read(_REG_CTRL2) & _CAL_ERR:
            raise BusGarbled(chip="NAU7802", expected="calibrated", got="CAL_ERR")
        self._write(_REG_PU_CTRL, _PUD | _PUA | _AVDDS | _CS)

    def ready(self) -> bool:
        """Return whether a conversion waits to be read. Raises ChipAbsent."""
        return bool(self._read(_REG_PU_CTRL) & _CR)

    def absent(self, waited_ms: int):
        """Return the error to raise when nothing became ready in `waited_ms`, or None while that is still ordinary."""
        return ChipAbsent(chip="NAU7802", waited_ms=waited_ms) if waited_ms > LONGEST_WAIT_MS else None

    def read(self) -> int:
        """Return the waiting conversion in counts. Raises ChipAbsent, or ChipSaturated: the cell pulls beyond the range."""
        try:
            self._bus.readfrom_mem_into(self._address, _REG_ADCO, self._three)
        except OSError:
            raise ChipAbsent(chip="NAU7802", address=self._address) from None
        value = counts(self._three[0] << 16 | self._three[1] << 8 | self._three[2])
        if value in (_HIGHEST, _LOWEST):
            raise ChipSaturated(chip="NAU7802", got=value)
        return value

    def power_down(self) -> None:
        """Switch both parts off, which leaves less than a microampere (section 6). Raises ChipAbsent."""
        self._write(_REG_PU_CTRL, 0)

    def _until(self, register, bits, wanted, reads, pause_ms):
        for _ in range(reads):
            if self._read(register) & bits == wanted:
                return
            pause_ms(1)
        raise ChipAbsent(chip="NAU7802", address=self._address)

    def _read(self, register):
        try:
            self._bus.readfrom_mem_into(self._address, register, self._one)
        except OSError:
            raise ChipAbsent(chip="NAU7802", address=self._address) from None
        return self._one[0]

    def _write(self, register, value):
        self._one[0] = value
        try:
            self._bus.writeto_mem(self._address, register, self._one)
        except OSError:
            raise ChipAbsent(chip="NAU7802", address=self._address) from None
