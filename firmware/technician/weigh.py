"""Read the scale's converter or its electrodes for its calibration, or keep what the calibration found.

GIVEN: conversions, how many to read; or transforms, how many of the electrodes' to read, with a resistor in place of feet; or
calibration, fields to put into the settings.
"""

import asyncio
import json
import sys
import time

import machine

from firmware.clock import Clock
from firmware.flash import replacing
from firmware.scale.converter import Converter
from protocol import cbor

SETTINGS = "/settings.cbor"
GIVEN = globals().get("GIVEN", {})


def board():
    """Return the pin numbers of the board that the settings name, and its I2C bus."""
    name = cbor.decode(replacing.read(SETTINGS)).get("board", "s3")
    pins = __import__(f"firmware.boards.{name}_scale", None, None, ("",))
    return pins, machine.I2C(0, scl=machine.Pin(pins.I2C_CLOCK), sda=machine.Pin(pins.I2C_DATA), freq=400_000)


def conversions(count):
    """Return this many conversions in counts."""
    converter, clock = Converter(*board()), Clock(time.ticks_ms, time.ticks_diff)
    return [asyncio.run(converter.counts(clock)) for _ in range(count + 1)][1:]  # the first may be from before


def magnitudes(count):
    """Return this many magnitudes of what comes back from the electrodes at 50 kHz."""
    from firmware.drivers.ad5933 import AD5933, CONVERSION_MS, magnitude  # only where there is one
    from firmware.scale.feet import SETTLING_CYCLES, FREQUENCY_Hz  # the same

    chip = AD5933(board()[1], FREQUENCY_Hz, SETTLING_CYCLES)
    found = []
    chip.start()
    try:
        while len(found) < count:
            time.sleep_ms(CONVERSION_MS + 2)
            if chip.ready():
                found.append(magnitude(*chip.read()))
                chip.repeat()
    finally:
        chip.power_down()
    return found


def keep(calibration):
    """Put a calibration into the settings; return what stands there now."""
    settings = cbor.decode(replacing.read(SETTINGS))
    settings["calibration"] = dict(settings.get("calibration", {}))
    settings["calibration"].update(calibration)
    replacing.replace(SETTINGS, cbor.encode(settings))
    return cbor.decode(replacing.read(SETTINGS))["calibration"]


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    if "calibration" in GIVEN:
        print("foyer-technician " + json.dumps({"kept": keep(GIVEN["calibration"])}))
    elif "transforms" in GIVEN:
        print("foyer-technician " + json.dumps({"magnitudes": magnitudes(GIVEN["transforms"])}))
    else:
        print("foyer-technician " + json.dumps({"counts": conversions(GIVEN["conversions"])}))
