"""Read the scale's converter for its calibration, or keep what the calibration found.

GIVEN: conversions, how many to read; or calibration, fields to put into the settings.
"""

import asyncio
import json
import sys
import time

import machine

from firmware.boards import s3_scale as board
from firmware.clock import Clock
from firmware.flash import replacing
from firmware.scale.converter import Converter
from protocol import cbor

SETTINGS = "/settings.cbor"
GIVEN = globals().get("GIVEN", {})


def conversions(count):
    """Return this many conversions in counts."""
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    converter, clock = Converter(board, bus), Clock(time.ticks_ms, time.ticks_diff)
    return [asyncio.run(converter.counts(clock)) for _ in range(count + 1)][1:]  # the first may be from before


def keep(calibration):
    """Put a calibration into the settings."""
    settings = cbor.decode(replacing.read(SETTINGS))
    settings["calibration"] = dict(settings.get("calibration", {}))
    settings["calibration"].update(calibration)
    replacing.replace(SETTINGS, cbor.encode(settings))


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    if "calibration" in GIVEN:
        keep(GIVEN["calibration"])
        print("foyer-technician " + json.dumps({"kept": GIVEN["calibration"]}))
    else:
        print("foyer-technician " + json.dumps({"counts": conversions(GIVEN["conversions"])}))
