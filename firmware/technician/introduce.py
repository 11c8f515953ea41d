"""Make this device's own two key pairs, and put them beside what the computer gives; nothing is in force before `commit.py`.

The private halves are made here and never leave: only the public halves, a name and a signature over both as proof are printed. GIVEN:
challenge and entropy (32 bytes each), identity (what the computer chooses of it), settings.
"""

import hashlib
import json
import os
import sys

import machine
import network

from firmware.crypto import known_answer, new_key, p256
from firmware.flash import replacing
from protocol import cbor

STAGED = "/introduced.cbor"

GIVEN = globals().get("GIVEN", {})


def key_pair(radio, purpose):
    """Return a private key and its public half. Raises RadioOff."""
    steps = new_key.new_key_steps(new_key.draw(radio, purpose, GIVEN["entropy"]))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def introduce() -> dict:
    """Make and stage what this device will be; return its public halves."""
    radio = network.WLAN(network.STA_IF)
    radio.active(True)  # the chip's random numbers need the radio's noise
    try:
        (signing, public), (link, link_public) = key_pair(radio, b"sign"), key_pair(radio, b"link")
    finally:
        radio.active(False)
    known_answer.check()
    kid = hashlib.sha256(public).digest()[:4]
    identity = dict(GIVEN["identity"])
    identity.update({"signing_key": signing, "kid": kid, "link_key": link, "link_public": link_public})
    proof = p256.sign(signing, hashlib.sha256(GIVEN["challenge"] + link_public).digest(), os.urandom(32))
    settings = _with_network(GIVEN["settings"])
    replacing.replace(STAGED, cbor.encode({"identity": identity, "settings": settings}))
    shown = {"public_key": public.hex(), "link_key": link_public.hex(), "kid": kid.hex(), "proof": proof.hex()}
    shown["wifi"] = "ssid" in settings
    return shown


def _with_network(settings):
    """Return the settings, with the network that a browser gave before (`firmware/cable.py`) unless they name one."""
    held = replacing.read("/settings.cbor")
    if held is not None and "ssid" not in settings:
        before = cbor.decode(held)
        if "ssid" in before:
            settings = dict(settings)
            settings["ssid"], settings["password"] = before["ssid"], before.get("password", "")
    return settings


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    print("foyer-technician " + json.dumps(introduce()))
