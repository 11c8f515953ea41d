"""What this device is, for a release to fit."""

import sys
from collections import namedtuple

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

KEYS = "/release.keys"  # in every slot: the public keys of 65 bytes, one behind the other, whose releases this one lets follow it

# kind, board; abi: as `sys.implementation._mpy` has it; sequence: of the release that runs, 0 for none; keys: the bytes of KEYS
Own = namedtuple("Own", ("kind", "board", "abi", "sequence", "keys"))


def own(chosen: dict, running: str) -> Own:
    """Return what this device is; chosen: its settings; running: the folder that its firmware runs from."""
    keys = replacing.read(running + KEYS) or b""
    return Own(chosen["device"], chosen["board"], getattr(sys.implementation, "_mpy", 0), _sequence(running), keys)


def _sequence(folder):
    try:
        fields = cbor.decode(replacing.read(folder + "/release.cbor") or b"")
        number = fields["sequence"]
    except (ProtocolError, KeyError, TypeError):
        return 0
    return number if isinstance(number, int) else 0
