"""Solomon Systech SSD1306: the controller of a display of 128 by 64 points, on I2C at 0x3C.

Bus face: `write`. World face: `lit` and `points`, what somebody in front of it sees.
Modelled: the commands with their arguments, horizontal addressing with its window, remapping of columns and rows, on and off, inversion,
the charge pump without which nothing shines. Not modelled, and refused: scrolling, page and vertical addressing, reading.
Source: Solomon Systech SSD1306 data sheet rev. 1.1, table 9, section 8.7 and 10.
"""

from simulator.buses.errors import NotAcknowledged, NotModelled

ADDRESS = 0x3C
WIDTH, HEIGHT = 128, 64
PAGES = HEIGHT // 8

CONTINUES_COMMANDS, CONTINUES_DATA = 0x00, 0x40
# command: how many bytes follow it
ARGUMENTS = {0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1}
ALONE = {*range(0x40, 0x80), 0xA0, 0xA1, 0xA4, 0xA5, 0xA6, 0xA7, 0xAE, 0xAF, 0xC0, 0xC8, 0xE3}


class SSD1306:
    """The controller and its panel."""

    def __init__(self) -> None:
        self._plugged = True
        self.lose_power()

    # the world face

    @property
    def lit(self) -> bool:
        """Whether anything can shine."""
        return self._on and self._pump

    def points(self) -> list[list[bool]]:
        """Return the rows of points, top to bottom, left to right, as seen with the flat cable below; all dark when it is off."""
        if not self.lit:
            return [[False] * WIDTH for _ in range(HEIGHT)]
        rows = []
        for row in range(HEIGHT):
            at = row if self._rows_remapped else HEIGHT - 1 - row
            line = [bool(self._memory[at // 8 * WIDTH + column] >> at % 8 & 1) != self._inverted for column in range(WIDTH)]
            rows.append(line if self._columns_remapped else line[::-1])
        return rows

    def unplug(self) -> None:
        """Take the display off the bus."""
        self._plugged = False

    def plug(self) -> None:
        """Put it back; it is dark and has forgotten everything."""
        self._plugged = True
        self.lose_power()

    def lose_power(self) -> None:
        """Start from the beginning."""
        self._memory = bytearray(WIDTH * PAGES)
        self._on = self._pump = self._inverted = False
        self._columns_remapped = self._rows_remapped = False
        self._mode = 2  # page addressing
        self._columns = (0, WIDTH - 1)
        self._pages = (0, PAGES - 1)
        self._place = (0, 0)

    # the bus face

    def write(self, data: bytes, _at_s: float) -> int:
        """Take commands or what is to be shown."""
        if not self._plugged:
            raise NotAcknowledged(ADDRESS)
        if data and data[0] == CONTINUES_COMMANDS:
            self._commands(data[1:])
        elif data and data[0] == CONTINUES_DATA:
            for value in data[1:]:
                self._show(value)
        elif data:
            raise NotModelled("SSD1306", f"control byte 0x{data[0]:02x}")
        return len(data)

    def read(self, _count: int, _at_s: float) -> bytes:
        """Refuse: over I2C there is nothing to read but a status."""
        raise NotModelled("SSD1306", "reading")

    def _commands(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            command = data[at]
            count = ARGUMENTS.get(command, 0)
            if (command not in ARGUMENTS and command not in ALONE) or at + count >= len(data):
                raise NotModelled("SSD1306", f"command 0x{command:02x}")
            self._command(command, data[at + 1 : at + 1 + count])
            at += 1 + count

    def _command(self, command: int, given: bytes) -> None:
        if command == 0x20:
            self._mode = given[0]
        elif command == 0x21:
            self._columns = (given[0] & 0x7F, given[1] & 0x7F)
            self._place = (self._columns[0], self._place[1])
        elif command == 0x22:
            self._pages = (given[0] & 7, given[1] & 7)
            self._place = (self._place[0], self._pages[0])
        elif command == 0x8D:
            self._pump = bool(given[0] & 0x04)
        elif command in (0xA0, 0xA1):
            self._columns_remapped = command == 0xA1
        elif command in (0xA6, 0xA7):
            self._inverted = command == 0xA7
        elif command in (0xAE, 0xAF):
            self._on = command == 0xAF
        elif command in (0xC0, 0xC8):
            self._rows_remapped = command == 0xC8

    def _show(self, value: int) -> None:
        if self._mode != 0:
            raise NotModelled("SSD1306", "page and vertical addressing")
        column, page = self._place
        self._memory[page * WIDTH + column] = value
        column += 1
        if column > self._columns[1]:
            column, page = self._columns[0], page + 1
            if page > self._pages[1]:
                page = self._pages[0]
        self._place = (column, page)
