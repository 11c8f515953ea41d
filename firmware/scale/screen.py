"""The scale's display, by what its board carries."""

import machine

from firmware.drivers.ssd1306 import SSD1306
from firmware.errors import ChipError
from firmware.panel import Panel


def screen(board) -> Panel | None:
    """Return the panel, or None when the display does not answer: a weight is worth more than its picture."""
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    try:
        return Panel(SSD1306(bus))
    except ChipError:
        return None
