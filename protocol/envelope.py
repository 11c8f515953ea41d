"""What travels between a home and the account store: batches of sealed rows, and the receipts for them.

A batch carries rows of one pseudonym only and is signed by that pseudonym's own write key, whose hash the pseudonym is: nobody
can write, withdraw or erase under a pseudonym without its key (threats T4). The signed batch is padded and then sealed to the
ingester, so that a broker sees no pseudonym and hardly a length (T3). A receipt names the batch and each row by digest, after they
were committed, is signed by the ingester, so that a broker cannot make one (T25), and is closed under a key that the batch carried,
so that a broker cannot read the ids of rows in it.

A row with nothing sealed in it withdraws the row of that id. A withdrawn id never takes bytes again, so a withdrawal and its row may
come in any order, and each any number of times. A batch without rows asks how its pseudonym stands, and keeps it from lapsing; or it
asks for its rows back, behind the id it names, because the home that sent them has lost them. They come by the page, closed like a receipt.

Ciphers and signatures are handed in; the signed objects are COSE_Sign1 with Ed25519 (RFC 9864, algorithm -19).
"""

import struct
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
_PAGE_AAD = b"foyer page"

ROWS_IN_BATCH = 50
# 50 rows of the largest size, with room for their frames; a batch of ordinary readings takes some 30 kB.
LARGEST_BATCH_BYTES = 256 * 1024
LARGEST_RECEIPT_BYTES = 8192
# A page of rows that were asked back: so many sealed bytes, one row at least, and what that makes with its frames and padded.
PAGE_SEALED_BYTES = 24 * 1024
LARGEST_PAGE_BYTES = 32 * 1024
# Sizes double from here on: one row, one withdrawal and one question look alike.
SMALLEST_PADDED_BYTES = 1024
REPLY_KEY_BYTES = 32
ROW_ID_BYTES = 16
FROM_THE_FIRST = bytes(ROW_ID_BYTES)
WITHDRAWN = b""
_DIGEST_BYTES = 32
_NONCE_BYTES = 12

STORED = 0
ALREADY = 1
CONFLICT = 2

_STATUS = b"\x00", b"\x01", b"\x02"

# How a pseudonym stands.
STANDS = 0
ERASED = 1

# What a batch does besides bringing rows.
_BRINGS = 0
_ERASES = 1
_ASKS_BACK = 2

Row = namedtuple("Row", ("minute", "row_id", "sealed"))
Batch = namedtuple("Batch", ("pseudonym", "rows", "minute", "reply_key", "erases", "back_after"))
RowReceipt = namedtuple("RowReceipt", ("row_id", "digest8", "status"))
Receipt = namedtuple("Receipt", ("message_digest", "rows", "committed_utc_ms", "standing"))
Page = namedtuple("Page", ("message_digest", "rows", "standing", "more"))


# How a home writes a batch of today (docs/wire.md): map of 7, version, pseudonym, key; each row, up to its sealed bytes; what follows.
_BATCH_START = struct.Struct(">5s16s3s32sB")
_BATCH_HEADS = b"\xa7\x00\x02\x01\x50", b"\x02\x58\x20", 3
_BATCH_ROW = struct.Struct(">HIB16sBH")
_ROW_HEAD, _ID_HEAD, _SEALED_HEAD = 0x831A, 0x50, 0x59
_BATCH_END = struct.Struct(">HI3s32sBB")
_END_HEADS = 0x041A, b"\x05\x58\x20", 6
# A smaller number is written shorter, and is left to the decoder; so are sealed bytes of less than 256.
_IN_FOUR_BYTES = 0x10000
LONGEST_SEALED_BYTES = 8192


def pseudonym_of(write_public_key: bytes) -> bytes:
    """Return the pseudonym of a write key: the first 16 bytes of the SHA-256 of its public half (32 bytes, Ed25519)."""
    return sha256(write_public_key).digest()[:16]


def digest8(sealed: bytes) -> bytes:
    """Return the 8 bytes by which a receipt names the sealed bytes of a row."""
    return sha256(sealed).digest()[:8]


