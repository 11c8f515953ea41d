"""Let this device join another Wi-Fi from its next start on: its keys, its home and its readings stay as they are.

GIVEN: ssid, password, tried (whether the network is tried first; one that does not take the device is then not kept).
"""

import json
import sys
import time

import machine
import network

from firmware.flash import replacing
from firmware.flash.settings import check
from protocol import cbor

SETTINGS = "/settings.cbor"
_JOIN_MS = 15_000

GIVEN = globals().get("GIVEN", {})


def join() -> dict:
    """Return the device's radio, and whether it keeps the network."""
    settings = cbor.decode(replacing.read(SETTINGS))
    settings["ssid"], settings["password"] = GIVEN["ssid"], GIVEN["password"]
    radio = check(settings)["radio"]
    kept = radio != "ble" and (not GIVEN["tried"] or takes_us())
    if kept:
        replacing.replace(SETTINGS, cbor.encode(settings))
    return {"radio": radio, "kept": kept}


def takes_us() -> bool:
    """Return whether the network lets this device in."""
    station = network.WLAN(network.STA_IF)
    station.active(True)
    try:
        station.disconnect()
        station.config(reconnects=1)
        station.connect(GIVEN["ssid"], GIVEN["password"])
        started = time.ticks_ms()
        while not station.isconnected():
            if time.ticks_diff(time.ticks_ms(), started) > _JOIN_MS:
                return False
            time.sleep_ms(100)
        return True
    finally:
        station.active(False)


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    print("foyer-technician " + json.dumps(join()))
