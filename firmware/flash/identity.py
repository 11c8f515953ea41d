"""Who this device is: its serial number and its keys, written once at provisioning and read at every start.

The signing key never leaves the device. The master secret is shared with the home and makes the OSCORE context, as long as keys do
not come from EDHOC. Nothing here is ever printed.
"""

from collections import namedtuple

from firmware.errors import IdentityBroken
from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/identity.cbor"
# each key as it stands in the file, with its least and greatest length in bytes
# "sender" and "recipient" are OSCORE's names of the two ends
_BYTES = (
    ("signing_key", 32, 32),
    ("kid", 4, 4),
    ("pairing", 8, 8),
    ("master_secret", 16, 16),
    ("master_salt", 8, 8),
    ("sender", 1, 7),
    ("recipient", 0, 7),
)

Identity = namedtuple("Identity", ("serial",) + tuple(name for name, _, _ in _BYTES))


def check(fields: object) -> Identity:
    """Return the identity these fields make. Raises IdentityBroken: one is absent or has the wrong length."""
    if not isinstance(fields, dict) or not isinstance(fields.get("serial"), str):
        raise IdentityBroken(field="serial", reason="absent")
    for name, least, most in _BYTES:
        value = fields.get(name)
        if not isinstance(value, bytes) or not least <= len(value) <= most:
            raise IdentityBroken(field=name, reason="absent or of wrong length")
    if fields["sender"] == fields["recipient"]:
        raise IdentityBroken(field="recipient", reason="same as sender")
    return Identity(fields["serial"], *(fields[name] for name, _, _ in _BYTES))


def load(path: str = PATH) -> Identity:
    """Return who this device is. Raises IdentityBroken."""
    data = replacing.read(path)
    if data is None:
        raise IdentityBroken(path=path, reason="absent")
    try:
        return check(cbor.decode(data))
    except ProtocolError as error:
        raise IdentityBroken(path=path, reason=str(error)) from None


def save(fields: dict, path: str = PATH) -> None:
    """Check the fields and put them in place of the old. Raises IdentityBroken; then nothing was written."""
    check(fields)
    replacing.replace(path, cbor.encode(fields))
