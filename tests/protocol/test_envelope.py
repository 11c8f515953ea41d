"""Batches and receipts: nobody writes under another's pseudonym, and no broker makes a receipt."""

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, cose, envelope
from protocol.errors import BadEnvelope, BadSignature, ProtocolError

KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()

rows = st.lists(
    st.builds(
        envelope.Row,
        st.integers(0, 2**31 - 1) | st.integers(29_000_000, 30_000_000),
        st.binary(min_size=16, max_size=16),
        st.binary(max_size=700) | st.integers(256, 700).map(bytes),
    ),
    max_size=envelope.ROWS_IN_BATCH,
)
receipts = st.builds(
    envelope.Receipt,
    st.binary(min_size=32, max_size=32),
    st.lists(
        st.builds(envelope.RowReceipt, st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(0, 2)),
        max_size=50,
    ),
    st.integers(0, 2**53 - 1),
    st.integers(0, 1),
)
REPLY = b"y" * 32


def verify(public_key: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def seal(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plain, aad)


def open_(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        return None


def verify_receipt(signed: bytes, signature: bytes) -> bool:
    return verify(PUBLIC, signed, signature)


@given(rows, st.integers(0, 2**31 - 1))
def test_a_batch_arrives_as_it_was_sent(made: list[envelope.Row], minute: int) -> None:
    """Rows, withdrawals among them, pseudonym and minute come back, under the write key's own pseudonym."""
    batch = envelope.decode_batch(envelope.encode_batch(PUBLIC, made, minute, REPLY, KEY.sign), verify)
    assert batch == (envelope.pseudonym_of(PUBLIC), made, minute, REPLY, False, None)


@given(rows, st.integers(0, 2**31 - 1), st.integers(0, 2**16), st.binary(max_size=3))
def test_what_is_read_quickly_is_read_alike(made: list[envelope.Row], minute: int, place: int, instead: bytes) -> None:
    """Of any batch, whole or with bytes changed, the quick reader gives what the careful one gives, or leaves it to that."""
    payload = cbor.encode({0: 2, 1: b"p" * 16, 2: PUBLIC, 3: [list(row) for row in made], 4: minute, 5: REPLY, 6: 0})
    place %= len(payload)
    for data in (payload, payload[:place] + instead + payload[place + len(instead) :], payload[:place], payload + instead):
        quick = envelope.plain_batch(data)
        assert quick is None or {**quick, 3: [list(row) for row in quick[3]]} == cbor.decode(data)  # type: ignore[attr-defined]
    ordinary = all(row.minute >= 2**16 and len(row.sealed) >= 256 for row in made) and made and minute >= 2**16
    assert (envelope.plain_batch(payload) is not None) == bool(ordinary)


@given(receipts)
def test_a_receipt_is_written_in_the_one_right_way(receipt: envelope.Receipt) -> None:
    """Written out piece by piece it is the deterministic encoding of its map."""
    fields = {0: 2, 1: receipt.message_digest, 2: [list(row) for row in receipt.rows], 3: receipt.committed_utc_ms, 4: receipt.standing}
    signed = cose.sign1(cbor.encode(fields), b"", b"foyer receipt", KEY.sign, envelope.ED25519)
    assert envelope.encode_receipt(receipt, KEY.sign) == envelope.pad(signed)


def test_an_erasure_brings_nothing() -> None:
    """It arrives as what it is; with rows beside it, it is refused where it is made."""
    batch = envelope.decode_batch(envelope.encode_batch(PUBLIC, [], 1, REPLY, KEY.sign, erases=True), verify)
    assert (batch.rows, batch.erases) == ([], True)
    with pytest.raises(BadEnvelope):
        envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")], 1, REPLY, KEY.sign, erases=True)


def test_who_asks_for_rows_back_brings_none() -> None:
    """The id to begin behind arrives; rows or an erasure beside it are refused where it is made. It looks like any question."""
    message = envelope.encode_batch(PUBLIC, [], 2**30, REPLY, KEY.sign, back_after=b"i" * 16)
    batch = envelope.decode_batch(message, verify)
    assert (batch.rows, batch.erases, batch.back_after) == ([], False, b"i" * 16)
    assert len(message) == len(envelope.encode_batch(PUBLIC, [], 2**30, REPLY, KEY.sign)) == 1024
    for more, erases in (([envelope.Row(1, b"i" * 16, b"s")], False), ([], True)):
        with pytest.raises(BadEnvelope):
            envelope.encode_batch(PUBLIC, more, 1, REPLY, KEY.sign, erases, envelope.FROM_THE_FIRST)


@given(rows, st.booleans())
def test_a_page_arrives_as_it_was_signed_and_nobody_else_can_make_one(made: list[envelope.Row], more: bool) -> None:
    """Rows of any sealed bytes that a page takes come back; signed by another key, or as a receipt, it is refused."""
    page = envelope.Page(b"d" * 32, made[:30], envelope.STANDS, more and bool(made))
    message = envelope.encode_page(page, KEY.sign)
    assert envelope.decode_page(message, verify_receipt) == page
    with pytest.raises(BadSignature):
        envelope.decode_page(envelope.encode_page(page, OTHER.sign), verify_receipt)
    with pytest.raises(ProtocolError):
        envelope.decode_receipt(message, verify_receipt)


def test_a_page_has_an_end() -> None:
    """Fifty-one rows, or more bytes than a page takes, are refused where it is made."""
    for made in ([envelope.Row(1, b"i" * 16, b"s")] * 51, [envelope.Row(1, b"i" * 16, bytes(8192))] * 4):
        with pytest.raises(BadEnvelope):
            envelope.encode_page(envelope.Page(b"d" * 32, made, 0, False), KEY.sign)


@given(rows)
def test_a_batch_says_little_by_its_length(made: list[envelope.Row]) -> None:
    """Lengths are powers of two from 1024 on; one row of a reading, one withdrawal, a question and an erasure are of one length."""
    length = len(envelope.encode_batch(PUBLIC, made, 1, REPLY, KEY.sign))
    assert length >= 1024
    assert length & (length - 1) == 0
    alike: list[list[envelope.Row]] = [[], [envelope.Row(1, b"i" * 16, b"")], [envelope.Row(2**30, b"i" * 16, bytes(540))]]
    alike.append([*alike[1], *alike[2]])
    assert {len(envelope.encode_batch(PUBLIC, each, 2**30, REPLY, KEY.sign)) for each in alike} == {1024}
    assert len(envelope.encode_batch(PUBLIC, [], 1, REPLY, KEY.sign, erases=True)) == 1024


@given(st.binary(max_size=3000), st.integers(1, 64))
def test_padding_has_one_form(data: bytes, more: int) -> None:
    """What is padded comes back; a byte more or less, or another size, is refused."""
    padded = envelope.pad(data)
    assert envelope.unpad(padded) == data
    for other in (padded + bytes(more), padded[:-1], padded + bytes(len(padded)), b""):
        with pytest.raises(BadEnvelope):
            envelope.unpad(other)


def test_only_who_sent_a_message_opens_its_receipt() -> None:
    """A receipt opens under the reply key of its message and no other, tells the broker nothing, fits no other message."""
    receipt = envelope.Receipt(b"d" * 32, [envelope.RowReceipt(b"i" * 16, b"8" * 8, 0)], 1, 0)
    signed = envelope.encode_receipt(receipt, KEY.sign)
    closed = envelope.close_receipt(signed, b"d" * 32, REPLY, seal, b"n" * 12)
    assert envelope.answered_digest(closed) == b"d" * 32
    assert b"i" * 16 not in closed
    assert envelope.open_receipt(closed, REPLY, open_) == signed
    for wrong, key in ((closed, b"z" * 32), (b"e" * 32 + closed[32:], REPLY), (closed[:60], REPLY), (b"", REPLY), (closed * 9, REPLY)):
        with pytest.raises(BadEnvelope):
            envelope.open_receipt(wrong, key, open_)


def test_nobody_writes_under_anothers_pseudonym() -> None:
    """A batch signed by another key is refused."""
    with pytest.raises(BadSignature):
        envelope.decode_batch(envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")], 1, REPLY, OTHER.sign), verify)


def test_a_pseudonym_is_the_hash_of_its_write_key() -> None:
    """A batch that names a pseudonym beside another's write key is refused, though the signature holds."""
    payload = cbor.encode({0: 2, 1: b"p" * 16, 2: PUBLIC, 3: [[1, b"i" * 16, b"s"]], 4: 1, 5: REPLY, 6: 0})
    message = envelope.pad(envelope.cose.sign1(payload, b"", b"foyer batch", KEY.sign, envelope.ED25519))
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
    batch = envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")], 1, REPLY, KEY.sign)
    receipt = envelope.encode_receipt(envelope.Receipt(b"d" * 32, [envelope.RowReceipt(b"i" * 16, b"8" * 8, 0)], 1, 0), KEY.sign)
    with pytest.raises(ProtocolError):
        envelope.decode_receipt(batch, verify_receipt)
    with pytest.raises(ProtocolError):
        envelope.decode_batch(receipt, verify)


@given(st.binary(max_size=400))
def test_bytes_from_the_broker_are_understood_or_refused(data: bytes) -> None:
    """Nothing but our own errors comes out of any bytes."""
    for read in (
        lambda: envelope.decode_batch(data, verify),
        lambda: envelope.decode_receipt(data, verify_receipt),
        lambda: envelope.decode_page(data, verify_receipt),
    ):
        with pytest.raises(ProtocolError):
            read()


def test_a_batch_holds_at_most_fifty_rows() -> None:
    """Too many are refused where the batch is made."""
    with pytest.raises(BadEnvelope):
        envelope.encode_batch(PUBLIC, [envelope.Row(1, b"i" * 16, b"s")] * 51, 1, REPLY, KEY.sign)
