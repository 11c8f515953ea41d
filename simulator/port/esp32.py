"""Stand-in for `esp32`: the few names of it that have a meaning without the chip."""

import os

import flash
import partition
import wire
from partition import Partition  # noqa: F401

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True


def boot(image):
    """Start as the bootloader does where a file beside the flash's image holds two application slots."""
    slots = image + ".slots"
    try:
        size = os.stat(slots)[6]
    except OSError:
        return
    partition.boot(flash.FileFlash(open(slots, "r+b"), size))


def mcu_temperature():
    """Return the processor's temperature in degrees Celsius."""
    return 38


def wake_on_ext0(pin=None, level=None):
    """Wake the device from deep sleep while `pin` is at `level` (WAKEUP_ALL_LOW or WAKEUP_ANY_HIGH); None: no pin does."""
    wire.OUT[3] = wire.NO_PIN if pin is None else pin._number
    wire.OUT[4] = 1 if level else 0
    wire.tell(wire.WAKE_ON, 2)


def gpio_deep_sleep_hold(enable):
    """Accept: the pins of this board that are held keep their level in deep sleep by themselves (they are RTC pins)."""
