"""Read the scale's converter for its calibration, or keep what the calibration found.

GIVEN: conversions, how many to read; or calibration, whole numbers by name, to put into the settings.
"""

import json
import sys
import time

import machine

from firmware.boards import s3_scale as board
from firmware.drivers.hx711 import HX711
from firmware.flash import replacing
from protocol import cbor

SETTINGS = "/settings.cbor"
GIVEN = globals().get("GIVEN", {})


def conversions(count):
    """Return this many conversions in counts."""
    data, clock = machine.Pin(board.HX711_DATA, machine.Pin.IN), machine.Pin(board.HX711_CLOCK, machine.Pin.OUT)
    converter = HX711(data, clock, machine.disable_irq, machine.enable_irq)
    found = []
    while len(found) < count:
        started = time.ticks_ms()
        while not converter.ready():
            absent = converter.absent(time.ticks_diff(time.ticks_ms(), started))
            if absent:
                raise absent
            time.sleep_ms(5)
        found.append(converter.read())
    return found[1:]  # the first may be from before


def keep(calibration):
    """Put a calibration into the settings."""
    settings = cbor.decode(replacing.read(SETTINGS))
    settings["calibration"] = calibration
    replacing.replace(SETTINGS, cbor.encode(settings))


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    if "calibration" in GIVEN:
        keep(GIVEN["calibration"])
        print("foyer-technician " + json.dumps({"kept": GIVEN["calibration"]}))
    else:
        print("foyer-technician " + json.dumps({"counts": conversions(GIVEN["conversions"])}))
