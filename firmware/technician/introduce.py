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

from firmware.crypto import p256
from firmware.flash import replacing
from protocol import cbor

STAGED = "/introduced.cbor"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

GIVEN = globals().get("GIVEN", {})


def new_key(entropy: bytes) -> bytes:
    """Return a private key from the device's own random numbers, with the computer's mixed in (threats T19).

    The number is drawn from 384 bits, so it is even over the range to within 2^-128 (FIPS 186-5 A.2.1).
    """
    own = os.urandom(64)
    drawn = b"".join(hashlib.sha256(bytes((part,)) + own + entropy).digest() for part in (1, 2))
    number = int.from_bytes(drawn[:48], "big") % (_ORDER - 1) + 1
    return number.to_bytes(32, "big")


def introduce() -> dict:
    """Make and stage what this device will be; return its public halves."""
    radio = network.WLAN(network.STA_IF)
    radio.active(True)  # the chip's random numbers need the radio's noise
    try:
        signing, link = new_key(GIVEN["entropy"]), new_key(GIVEN["entropy"])
    finally:
        radio.active(False)
    p256.power_on_test()
    public, link_public = p256.public_key(signing), p256.public_key(link)
    kid = hashlib.sha256(public).digest()[:4]
    identity = dict(GIVEN["identity"])
    identity.update({"signing_key": signing, "kid": kid, "link_key": link, "link_public": link_public})
    proof = p256.sign(signing, hashlib.sha256(GIVEN["challenge"] + link_public).digest())
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
