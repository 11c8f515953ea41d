"""A backlog in one message: signed readings as they were kept, and the receipt for a range of them.

A device that was away sends up to 16 kept readings at once. The receipt names, for each run of readings that were stored, the first
sequence, how many, and one digest over what was signed in all of them, so the device forgets exactly those that are safe: a run is named
only if every one of it was stored, and the device checks the digest over its own copies.
"""

import hashlib
from collections import namedtuple

from protocol import cbor, errors, fields

MAX_READINGS = 16
MAX_SIGNED_BYTES = 1024
MAX_BATCH_BYTES = 4096
DIGEST_BYTES = 8

_UTC_MS, _RUNS = 3, 5
_RULES = {_UTC_MS: (int, 0, (1 << 48) - 1, True), _RUNS: (list, 1, MAX_READINGS, True)}

# first: sequence of the first reading; count: how many readings of the batch, in its order; digest: as run_digest
Run = namedtuple("Run", ("first", "count", "digest"))
RangeReceipt = namedtuple("RangeReceipt", ("utc_ms", "runs"))


def encode(signed: "list[bytes]") -> bytes:
    """Return the batch's bytes. Raises BadBatch: none, too many, or too large."""
    data = cbor.encode(_check(signed))
    if len(data) > MAX_BATCH_BYTES:
        raise errors.BadBatch(None, len(data))
    return data


def decode(data: bytes) -> "list[bytes]":
    """Return the signed readings, each still to be opened and verified. Raises NotCBOR, BadBatch."""
    if len(data) > MAX_BATCH_BYTES:
        raise errors.BadBatch(None, len(data))
    return _check(cbor.decode(data))


def run_digest(signed_digests: "list[bytes]") -> bytes:
    """Return the digest that names a run: over the full SHA-256 digests of what was signed, in their order."""
    return hashlib.sha256(b"".join(signed_digests)).digest()[:DIGEST_BYTES]


def encode_receipt(utc_ms: int, runs: "list[Run]") -> bytes:
    """Return the range receipt's bytes. Raises BadReceipt."""
    return cbor.encode(_check_receipt({_UTC_MS: utc_ms, _RUNS: [list(run) for run in runs]}))


def decode_receipt(data: bytes) -> RangeReceipt:
    """Return the range receipt that `data` holds. Raises NotCBOR, BadReceipt."""
    known = _check_receipt(cbor.decode(data))
    return RangeReceipt(known[_UTC_MS], [Run(run[0], run[1], run[2]) for run in known[_RUNS]])  # type: ignore[attr-defined]


def _check(signed: object) -> "list[bytes]":
    if not isinstance(signed, list) or not 0 < len(signed) <= MAX_READINGS:
        raise errors.BadBatch(None, signed)
    for number, message in enumerate(signed):
        if not isinstance(message, bytes) or not 0 < len(message) <= MAX_SIGNED_BYTES:
            raise errors.BadBatch(number, message)
    return signed


def _check_receipt(receipt: object) -> "dict[int, object]":
    known = fields.check(receipt, _RULES, errors.BadReceipt, None)
    for run in known[_RUNS]:  # type: ignore[attr-defined]
        if not isinstance(run, list) or len(run) != 3:
            raise errors.BadReceipt(_RUNS, run)
        first, count, digest = run
        if not fields.is_integer(first) or not 0 <= first < 1 << 40 or not fields.is_integer(count) or not 0 < count <= MAX_READINGS:
            raise errors.BadReceipt(_RUNS, run)
        if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
            raise errors.BadReceipt(_RUNS, run)
    return known
