"""SSD1306: the controller of a display of 128 by 64 points on I2C.

Source: Solomon Systech, SSD1306 data sheet, revision 1.1: commands in table 9, the application note's order of switching on. It has no
identity and cannot be read over I2C: that it acknowledges is all it says of itself.
"""

from micropython import const

from firmware.errors import ChipAbsent

ADDRESS = const(0x3C)
WIDTH = const(128)
HEIGHT = const(64)
_COMMANDS = const(0x00)  # section 8.1.5.2: the control byte before commands
_DATA = b"\x40"  # and before what is shown
_SET_UP = bytes(
    (
        _COMMANDS,
        0xAE,  # off
        0xD5,
        0x80,  # clock
        0xA8,
        0x3F,  # 64 rows
        0xD3,
        0x00,  # no offset
        0x40,  # first row 0
        0x8D,
        0x14,  # charge pump on
        0x20,
        0x00,  # horizontal addressing
        0xA1,  # column 127 left
        0xC8,  # row 63 at the top
        0xDA,
        0x12,  # rows alternate
        0x81,
        0x7F,  # half of the contrast
        0xD9,
        0xF1,  # pre-charge for the pump
        0xDB,
        0x20,
        0xA4,  # what is in memory
        0xA6,  # not inverted
    )
)
_WHOLE = bytes((_COMMANDS, 0x21, 0, WIDTH - 1, 0x22, 0, HEIGHT // 8 - 1))
_ON = bytes((_COMMANDS, 0xAF))
_OFF = bytes((_COMMANDS, 0xAE, 0x8D, 0x10))  # and the charge pump off


class SSD1306:
    """The display on `bus`, with `machine.I2C`'s methods; dark until the first `show`. Raises ChipAbsent."""

    def __init__(self, bus, address: int = ADDRESS):
        self._bus = bus
        self._address = address
        self._lit = False
        self._write(_SET_UP)

    def show(self, picture: bytearray) -> None:
        """Show 1024 bytes: eight rows of 128 columns of 8 points, lowest bit at the top (framebuf's MONO_VLSB). Raises ChipAbsent."""
        if not self._lit:
            self._write(_SET_UP)
        self._write(_WHOLE)
        try:
            self._bus.writevto(self._address, (_DATA, picture))
        except OSError:
            raise ChipAbsent(chip="SSD1306", address=self._address) from None
        if not self._lit:
            self._write(_ON)
            self._lit = True

    def off(self) -> None:
        """Go dark; some microamperes remain. Raises ChipAbsent."""
        self._write(_OFF)
        self._lit = False

    def _write(self, command):
        try:
            self._bus.writeto(self._address, command)
        except OSError:
            raise ChipAbsent(chip="SSD1306", address=self._address) from None
