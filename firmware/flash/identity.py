"""Who this device is: its serial number and its keys, written once at provisioning and read at every start.

Two key pairs: the signing key's signature is what a reading is worth, and by the link key the device proves itself to its home, whose own
public key stands beside it. Neither private key ever leaves the device. Nothing here is ever printed.

A device without a home has `NO_HOME` or nothing in place of the home's key, and after a factory reset no keys of its own either; what it
has then is its serial number and the secret of its label, by which `firmware/pairing.py` finds it a home.
"""

from collections import namedtuple

from firmware.errors import IdentityBroken
from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/identity.cbor"
# each key as it stands in the file, with its least and greatest length in bytes
_BYTES = (
    ("signing_key", 32, 32),
    ("kid", 4, 4),
    ("pairing", 8, 8),
    ("link_key", 32, 32),
    ("link_public", 65, 65),
    ("gateway_key", 65, 65),
)

NO_HOME = bytes(65)  # no point of the curve
LABEL_BYTES = 16

Identity = namedtuple("Identity", ("serial",) + tuple(name for name, _, _ in _BYTES))


def check(fields: object) -> Identity:
    """Return the identity these fields make. Raises IdentityBroken: one is absent or has the wrong length."""
    if not isinstance(fields, dict) or not isinstance(fields.get("serial"), str):
        raise IdentityBroken(field="serial", reason="absent")
    for name, least, most in _BYTES:
        value = fields.get(name)
        if not isinstance(value, bytes) or not least <= len(value) <= most:
            raise IdentityBroken(field=name, reason="absent or of wrong length")
    return Identity(fields["serial"], *(fields[name] for name, _, _ in _BYTES))


def load(path: str = PATH) -> Identity:
    """Return who this device is. Raises IdentityBroken."""
    return check(read(path))


def read(path: str = PATH) -> dict:
    """Return the fields as they stand, of a device without a home too. Raises IdentityBroken: no file, or not a map."""
    data = replacing.read(path)
    if data is None:
        raise IdentityBroken(path=path, reason="absent")
    try:
        fields = cbor.decode(data)
    except ProtocolError as error:
        raise IdentityBroken(path=path, reason=str(error)) from None
    if not isinstance(fields, dict):
        raise IdentityBroken(path=path, reason="not a map")
    return fields


def may_pair(fields: dict) -> bool:
    """Return whether a pairing has what it needs: a serial number and the label's secret."""
    label = fields.get("label")
    return isinstance(fields.get("serial"), str) and isinstance(label, bytes) and len(label) == LABEL_BYTES


def homeless(fields: dict) -> bool:
    """Return whether the device has no home."""
    return fields.get("gateway_key", NO_HOME) == NO_HOME


def save(fields: dict, path: str = PATH) -> None:
    """Check the fields and put them in place of the old. Raises IdentityBroken; then nothing was written."""
    check(fields)
    replacing.replace(path, cbor.encode(fields))
