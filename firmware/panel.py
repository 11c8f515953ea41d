"""What the display's 128 by 64 points show: who and which way, one number as large as fits, one line of words.

Digits are seven bars, drawn as large as the number leaves room for; letters are five points by seven, with the accents of French set
above them, in a font that has none.
"""

import framebuf
from micropython import const

WIDTH = const(128)
HEIGHT = const(64)
_TOP = const(10)  # rows 0..7 are the person's
_TALL = const(40)
_WORDS_ROW = const(56)
_LETTER = const(6)  # five columns and a gap
_SIZES = (24, 21, 18, 15, 12, 9)  # widths of a digit

# bars: top, upper right, lower right, bottom, lower left, upper left, middle
_BARS = {"0": 63, "1": 6, "2": 91, "3": 79, "4": 102, "5": 109, "6": 125, "7": 7, "8": 127, "9": 111, "-": 64}
_ACCENTS = {"é": ("e", 2), "è": ("e", 1), "ê": ("e", 3), "à": ("a", 1), "ù": ("u", 1), "ô": ("o", 3), "ç": ("c", 4), "î": ("i", 3)}
# Columns of the letters from space to tilde, five bytes each, lowest bit at the top.
_FONT = (
    b"\x00\x00\x00\x00\x00\x00\x00\x5f\x00\x00\x00\x07\x00\x07\x00\x14\x7f\x14\x7f\x14\x24\x2a\x7f\x2a\x12\x23\x13\x08\x64\x62"
    b"\x36\x49\x56\x20\x50\x00\x08\x07\x03\x00\x00\x1c\x22\x41\x00\x00\x41\x22\x1c\x00\x2a\x1c\x7f\x1c\x2a\x08\x08\x3e\x08\x08"
    b"\x00\x80\x70\x30\x00\x08\x08\x08\x08\x08\x00\x00\x60\x60\x00\x20\x10\x08\x04\x02\x3e\x51\x49\x45\x3e\x00\x42\x7f\x40\x00"
    b"\x72\x49\x49\x49\x46\x21\x41\x49\x4d\x33\x18\x14\x12\x7f\x10\x27\x45\x45\x45\x39\x3c\x4a\x49\x49\x31\x41\x21\x11\x09\x07"
    b"\x36\x49\x49\x49\x36\x46\x49\x49\x29\x1e\x00\x00\x14\x00\x00\x00\x40\x34\x00\x00\x00\x08\x14\x22\x41\x14\x14\x14\x14\x14"
    b"\x00\x41\x22\x14\x08\x02\x01\x59\x09\x06\x3e\x41\x5d\x59\x4e\x7c\x12\x11\x12\x7c\x7f\x49\x49\x49\x36\x3e\x41\x41\x41\x22"
    b"\x7f\x41\x41\x41\x3e\x7f\x49\x49\x49\x41\x7f\x09\x09\x09\x01\x3e\x41\x41\x51\x73\x7f\x08\x08\x08\x7f\x00\x41\x7f\x41\x00"
    b"\x20\x40\x41\x3f\x01\x7f\x08\x14\x22\x41\x7f\x40\x40\x40\x40\x7f\x02\x1c\x02\x7f\x7f\x04\x08\x10\x7f\x3e\x41\x41\x41\x3e"
    b"\x7f\x09\x09\x09\x06\x3e\x41\x51\x21\x5e\x7f\x09\x19\x29\x46\x26\x49\x49\x49\x32\x03\x01\x7f\x01\x03\x3f\x40\x40\x40\x3f"
    b"\x1f\x20\x40\x20\x1f\x3f\x40\x38\x40\x3f\x63\x14\x08\x14\x63\x03\x04\x78\x04\x03\x61\x59\x49\x4d\x43\x00\x7f\x41\x41\x41"
    b"\x02\x04\x08\x10\x20\x00\x41\x41\x41\x7f\x04\x02\x01\x02\x04\x40\x40\x40\x40\x40\x00\x03\x07\x08\x00\x20\x54\x54\x78\x40"
    b"\x7f\x28\x44\x44\x38\x38\x44\x44\x44\x28\x38\x44\x44\x28\x7f\x38\x54\x54\x54\x18\x00\x08\x7e\x09\x02\x18\xa4\xa4\x9c\x78"
    b"\x7f\x08\x04\x04\x78\x00\x44\x7d\x40\x00\x20\x40\x40\x3d\x00\x7f\x10\x28\x44\x00\x00\x41\x7f\x40\x00\x7c\x04\x78\x04\x78"
    b"\x7c\x08\x04\x04\x78\x38\x44\x44\x44\x38\xfc\x18\x24\x24\x18\x18\x24\x24\x18\xfc\x7c\x08\x04\x04\x08\x48\x54\x54\x54\x24"
    b"\x04\x04\x3f\x44\x24\x3c\x40\x40\x20\x7c\x1c\x20\x40\x20\x1c\x3c\x40\x30\x40\x3c\x44\x28\x10\x28\x44\x4c\x90\x90\x90\x7c"
    b"\x44\x64\x54\x4c\x44\x00\x08\x36\x41\x00\x00\x00\x77\x00\x00\x00\x41\x36\x08\x00\x02\x01\x02\x04\x02"
)


