"""Bring into force what `introduce.py` staged: settings first, the identity last, because a device with an identity is a finished one.

Run again after a cut it goes on where it was. GIVEN: kid, so that a device is never finished with keys that the record does not know.
"""

import hashlib
import json
import os
import sys

import machine

from firmware.crypto import new_key
from firmware.flash import identity, replacing
from protocol import cbor

STAGED = "/introduced.cbor"
SETTINGS = "/settings.cbor"
_OLD = ("/state/outbox",)

GIVEN = globals().get("GIVEN", {})


def commit() -> dict:
    """Finish; return which key the device now has."""
    staged = replacing.read(STAGED)
    if staged is not None:
        fields = cbor.decode(staged)
        if fields["identity"]["kid"].hex() != GIVEN["kid"]:
            return {"error": "other keys are staged than the record knows"}
        for folder in _OLD:
            _empty(folder)
        replacing.replace(SETTINGS, cbor.encode(fields["settings"]))
        identity.save(fields["identity"])
        os.remove(STAGED)
    owner = identity.load()
    if hashlib.sha256(new_key.public_key(owner.signing_key)).digest()[:4] != owner.kid:
        return {"error": "its keys do not fit each other"}
    return {"serial": owner.serial, "kid": owner.kid.hex()}


def _empty(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return  # never made
    for name in names:
        os.remove(f"{folder}/{name}")


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)
    print("foyer-technician " + json.dumps(commit()))