def row_receipts(rows: "list[Row]", statuses: "list[int]") -> "list[RowReceipt]":
    """Return what a receipt says of rows: each by its id and the digest of its bytes."""
    return [RowReceipt(row_id, sha256(sealed).digest()[:8], status) for (_, row_id, sealed), status in zip(rows, statuses)]


def encode_batch(
    write_public_key: bytes,
    rows: "list[Row]",
    minute: int,
    reply_key: bytes,
    sign: "Callable[[bytes], bytes]",
    erases: bool = False,
    back_after: "bytes | None" = None,
) -> bytes:
    """Return a signed and padded batch of up to 50 Rows, to be sealed to the ingester with BATCH_INFO.

    minute: when it was made, minutes since 1970; reply_key: 32 random bytes, never used before; erases: all of the pseudonym goes;
    back_after: its rows are asked back whose ids follow this one (FROM_THE_FIRST: all). Both bring no rows.
    sign(bytes) -> 64 bytes, by the private half of `write_public_key`.
    """
    asks_back = back_after is not None
    if len(rows) > ROWS_IN_BATCH or ((erases or asks_back) and rows) or (erases and asks_back) or len(reply_key) != REPLY_KEY_BYTES:
        raise BadEnvelope("%d rows in a batch" % len(rows))
    payload = {0: 2, 1: pseudonym_of(write_public_key), 2: write_public_key, 3: [list(row) for row in rows], 4: minute, 5: reply_key}
    payload[6] = _ERASES if erases else _ASKS_BACK if asks_back else _BRINGS
    if asks_back:
        payload[8] = back_after
    return pad(cose.sign1(cbor.encode(payload), b"", _BATCH_AAD, sign, ED25519))


def decode_batch(message: bytes, verify: "Callable[[bytes, bytes, bytes], bool]") -> Batch:
    """Return the Batch in the opened bytes of a message.

    verify(public_key, signed_bytes, signature) -> bool: Ed25519.
    Raises BadEnvelope: not a batch, or a write key that is not the pseudonym's. Raises BadSignature: not signed by it.
    """
    fields, parsed = _signed_map(message, LARGEST_BATCH_BYTES, plain_batch)
    if set(fields) - {8} != {0, 1, 2, 3, 4, 5, 6} or fields[0] != 2:
        raise BadEnvelope("not a batch")
    pseudonym, key, rows, minute, reply_key = fields[1], fields[2], fields[3], fields[4], fields[5]
    if not isinstance(key, bytes) or len(key) != 32 or pseudonym_of(key) != pseudonym:
        raise BadEnvelope("the write key is not this pseudonym's")
    sign1.verify1(parsed, _BATCH_AAD, lambda signed, signature: verify(key, signed, signature))
    if not isinstance(rows, list) or len(rows) > ROWS_IN_BATCH or not _is_minute(minute) or not _is_bytes(reply_key, REPLY_KEY_BYTES):
        raise BadEnvelope("rows, time or reply key out of range")
    if isinstance(fields[6], bool) or fields[6] not in (_BRINGS, _ERASES, _ASKS_BACK) or (fields[6] and rows):
        raise BadEnvelope("a batch that erases or asks, and brings")
    back_after = fields.get(8)
    if (fields[6] == _ASKS_BACK) != (8 in fields) or (8 in fields and not _is_bytes(back_after, ROW_ID_BYTES)):
        raise BadEnvelope("rows asked back from nowhere")
    # those of plain_batch have been looked at
    taken = [row if type(row) is Row else _row(row) for row in rows]
    return Batch(pseudonym, taken, minute, reply_key, fields[6] == _ERASES, back_after)


def encode_receipt(receipt: Receipt, sign: "Callable[[bytes], bytes]") -> bytes:
    """Return the signed and padded bytes of a Receipt, to be closed with `close_receipt`.

    sign(bytes) -> 64 bytes, by the ingester's receipt key.
    """
    count = len(receipt.rows)
    # written out: an ingester writes as many rows as it stores, and the general writer took ten times as long
    rows = [b"\x83\x50%b\x48%b%b" % (row_id, digest, _STATUS[status]) for row_id, digest, status in receipt.rows]
    start = (
        b"\xa5\x00\x02\x01"
        + cbor.encode(receipt.message_digest)
        + b"\x02"
        + (bytes((0x80 | count,)) if count < 24 else bytes((0x98, count)))
    )
    end = b"\x03" + cbor.encode(receipt.committed_utc_ms) + b"\x04" + cbor.encode(receipt.standing)
    return pad(cose.sign1(start + b"".join(rows) + end, b"", _RECEIPT_AAD, sign, ED25519))


