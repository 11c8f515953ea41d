"""Receipts and refusals: what a gateway answers inside the protected response.

A receipt says that the reading's bytes are on disk at home; only then may the device forget them, and only if sequence and digest are
its own. Everything else, whatever its CoAP code, is no receipt.
"""

from collections import namedtuple

from protocol import cbor, errors

STORED, ALREADY_STORED = 0, 1
DIGEST_BYTES = 8

_SEQUENCE, _DIGEST, _UTC_MS, _STATUS, _INITIALS, _TREND = 1, 2, 3, 4, 5, 6
MAX_INITIALS = 3  # bytes: the display writes A to Z and 1 to 9
RISING, STEADY, FALLING = 1, 0, -1
_FAULT_CODE = 0

# sequence of the reading; digest: first 8 bytes of SHA-256 of what was signed; utc_ms: the gateway's clock; status: as above;
# for the device's display, when the gateway recognised whose it is: initials, up to 3 letters, else ""; trend: as above
Receipt = namedtuple("Receipt", ("sequence", "digest", "utc_ms", "status", "initials", "trend"))


def encode(sequence: int, digest: bytes, utc_ms: int, status: int, initials: str = "", trend: int = STEADY) -> bytes:
    """Return the receipt's bytes. Raises BadReceipt: a value out of range."""
    return cbor.encode(fields_of(sequence, digest, utc_ms, status, initials, trend))


def fields_of(sequence: int, digest: bytes, utc_ms: int, status: int, initials: str = "", trend: int = STEADY) -> "dict[object, object]":
    """Return the receipt's fields, in their order on the wire. Raises BadReceipt: a value out of range."""
    fields: dict[object, object] = {_SEQUENCE: sequence, _DIGEST: bytes(digest), _UTC_MS: utc_ms, _STATUS: status}
    if initials:
        fields[_INITIALS] = initials
    if trend:
        fields[_TREND] = trend
    _check(fields)
    return fields


def decode(data: bytes) -> Receipt:
    """Return the receipt that `data` holds. Raises NotCBOR, BadReceipt."""
    fields = cbor.decode(data)
    if not isinstance(fields, dict) or len(fields) != 4 + (_INITIALS in fields) + (_TREND in fields):
        raise errors.BadReceipt(None, fields)
    _check(fields)
    return Receipt(
        fields[_SEQUENCE], fields[_DIGEST], fields[_UTC_MS], fields[_STATUS], fields.get(_INITIALS, ""), fields.get(_TREND, STEADY)
    )


def encode_refusal(fault_code: int) -> bytes:
    """Return the payload of an error response: why, as a code of `protocol/faults.py`."""
    return cbor.encode({_FAULT_CODE: fault_code})


def decode_refusal(data: bytes) -> int:
    """Return the fault code of an error response. Raises NotCBOR, BadReceipt."""
    fields = cbor.decode(data)
    if not isinstance(fields, dict) or len(fields) != 1:
        raise errors.BadReceipt(None, fields)
    return _integer(fields, _FAULT_CODE, 1 << 16)


def _check(fields: dict[object, object]) -> None:
    _integer(fields, _SEQUENCE, 1 << 40)
    _integer(fields, _UTC_MS, 1 << 48)
    _integer(fields, _STATUS, ALREADY_STORED + 1)
    digest = fields.get(_DIGEST)
    if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        raise errors.BadReceipt(_DIGEST, digest)
    initials = fields.get(_INITIALS, "-")
    if not isinstance(initials, str) or not 0 < len(initials.encode()) <= MAX_INITIALS:
        raise errors.BadReceipt(_INITIALS, initials)
    trend = fields.get(_TREND, RISING)
    if isinstance(trend, bool) or trend not in (RISING, FALLING):
        raise errors.BadReceipt(_TREND, trend)


def _integer(fields: dict[object, object], key: int, end: int) -> int:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < end:
        raise errors.BadReceipt(key, value)
    return value
