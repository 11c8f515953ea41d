"""Batches and receipts: nobody writes under another's pseudonym, and no broker makes a receipt."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, envelope
from protocol.errors import BadEnvelope, BadSignature, ProtocolError

KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()

rows = st.lists(
    st.builds(envelope.Row, st.integers(0, 2**31 - 1), st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=700)),
    min_size=1,
    max_size=envelope.ROWS_IN_BATCH,
)
receipts = st.builds(
    envelope.Receipt,
    st.binary(min_size=32, max_size=32),
    st.lists(
        st.builds(envelope.RowReceipt, st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(0, 2)),
        min_size=1,
        max_size=50,
    ),
    st.integers(0, 2**53 - 1),
)


def verify(public_key: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def verify_receipt(signed: bytes, signature: bytes) -> bool:
    return verify(PUBLIC, signed, signature)


@given(rows, st.integers(0, 2**53 - 1))
def test_a_batch_arrives_as_it_was_sent(made: list[envelope.Row], sent_utc_ms: int) -> None:
    """Rows, pseudonym and time come back, under the write key's own pseudonym."""
    batch = envelope.decode_batch(envelope.encode_batch(PUBLIC, made, sent_utc_ms, KEY.sign), verify)
    assert batch == (envelope.pseudonym_of(PUBLIC), made, sent_utc_ms)


def test_nobody_writes_under_anothers_pseudonym() -> None:
    """A batch signed by another key is refused."""
    with pytest.raises(BadSignature):
        envelope.decode_batch(envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")], 1, OTHER.sign), verify)


def test_a_pseudonym_is_the_hash_of_its_write_key() -> None:
    """A batch that names a pseudonym beside another's write key is refused, though the signature holds."""
    payload = cbor.encode({0: 1, 1: b"p" * 16, 2: PUBLIC, 3: [[1, b"i" * 16, b"s"]], 4: 1})
    message = envelope.cose.sign1(payload, b"", b"foyer batch", KEY.sign, envelope.ED25519)
    with pytest.raises(BadEnvelope):
        envelope.decode_batch(message, verify)


@given(receipts)
def test_a_receipt_arrives_as_it_was_signed(receipt: envelope.Receipt) -> None:
    """Digest, rows and time come back."""
    assert envelope.decode_receipt(envelope.encode_receipt(receipt, KEY.sign), verify_receipt) == receipt


@given(receipts)
def test_no_broker_can_make_a_receipt(receipt: envelope.Receipt) -> None:
    """A receipt signed by another key is refused."""
    with pytest.raises(BadSignature):
        envelope.decode_receipt(envelope.encode_receipt(receipt, OTHER.sign), verify_receipt)


def test_a_batch_is_no_receipt_and_a_receipt_no_batch() -> None:
    """What was signed as the one cannot be shown as the other."""
    batch = envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")], 1, KEY.sign)
    receipt = envelope.encode_receipt(envelope.Receipt(b"d" * 32, [envelope.RowReceipt(b"i" * 16, b"8" * 8, 0)], 1), KEY.sign)
    with pytest.raises(ProtocolError):
        envelope.decode_receipt(batch, verify_receipt)
    with pytest.raises(ProtocolError):
        envelope.decode_batch(receipt, verify)


@given(st.binary(max_size=400))
def test_bytes_from_the_broker_are_understood_or_refused(data: bytes) -> None:
    """Nothing but our own errors comes out of any bytes."""
    for read in (lambda: envelope.decode_batch(data, verify), lambda: envelope.decode_receipt(data, verify_receipt)):
        with pytest.raises(ProtocolError):
            read()


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_holds_one_to_fifty_rows(count: int) -> None:
    """None and too many are refused where the batch is made."""
    with pytest.raises(BadEnvelope):
        envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")] * count, 1, KEY.sign)