def decode_receipt(message: bytes, verify: "Callable[[bytes, bytes], bool]") -> Receipt:
    """Return the Receipt in opened bytes.

    verify(signed_bytes, signature) -> bool: Ed25519 with the ingester's pinned key.
    Raises BadEnvelope: not a receipt. Raises BadSignature: not the ingester's.
    """
    fields, parsed = _signed_map(message, LARGEST_RECEIPT_BYTES)
    sign1.verify1(parsed, _RECEIPT_AAD, verify)
    if set(fields) != {0, 1, 2, 3, 4} or fields[0] != 2 or not _is_bytes(fields[1], 32) or not _is_time(fields[3]):
        raise BadEnvelope("not a receipt")
    rows = fields[2]
    if not isinstance(rows, list) or len(rows) > ROWS_IN_BATCH or isinstance(fields[4], bool) or fields[4] not in (STANDS, ERASED):
        raise BadEnvelope("not a receipt's rows")
    return Receipt(fields[1], [_row_receipt(row) for row in rows], fields[3], fields[4])


def encode_page(page: Page, sign: "Callable[[bytes], bytes]") -> bytes:
    """Return the signed and padded bytes of a Page of rows that were asked back, to be closed with `close_receipt`.

    sign(bytes) -> 64 bytes, by the ingester's receipt key. Raises BadEnvelope: more rows than a page has.
    """
    fields = {0: 2, 1: page.message_digest, 4: page.standing, 5: [list(row) for row in page.rows], 6: int(page.more)}
    message = pad(cose.sign1(cbor.encode(fields), b"", _PAGE_AAD, sign, ED25519))
    if len(page.rows) > ROWS_IN_BATCH or len(message) > LARGEST_PAGE_BYTES:
        raise BadEnvelope("%d rows in a page" % len(page.rows))
    return message


def decode_page(message: bytes, verify: "Callable[[bytes, bytes], bool]") -> Page:
    """Return the Page in opened bytes; more: whether rows follow its last.

    verify(signed_bytes, signature) -> bool: Ed25519 with the ingester's pinned key.
    Raises BadEnvelope: not a page. Raises BadSignature: not the ingester's.
    """
    fields, parsed = _signed_map(message, LARGEST_PAGE_BYTES)
    sign1.verify1(parsed, _PAGE_AAD, verify)
    if set(fields) != {0, 1, 4, 5, 6} or fields[0] != 2 or not _is_bytes(fields[1], _DIGEST_BYTES):
        raise BadEnvelope("not a page")
    standing, rows, more = fields[4], fields[5], fields[6]
    if isinstance(standing, bool) or standing not in (STANDS, ERASED) or isinstance(more, bool) or more not in (0, 1):
        raise BadEnvelope("not how a pseudonym stands")
    if not isinstance(rows, list) or len(rows) > ROWS_IN_BATCH or ((more or rows) and standing == ERASED) or (more and not rows):
        raise BadEnvelope("not a page's rows")
    return Page(fields[1], [_row(row) for row in rows], standing, more == 1)


def close_receipt(
    signed: bytes, message_digest: bytes, reply_key: bytes, seal: "Callable[[bytes, bytes, bytes, bytes], bytes]", nonce: bytes
) -> bytes:
    """Return a receipt or a page as it travels: SHA-256 of the MQTT payload it answers, which the broker knows, and the rest closed.

    seal(key, nonce, plaintext, associated_data): AES-256-GCM; nonce: 12 random bytes.
    """
    return message_digest + nonce + seal(reply_key, nonce, signed, message_digest)


