"""Is this manifest from whom we may take one, for us, and newer? Every check that can be made before anything is written."""

from collections import namedtuple
from hashlib import sha256

from firmware.crypto import verify
from firmware.errors import UpdateRefused
from protocol import cose, errors, faults, manifest, sign1

_KEY_BYTES = 65

# head: as `manifest.decode` has it; digest: SHA-256 of its bytes, the name of the release
Opened = namedtuple("Opened", ("head", "digest"))


def open_steps(signed: bytes, own, percent: int | None):
    """Yield, and return the Opened manifest; own: as in `own.py`; percent: of the battery, or None on mains.

    Raises UpdateRefused: it is not for this device, or not from whom it may take one.
    """
    try:
        message = sign1.parse_sign1(signed)
        key = _key(own.keys, message.kid)
        holds = False
        if key is not None:
            signed_bytes = cose.sig_structure(message.protected, manifest.AAD, message.payload)
            holds = yield from verify.holds_steps(key, sha256(signed_bytes).digest(), message.signature)
        if not holds:
            raise UpdateRefused(faults.UPDATE_NOT_SIGNED, kid=message.kid)
        head = manifest.decode(message.payload)
    except errors.ProtocolError:
        raise UpdateRefused(faults.UPDATE_BROKEN, part="manifest") from None
    try:
        manifest.refuse_other(head, manifest.vendor_id(), manifest.class_id(own.kind), own.board, own.abi)
    except errors.ProtocolError:
        raise UpdateRefused(faults.UPDATE_OTHER_DEVICE, kind=own.kind) from None
    try:
        manifest.refuse_older(head, own.sequence)
    except errors.ProtocolError:
        raise UpdateRefused(faults.UPDATE_OLDER, sequence=head[manifest.SEQUENCE]) from None
    if percent is not None and percent < head[manifest.BATTERY]:
        raise UpdateRefused(faults.UPDATE_BATTERY, percent=percent)
    return Opened(head, sha256(message.payload).digest())


def _key(keys, kid):
    for at in range(0, len(keys) - _KEY_BYTES + 1, _KEY_BYTES):
        key = keys[at : at + _KEY_BYTES]
        if sha256(key).digest()[: sign1.KID_BYTES] == kid:
            return key
    return None
