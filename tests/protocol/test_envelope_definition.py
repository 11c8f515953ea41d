"""What travels between home and cloud is what protocol/foyer.cddl says."""

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import envelope
from tests.protocol.definition import valid

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_a_batch_is_what_the_definition_says() -> None:
    """No row, one row and fifty rows are valid; a short id or a text minute are not."""
    for count in (0, 1, 50):
        rows = [envelope.Row(29_000_000 + number, bytes([number]) * 16, b"sealed" * 40) for number in range(count)]
        message = envelope.encode_batch(KEY.public_key().public_bytes_raw(), rows, 29_000_000, bytes(32), KEY.sign)
        payload = cbor2.loads(envelope.unpad(message))[2]
        assert valid("batch", payload)
    fields = cbor2.loads(payload)
    for wrong in ({3: [[1, b"short", b"x"]]}, {3: [["1", bytes(16), b"x"]]}, {0: 1}, {1: b""}, {5: 0}, {6: 2}, {7: 0}):
        assert not valid("batch", cbor2.dumps({**fields, **wrong}))


def test_a_batch_receipt_is_what_the_definition_says() -> None:
    """Stored, already stored and in conflict; a fourth status is not."""
    rows = [envelope.RowReceipt(bytes([status]) * 16, b"8 bytes!", status) for status in (0, 1, 2)]
    message = envelope.encode_receipt(envelope.Receipt(bytes(32), rows, 1750000000000, 0), KEY.sign)
    payload = cbor2.loads(envelope.unpad(message))[2]
    assert valid("batch-receipt", payload)
    fields = cbor2.loads(payload)
    assert not valid("batch-receipt", cbor2.dumps({**fields, 2: [[bytes(16), b"8 bytes!", 3]]}))