class Panel:
    """driver: a display with show(picture) and off(), as in `drivers/ssd1306.py`. Its errors are the caller's."""

    def __init__(self, driver):
        self._driver = driver
        self._picture = bytearray(WIDTH * HEIGHT // 8)
        self._frame = framebuf.FrameBuffer(self._picture, WIDTH, HEIGHT, framebuf.MONO_VLSB)

    def draw(self, number: str, words: str, initials: str = "", trend: int = 0) -> None:
        """Show a number (may be empty) and words; initials of whose it is; trend: 1 up, -1 down, 0 none."""
        self._frame.fill(0)
        self._line(initials, 0, 0)
        if trend:
            self._arrow(trend)
        if number:
            self._number(number)
        self._line(words, max(0, (WIDTH - _LETTER * len(words)) // 2), _WORDS_ROW if number else (HEIGHT - 8) // 2)
        self._driver.show(self._picture)

    def off(self) -> None:
        """Go dark."""
        self._driver.off()

    def _number(self, text):
        for width in _SIZES:
            total = sum(_width(letter, width) for letter in text)
            if total <= WIDTH:
                break
        left = (WIDTH - total) // 2
        tall = min(_TALL, 2 * width)
        for letter in text:
            self._figure(letter, left, width, tall)
            left += _width(letter, width)

    def _figure(self, letter, left, width, tall):
        top = _TOP + (_TALL - tall) // 2
        bottom = top + tall
        thick = max(2, width // 5)
        body = _width(letter, width) - thick  # the rest is the gap to the next
        if letter in _BARS:
            half = (tall - thick) // 2
            bars = (
                (left, top, body, thick),
                (left + body - thick, top, thick, half + thick),
                (left + body - thick, top + half, thick, tall - half),
                (left, bottom - thick, body, thick),
                (left, top + half, thick, tall - half),
                (left, top, thick, half + thick),
                (left, top + half, body, thick),
            )
            for bit, bar in enumerate(bars):
                if _BARS[letter] >> bit & 1:
                    self._frame.fill_rect(*bar, 1)
        elif letter in ".,":
            self._frame.fill_rect(left, bottom - thick, thick, thick, 1)
            if letter == ",":
                self._frame.fill_rect(left, bottom, thick // 2, thick // 2, 1)
        elif letter == "/":
            for step in range(tall):
                self._frame.fill_rect(left + (tall - step) * body // 2 // tall, top + step, thick, 1, 1)
        elif letter != " ":
            self._line(letter, left, bottom - 8)

    def _line(self, text, left, top):
        for letter in text:
            letter, accent = _ACCENTS.get(letter, (letter, 0))
            self._letter(letter if " " <= letter <= "~" else "?", left, top, accent)
            left += _LETTER

    def _letter(self, letter, left, top, accent):
        at = 5 * (ord(letter) - 32)
        for column in range(5):
            bits = _FONT[at + column]
            if accent == 3 and letter == "i":
                bits &= 0x7E  # the dot gives way
            for row in range(8):
                if bits >> row & 1:
                    self._frame.pixel(left + column, top + row, 1)
        for column, row in ((), ((1, 0), (2, 1)), ((3, 0), (2, 1)), ((1, 1), (2, 0), (3, 1)), ((2, 7),))[accent]:
            self._frame.pixel(left + column, top + row, 1)

    def _arrow(self, trend):
        for row in range(4):
            at = row if trend > 0 else 7 - row
            self._frame.fill_rect(WIDTH - 5 - row, at, 2 * row + 1, 1, 1)
        self._frame.fill_rect(WIDTH - 6, 4 if trend > 0 else 0, 3, 4, 1)


def _width(letter, width):
    if letter == "1":
        return max(2, width // 5) * 3  # it has bars on one side only
    if letter in _BARS:
        return width
    if letter in ".,":
        return max(2, width // 5) * 2
    if letter == "/":
        return width * 2 // 3
    return 4 if letter == " " else _LETTER
