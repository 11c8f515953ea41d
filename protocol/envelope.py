"""What travels between a home and the account store: batches of sealed rows, and the receipts for them.

A batch carries rows of one pseudonym only and is signed by that pseudonym's own write key, whose hash the pseudonym is: nobody
can write under a pseudonym without its key (threats T4). The signed batch is then sealed to the ingester, so that a broker sees
no pseudonym (T3). A receipt names the batch and each row by digest, after they were committed, and is signed by the ingester, so
that a broker cannot make one (T25).

Ciphers and signatures are handed in; the signed objects are COSE_Sign1 with Ed25519 (RFC 9864, algorithm -19).
"""

from collections import namedtuple
from hashlib import sha256

from protocol import cbor, cose, sign1
from protocol.errors import BadEnvelope, BadSignature, NotCBOR, NotCOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ED25519 = -19
BATCH_INFO = b"foyer batch 1"
_BATCH_AAD = b"foyer batch"
_RECEIPT_AAD = b"foyer receipt"

ROWS_IN_BATCH = 50
# 50 rows of the largest size, with room for their frames; a batch of ordinary readings takes some 30 kB.
LARGEST_BATCH_BYTES = 256 * 1024

STORED = 0
ALREADY = 1
CONFLICT = 2

Row = namedtuple("Row", ("minute", "row_id", "sealed"))
Batch = namedtuple("Batch", ("pseudonym", "rows", "sent_utc_ms"))
RowReceipt = namedtuple("RowReceipt", ("row_id", "digest8", "status"))
Receipt = namedtuple("Receipt", ("message_digest", "rows", "committed_utc_ms"))


def pseudonym_of(write_public_key: bytes) -> bytes:
    """Return the pseudonym of a write key: the first 16 bytes of the SHA-256 of its public half (32 bytes, Ed25519)."""
    return sha256(write_public_key).digest()[:16]


def digest8(sealed: bytes) -> bytes:
    """Return the 8 bytes by which a receipt names the sealed bytes of a row."""
    return sha256(sealed).digest()[:8]


def encode_batch(write_public_key: bytes, rows: "list[Row]", sent_utc_ms: int, sign: "Callable[[bytes], bytes]") -> bytes:
    """Return a signed batch of 1 to 50 Rows, to be sealed to the ingester with BATCH_INFO.

    sign(bytes) -> 64 bytes, by the private half of `write_public_key`.
    """
    if not 1 <= len(rows) <= ROWS_IN_BATCH:
        raise BadEnvelope("%d rows in a batch" % len(rows))
    payload = {0: 1, 1: pseudonym_of(write_public_key), 2: write_public_key, 3: [list(row) for row in rows], 4: sent_utc_ms}
    return cose.sign1(cbor.encode(payload), b"", _BATCH_AAD, sign, ED25519)


def decode_batch(message: bytes, verify: "Callable[[bytes, bytes, bytes], bool]") -> Batch:
    """Return the Batch in the opened bytes of a message.

    verify(public_key, signed_bytes, signature) -> bool: Ed25519.
    Raises BadEnvelope: not a batch, or a write key that is not the pseudonym's. Raises BadSignature: not signed by it.
    """
    fields, parsed = _signed_map(message, LARGEST_BATCH_BYTES)
    if set(fields) != {0, 1, 2, 3, 4} or fields[0] != 1:
        raise BadEnvelope("not a batch")
    pseudonym, key, rows, sent_utc_ms = fields[1], fields[2], fields[3], fields[4]
    if not isinstance(key, bytes) or len(key) != 32 or pseudonym_of(key) != pseudonym:
        raise BadEnvelope("the write key is not this pseudonym's")
    sign1.verify1(parsed, _BATCH_AAD, lambda signed, signature: verify(key, signed, signature))
    if not isinstance(rows, list) or not 1 <= len(rows) <= ROWS_IN_BATCH or not _is_time(sent_utc_ms):
        raise BadEnvelope("rows or time out of range")
    return Batch(pseudonym, [_row(row) for row in rows], sent_utc_ms)


def encode_receipt(receipt: Receipt, sign: "Callable[[bytes], bytes]") -> bytes:
    """Return the signed bytes of a Receipt; sign(bytes) -> 64 bytes, by the ingester's receipt key."""
    payload = {0: 1, 1: receipt.message_digest, 2: [list(row) for row in receipt.rows], 3: receipt.committed_utc_ms}
    return cose.sign1(cbor.encode(payload), b"", _RECEIPT_AAD, sign, ED25519)


def decode_receipt(message: bytes, verify: "Callable[[bytes, bytes], bool]") -> Receipt:
    """Return the Receipt in bytes from the broker.

    verify(signed_bytes, signature) -> bool: Ed25519 with the ingester's pinned key.
    Raises BadEnvelope: not a receipt. Raises BadSignature: not the ingester's.
    """
    fields, parsed = _signed_map(message, 8192)
    sign1.verify1(parsed, _RECEIPT_AAD, verify)
    if set(fields) != {0, 1, 2, 3} or fields[0] != 1 or not _is_bytes(fields[1], 32) or not _is_time(fields[3]):
        raise BadEnvelope("not a receipt")
    rows = fields[2]
    if not isinstance(rows, list) or not 1 <= len(rows) <= ROWS_IN_BATCH:
        raise BadEnvelope("not a receipt's rows")
    return Receipt(fields[1], [_row_receipt(row) for row in rows], fields[3])


def _signed_map(message: bytes, largest_bytes: int) -> "tuple[dict[object, object], sign1.Sign1]":
    if len(message) > largest_bytes:
        raise BadEnvelope("too long: %d bytes" % len(message))
    try:
        parsed = sign1.parse_sign1(message, (ED25519,))
        fields = cbor.decode(parsed.payload)
    except BadSignature:
        raise
    except (NotCBOR, NotCOSE) as error:
        raise BadEnvelope(str(error)) from None
    if not isinstance(fields, dict):
        raise BadEnvelope("not a map")
    return fields, parsed


def _row(row: object) -> Row:
    if not isinstance(row, list) or len(row) != 3:
        raise BadEnvelope("not a row")
    minute, row_id, sealed = row
    if not isinstance(minute, int) or isinstance(minute, bool) or not 0 <= minute < 2**31:
        raise BadEnvelope("a row's minute")
    if not _is_bytes(row_id, 16) or not isinstance(sealed, bytes) or not 0 < len(sealed) <= 8192:
        raise BadEnvelope("a row's id or sealed bytes")
    return Row(minute, row_id, sealed)


def _row_receipt(row: object) -> RowReceipt:
    if not isinstance(row, list) or len(row) != 3 or not _is_bytes(row[0], 16) or not _is_bytes(row[1], 8):
        raise BadEnvelope("not a row's receipt")
    if isinstance(row[2], bool) or row[2] not in (STORED, ALREADY, CONFLICT):
        raise BadEnvelope("not a row's status")
    return RowReceipt(row[0], row[1], row[2])


def _is_bytes(value: object, length: int) -> bool:
    return isinstance(value, bytes) and len(value) == length


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
