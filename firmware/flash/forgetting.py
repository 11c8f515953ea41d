"""Factory reset: the device forgets its home and its keys, and keeps what it is made of.

What goes: both private keys and their names, the home's key, Wi-Fi, the gateway's address, unsent readings. What stays: serial number and
label secret, without which nobody could pair it again, calibration, board, language, and the counters, because numbers that never fall
cost nothing. New keys are made at the next pairing, with the radio on (threats T19, T20). The decision is the file `MARK`; it is removed
last, so a power cut in between is made good at the next start.
"""

import os

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

MARK = "/state/forgetting"
_OUTBOX = "/state/outbox"
# the home's own numbers, whom the device knew over Bluetooth, and the codes of phones' users
_OTHERS = ("/state/order.cbor", "/state/bonds.cbor", "/state/consents.cbor")
_KEPT_SETTINGS = ("device", "board", "radio", "language", "unit", "calibration")
_KEPT_IDENTITY = ("serial", "label")


def finish(root: str = "") -> None:
    """Forget. Raises OSError: the flash refuses; the next start tries again."""
    _strip(root + "/identity.cbor", _KEPT_IDENTITY)  # the keys first: without them the rest is worth little
    _strip(root + "/settings.cbor", _KEPT_SETTINGS)
    for path in _OTHERS:
        try:
            os.remove(root + path)
        except OSError:
            pass  # no command ever came, and nobody over Bluetooth
    for name in _names(root + _OUTBOX):
        os.remove(f"{root}{_OUTBOX}/{name}")
    os.remove(root + MARK)


def _strip(path, kept):
    try:
        fields = cbor.decode(replacing.read(path) or b"")
    except ProtocolError:
        return
    if isinstance(fields, dict):
        replacing.replace(path, cbor.encode({name: fields[name] for name in kept if name in fields}))


def _names(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return ()  # never made
