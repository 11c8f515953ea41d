"""A self-test on the bench: files, flash, signature, chips, radio; each a line with what was found.

Judges what the device itself can judge; a person stands by for the rest. GIVEN: kind, files (name: SHA-256 as hex), radio (whether to try
it). What only one kind of device carries is imported where that kind is checked.
"""

import asyncio
import hashlib
import json
import os
import socket
import sys
import time

import machine
import network

from firmware import ROOT
from firmware.crypto import known_answer, new_key
from firmware.flash import replacing
from protocol import cbor

GIVEN = globals().get("GIVEN", {})
_SCRATCH = "/technician.tmp"
_LEAST_FREE_BYTES = 200_000
_JOIN_MS = 15_000
_PING = b"\x40\x00\x7a\x10"  # RFC 7252 section 4.3: an empty confirmable message is answered by a reset
_RESET = b"\x70\x00\x7a\x10"
_TRIES = 3
_CONVERSIONS = 10


def files():
    """Every file of the release is there as it was built."""
    broken = []
    for name, expected in GIVEN["files"].items():
        try:
            with open(f"{ROOT}/{name}", "rb") as file:
                found = hashlib.sha256(file.read()).digest().hex()
        except OSError:
            found = None
        if found != expected:
            broken.append(name)
    return not broken, f"{len(GIVEN['files'])} files whole" if not broken else "damaged: " + ", ".join(broken[:3])


def flash():
    """What is written is read again, and there is room."""
    data = os.urandom(8192)
    with open(_SCRATCH, "wb") as file:
        file.write(data)
    with open(_SCRATCH, "rb") as file:
        same = file.read() == data
    os.remove(_SCRATCH)
    block, _, _, free = os.statvfs("/")[:4]
    return same and block * free > _LEAST_FREE_BYTES, f"{block * free // 1024} KiB free"


def signature():
    """The known answer comes out, and the device's own two keys fit each other."""
    known_answer.check()
    owner = cbor.decode(replacing.read("/identity.cbor"))
    fits = hashlib.sha256(new_key.public_key(owner["signing_key"])).digest()[:4] == owner["kid"]
    return fits, "known answer, and its keys fit each other"


def scale():
    """The load cell's converter answers, is not at its end, and is quiet with an empty plate."""
    from firmware.clock import Clock  # a scale's only
    from firmware.scale.calibration import Curve  # a scale's only
    from firmware.scale.converter import Converter  # a scale's only

    settings = cbor.decode(replacing.read("/settings.cbor") or b"\xa0")
    board = __import__(f"firmware.boards.{settings.get('board', 's3')}_scale", None, None, ("",))
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    converter, clock = Converter(board, bus), Clock(time.ticks_ms, time.ticks_diff)
    found = sorted([asyncio.run(converter.counts(clock)) for _ in range(_CONVERSIONS)])
    calibration = settings.get("calibration")
    if not calibration:
        return True, f"load cell answers, {found[_CONVERSIONS // 2]} counts; not calibrated yet"
    spread_g = Curve(calibration).grams(found[-1] - found[0])
    return spread_g < 200, f"load cell answers, quiet to {spread_g} g"


def cuff():
    """The pressure sensor answers, and the open cuff is empty."""
    from firmware.boards import s3_cuff as board  # a cuff's only
    from firmware.drivers.mprls import CONVERSION_MS, MPRLS  # a cuff's only

    machine.Pin(board.VALVE, machine.Pin.OUT, value=0)
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    sensor = MPRLS(bus)
    found = []
    for _ in range(_CONVERSIONS):
        sensor.start()
        value = None
        while value is None:
            time.sleep_ms(CONVERSION_MS)
            value = sensor.read()
        found.append(value)
    middle = sorted(found)[_CONVERSIONS // 2]
    return -5 < middle < 10, f"pressure sensor answers, {middle:.1f} mmHg in the open cuff"


def babyphone():
    """The climate sensor answers with a room's climate."""
    from firmware.boards import s3_babyphone as board  # a babyphone's only
    from firmware.drivers import sht4x  # a babyphone's only

    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    sensor = sht4x.SHT4x(bus)
    sensor.start()
    time.sleep_ms(sht4x.CONVERSION_MS + 1)
    warmth, moisture = sensor.read()
    return (
        -1000 < warmth < 5000,
        f"climate sensor answers, {warmth / 100:.1f} degrees, {moisture / 100 if moisture > 100 else moisture:.0f} %",
    )


def radio():
    """The network is joined, and the home answers."""
    settings = cbor.decode(replacing.read("/settings.cbor"))
    if not settings.get("ssid"):
        return False, "it has no Wi-Fi yet"
    station = network.WLAN(network.STA_IF)
    station.active(True)
    try:
        station.connect(settings["ssid"], settings.get("password", ""))
        started = time.ticks_ms()
        while not station.isconnected():
            if time.ticks_diff(time.ticks_ms(), started) > _JOIN_MS:
                return False, "the Wi-Fi does not take it: wrong name or password, or too far"
            time.sleep_ms(100)
        return _gateway(settings["gateway"])
    finally:
        station.active(False)


def _gateway(where):
    away = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    away.setblocking(False)
    try:
        to = socket.getaddrinfo(where[0], where[1])[0][-1]
    except OSError:
        return False, f"Wi-Fi joined, but nobody there knows {where[0]}"
    for _ in range(_TRIES):
        away.sendto(_PING, to)
        started = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), started) < 1000:
            try:
                if away.recvfrom(64)[0][:4] == _RESET:
                    return True, "Wi-Fi joined, the gateway answers"
            except OSError:
                pass  # nothing there yet
            time.sleep_ms(20)
    return False, "Wi-Fi joined, but no gateway answers"


def check():
    """Run every test that this device has; one that raises has failed."""
    lines = []
    chips = {"scale": scale, "cuff": cuff, "babyphone": babyphone}[GIVEN["kind"]]
    tests = [("files", files), ("flash", flash), ("signature", signature), ("chips", chips)]
    if GIVEN["radio"]:
        tests.append(("radio", radio))
    for name, test in tests:
        try:
            passed, words = test()
        except Exception as error:  # whatever it is, it is the answer
            passed, words = False, f"{type(error).__name__} {error}".strip()
        lines.append([name, bool(passed), words])
    return {"lines": lines}


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    print("foyer-technician " + json.dumps(check()))
