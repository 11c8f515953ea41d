"""What travels between home and cloud is what protocol/foyer.cddl says."""

from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings

from protocol import cose, envelope
from protocol.errors import BadEnvelope
from tests.protocol.definition import valid
from tests.protocol.inventions import BETWEEN_HOME_AND_CLOUD, invented

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_a_batch_is_what_the_definition_says() -> None:
    """No row, one row and fifty rows are valid; a short id or a text minute are not."""
    for count in (0, 1, 50):
        rows = [envelope.Row(29_000_000 + number, bytes([number]) * 16, b"sealed" * 40) for number in range(count)]
        message = envelope.encode_batch(KEY.public_key().public_bytes_raw(), rows, 29_000_000, bytes(32), KEY.sign)
        payload = cbor2.loads(envelope.unpad(message))[2]
        assert valid("batch", payload)
    fields = cbor2.loads(payload)
    for wrong in (
        {3: [[1, b"short", b"x"]]},
        {3: [["1", bytes(16), b"x"]]},
        {0: 1},
        {1: b""},
        {5: 0},
        {6: 3},
        {7: 0},
        {8: bytes(15)},
    ):
        assert not valid("batch", cbor2.dumps({**fields, **wrong}))


def test_a_batch_receipt_is_what_the_definition_says() -> None:
    """Stored, already stored and in conflict; a fourth status is not."""
    rows = [envelope.RowReceipt(bytes([status]) * 16, b"8 bytes!", status) for status in (0, 1, 2)]
    message = envelope.encode_receipt(envelope.Receipt(bytes(32), rows, 1750000000000, 0), KEY.sign)
    payload = cbor2.loads(envelope.unpad(message))[2]
    assert valid("batch-receipt", payload)
    fields = cbor2.loads(payload)
    assert not valid("batch-receipt", cbor2.dumps({**fields, 2: [[bytes(16), b"8 bytes!", 3]]}))


def test_what_asks_for_rows_back_and_their_page_are_what_the_definition_says() -> None:
    """From the first row or from another on; a page with rows and more, with none, or of an erased name; no other mixture of these."""
    message = envelope.encode_batch(KEY.public_key().public_bytes_raw(), [], 29_000_000, bytes(32), KEY.sign, back_after=bytes(16))
    payload = cbor2.loads(envelope.unpad(message))[2]
    assert valid("batch", payload)
    fields = cbor2.loads(payload)
    for wrong in ({8: bytes(15)}, {8: None}, {6: 0}, {6: 1}, {3: [[1, bytes(16), b"x"]]}):
        assert not accepted("batch", cbor2.dumps({**fields, **wrong}, canonical=True))
    row = envelope.Row(1, bytes(16), b"x")
    for page in ([row], 0, True), ([row], 0, False), ([], 0, False), ([], 1, False):
        message = envelope.encode_page(envelope.Page(bytes(32), *page), KEY.sign)
        assert valid("batch-page", cbor2.loads(envelope.unpad(message))[2])
        assert envelope.decode_page(message, lambda *_: True) == (bytes(32), *page)
    for page in ([], 0, True), ([row], 1, False), ([], 1, True):
        payload = cbor2.loads(envelope.unpad(envelope.encode_page(envelope.Page(bytes(32), *page), KEY.sign)))[2]
        assert not accepted("batch-page", payload)


def named(payload: dict[Any, Any]) -> dict[Any, Any]:
    """Return a batch with the write key that signs it and its pseudonym."""
    public = KEY.public_key().public_bytes_raw()
    return {**payload, 1: envelope.pseudonym_of(public), 2: public}


def accepted(rule: str, payload: bytes) -> bool:
    """Whether the payload, truly signed and padded, is taken; whatever refuses it is BadEnvelope."""
    aad = {"batch": envelope._BATCH_AAD, "batch-page": envelope._PAGE_AAD, "batch-receipt": envelope._RECEIPT_AAD}[rule]
    message = envelope.pad(cose.sign1(payload, b"", aad, KEY.sign, cose.ED25519))
    try:
        if rule == "batch":
            envelope.decode_batch(message, lambda *_: True)
        else:
            {"batch-page": envelope.decode_page, "batch-receipt": envelope.decode_receipt}[rule](message, lambda *_: True)
    except BadEnvelope:
        return False
    return True


@pytest.mark.parametrize("rule", BETWEEN_HOME_AND_CLOUD)
def test_what_is_invented_is_judged_as_the_definition_does(rule: str) -> None:
    """Right ones, and ones with a key absent, unknown, of another type or out of range: taken exactly where pycddl takes them."""
    verdicts = []

    @settings(max_examples=300, deadline=None)
    @given(invented(rule))
    def judge(message: dict[Any, Any]) -> None:
        payload = cbor2.dumps(named(message) if rule == "batch" else message, canonical=True)
        verdicts.append(accepted(rule, payload))
        assert verdicts[-1] is valid(rule, payload), payload.hex()

    judge()
    assert 0.1 < sum(verdicts) / len(verdicts) < 0.95


WRONG_ROWS = {
    "id": [1, b"short", b"x"],
    "time": [-1, bytes(16), b"x"],
    "late": [2**31, bytes(16), b"x"],
    "two parts": [1, bytes(16)],
    "nothing": [1, bytes(16), None],
    "true": [True, bytes(16), b"x"],
    "large": [1, bytes(16), bytes(8193)],
    "none": None,
    "map": {},
}


@pytest.mark.parametrize("wrong", WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_a_row_that_is_none_is_refused_by_both(wrong: object) -> None:
    """A short id, a time out of range, a part missing, too much sealed, or no row at all."""
    payload = cbor2.dumps(named({0: 2, 3: [wrong], 4: 1, 5: bytes(32), 6: 0}), canonical=True)
    assert not accepted("batch", payload)
    assert not valid("batch", payload)