def answered_digest(message: bytes) -> bytes:
    """Return which message a closed receipt answers: SHA-256 of its MQTT payload. Raises BadEnvelope: too short or too long."""
    if not _DIGEST_BYTES + _NONCE_BYTES + 16 < len(message) <= LARGEST_PAGE_BYTES + 64:
        raise BadEnvelope("not a closed receipt: %d bytes" % len(message))
    return message[:_DIGEST_BYTES]


def open_receipt(message: bytes, reply_key: bytes, open_: "Callable[[bytes, bytes, bytes, bytes], bytes | None]") -> bytes:
    """Return the signed bytes in a closed receipt. Raises BadEnvelope: this reply key does not open it."""
    digest = answered_digest(message)
    nonce, sealed = message[_DIGEST_BYTES : _DIGEST_BYTES + _NONCE_BYTES], message[_DIGEST_BYTES + _NONCE_BYTES :]
    signed = open_(reply_key, nonce, sealed, digest)
    if signed is None:
        raise BadEnvelope("closed for somebody else")
    return signed


def pad(signed: bytes) -> bytes:
    """Return the bytes followed by 0x80 and zeros, up to the next size of 1024, 2048, 4096 …"""
    return signed + b"\x80" + bytes(_padded_size(len(signed)) - len(signed) - 1)


def unpad(padded: bytes) -> bytes:
    """Return the bytes before the padding. Raises BadEnvelope: it is not padded, or to another size."""
    length = padded.rfind(b"\x80")
    if length < 0 or _padded_size(length) != len(padded) or padded[length + 1 :] != bytes(len(padded) - length - 1):
        raise BadEnvelope("not padded")
    return padded[:length]


def _padded_size(length: int) -> int:
    size = SMALLEST_PADDED_BYTES
    while size <= length:
        size *= 2
    return size


def plain_batch(payload: bytes) -> "dict[object, object] | None":
    """Return the fields of a batch that is to the letter as homes write it, or None: decode it.

    What it takes, `cbor.decode` takes too and alike; written out, because an ingester reads as many rows as it stores.
    """
    try:
        head, pseudonym, key_head, key, rows_label = _BATCH_START.unpack_from(payload, 0)
        count, at = payload[_BATCH_START.size] - 0x80, _BATCH_START.size + 1
        if count == 24:
            count, at = payload[at], at + 1
        if (head, key_head, rows_label) != _BATCH_HEADS or not 0 < count <= ROWS_IN_BATCH or (count < 24) != (at == _BATCH_START.size + 1):
            return None
        rows = []
        for _ in range(count):
            row_head, minute, id_head, row_id, sealed_head, length = _BATCH_ROW.unpack_from(payload, at)
            if row_head != _ROW_HEAD or id_head != _ID_HEAD or sealed_head != _SEALED_HEAD:
                return None
            if not _IN_FOUR_BYTES <= minute < 0x80000000 or not 0x100 <= length <= LONGEST_SEALED_BYTES:
                return None
            at += _BATCH_ROW.size + length
            rows.append(Row(minute, row_id, payload[at - length : at]))
        minute_head, minute, reply_head, reply_key, erases_label, erases = _BATCH_END.unpack_from(payload, at)
    except (struct.error, IndexError, ValueError):
        return None
    if (
        (minute_head, reply_head, erases_label) != _END_HEADS
        or minute < _IN_FOUR_BYTES
        or erases > _ERASES
        or len(payload) != at + _BATCH_END.size
    ):
        return None
    return {0: 2, 1: pseudonym, 2: key, 3: rows, 4: minute, 5: reply_key, 6: erases}


def _signed_map(
    message: bytes, largest_bytes: int, plain: "Callable[[bytes], dict[object, object] | None] | None" = None
) -> "tuple[dict[object, object], sign1.Sign1]":
    if len(message) > largest_bytes:
        raise BadEnvelope("too long: %d bytes" % len(message))
    try:
        parsed = sign1.parse_sign1(unpad(message), (ED25519,))
        fields = (plain and plain(parsed.payload)) or cbor.decode(parsed.payload)
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
    if not _is_minute(minute):
        raise BadEnvelope("a row's minute")
    if not _is_bytes(row_id, 16) or not isinstance(sealed, bytes) or len(sealed) > LONGEST_SEALED_BYTES:
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


def _is_minute(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
