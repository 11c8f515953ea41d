"""The scale's supply, by what its board carries."""

import esp32
import machine

from firmware.errors import BatteryEmpty
from firmware.scale.battery import Battery


def battery(board) -> Battery:
    """Return the cells of a board. Raises BatteryEmpty: before anything was written; whoever steps on then wakes the device."""
    cells = Battery(machine.ADC(machine.Pin(board.BATTERY), atten=machine.ADC.ATTN_11DB))
    try:
        cells.check()
    except BatteryEmpty:
        switch = machine.Pin(board.SWITCH, machine.Pin.IN, machine.Pin.PULL_UP)
        esp32.wake_on_ext0(pin=switch, level=not switch.value())
        raise
    return cells
