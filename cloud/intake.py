"""What is done with one message from a home: open it, check it, and say what was committed.

Nothing in a message is believed before its signature: it was sealed to the ingester's key, so no broker saw inside, and it was
signed by the write key whose hash the pseudonym is, so no other home can have written it (threats T3, T4). A message that fails
is poison: it will fail for ever, and must block nobody.
"""

import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud import hpke, wrapping
from cloud.errors import CannotUnwrap, Poison
from cloud.keys import IngesterKeys
from cloud.readings import Added
from protocol import envelope
from protocol.envelope import Batch, Page, Receipt, Row
from protocol.errors import BadSignature, ProtocolError

# HPKE adds its encapsulated key (32) and tag (16) to a batch of the largest size.
LARGEST_MESSAGE_BYTES = envelope.LARGEST_BATCH_BYTES + 48


def open_message(payload: bytes, keys: IngesterKeys) -> Batch:
    """Return the batch in a message. Raises Poison: too large, not for us, not a batch, or not signed by its pseudonym's key."""
    if len(payload) > LARGEST_MESSAGE_BYTES:
        raise Poison("too_large", f"{len(payload)} bytes")
    try:
        opened = hpke.open_with(keys.opening_key, payload, envelope.BATCH_INFO)
    except CannotUnwrap as error:
        raise Poison("not_sealed_to_us", str(error)) from None
    try:
        return envelope.decode_batch(opened, verify_write_key)
    except BadSignature:
        raise Poison("bad_signature", "not the write key's") from None
    except ProtocolError as error:
        raise Poison("not_a_batch", type(error).__name__) from None


def receipt_for(payload: bytes, batch: Batch, added: Added, committed_utc_ms: int, keys: IngesterKeys) -> bytes:
    """Return the receipt for a message that was committed, signed and closed; each row is named by its id and its bytes' digest."""
    rows = envelope.row_receipts(batch.rows, added.statuses)
    digest = wrapping.digest(payload)
    signed = envelope.encode_receipt(Receipt(digest, rows, committed_utc_ms, added.standing), keys.receipt_key.sign)
    return envelope.close_receipt(signed, digest, batch.reply_key, wrapping.seal, os.urandom(wrapping.NONCE_BYTES))


def page_for(payload: bytes, batch: Batch, rows: list[Row], standing: int, keys: IngesterKeys, *, more: bool) -> bytes:
    """Return the page of rows that a message asked back, signed and closed."""
    digest = wrapping.digest(payload)
    signed = envelope.encode_page(Page(digest, rows, standing, more), keys.receipt_key.sign)
    return envelope.close_receipt(signed, digest, batch.reply_key, wrapping.seal, os.urandom(wrapping.NONCE_BYTES))


def verify_write_key(public_key: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether a signature holds under a write key (Ed25519)."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
