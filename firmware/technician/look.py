"""Say what this device is: its chip, its interpreter, its firmware, and whether it has keys. Never a key itself."""

import json
import os
import sys

import machine

GIVEN = globals().get("GIVEN", {})


def _fields(path: str) -> dict | None:
    """Return a CBOR map on flash, or None when there is none that can be read."""
    try:
        from protocol import cbor  # a board without our firmware has none

        with open(path, "rb") as file:
            fields = cbor.decode(file.read())
    except (ImportError, OSError, ValueError):
        return None
    except Exception:  # broken files are as good as none here
        return None
    return fields if isinstance(fields, dict) else None


def _root() -> str:
    """Return the slot that the firmware runs from, or "" when there is none."""
    try:
        from firmware import ROOT  # a board without our firmware has none
    except ImportError:
        return ""
    return ROOT


def look() -> dict:
    """Return what this device is."""
    release = _fields(_root() + "/release.cbor")
    owner = _fields("/identity.cbor")
    settings = _fields("/settings.cbor")
    kid = owner.get("kid") if owner else None
    return {
        "chip": machine.unique_id().hex(),
        "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
        "release": release,
        "serial": owner.get("serial") if owner else None,
        "kid": kid.hex() if isinstance(kid, bytes) else None,
        "wifi": bool(settings and settings.get("ssid")),
        "unfinished": "introduced.cbor" in os.listdir("/"),
    }


if sys.implementation.name == "micropython":
    machine.WDT(timeout=120_000)  # the firmware's own would bite while a technician thinks
    print("foyer-technician " + json.dumps(look()))
