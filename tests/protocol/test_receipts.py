"""Receipts and refusals, against the CDDL and hostile maps, under both Pythons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, errors, receipts
from tests.on_micropython import both_pythons
from tests.protocol import bodies
from tests.protocol.definition import valid

GOOD = {1: 300, 2: b"8 bytes!", 3: 1750000000000, 4: 0}


@given(st.integers(0, 2**40 - 1), st.binary(min_size=8, max_size=8), st.integers(0, 2**48 - 1), st.sampled_from([0, 1]))
def test_a_receipt_comes_back(sequence: int, digest: bytes, utc_ms: int, status: int) -> None:
    """And it is valid CDDL."""
    data = receipts.encode(sequence, digest, utc_ms, status)
    assert receipts.decode(data) == receipts.Receipt(sequence, digest, utc_ms, status, "", 0)
    assert valid("receipt", data)


WRONG = [
    *({**GOOD, key: value} for key in (1, 3, 4) for value in (-1, True, None, b"", "0", 1 << 48)),
    *({**GOOD, 2: value} for value in (b"7 bytes", b"nine byte", "8 bytes!", 8, None)),
    *({label: value for label, value in GOOD.items() if label != key} for key in GOOD),
    {**GOOD, 5: 0},
    {**GOOD, 4: 2},
    {**GOOD, 1: 1 << 40},
    {},
    [],
    None,
    {0: 100},
]


@both_pythons
def test_anything_else_is_no_receipt(call) -> None:
    """A missing, additional, mistyped or oversized field is BadReceipt: the device keeps its reading."""
    items = [cbor.encode(value) for value in WRONG]
    assert call(bodies.receipt_outcomes, items) == [["refused", "BadReceipt"]] * len(items)
    lax = [item for item in items if valid("receipt", item)]
    assert len(lax) == 4  # bytes for a number, text for bytes: see tests/protocol/definition.py


@pytest.mark.parametrize("wrong", [(-1, b"8 bytes!", 0, 0), (0, b"", 0, 0), (0, b"8 bytes!", -1, 0), (0, b"8 bytes!", 0, 2)])
def test_a_wrong_receipt_is_not_even_written(wrong: tuple[int, bytes, int, int]) -> None:
    """The same ranges hold for whoever writes it."""
    with pytest.raises(errors.BadReceipt):
        receipts.encode(*wrong)


def test_a_refusal_says_why() -> None:
    """One fault code comes back; anything else is BadReceipt."""
    assert receipts.decode_refusal(receipts.encode_refusal(103)) == 103
    assert valid("refusal", receipts.encode_refusal(103))
    for wrong in ({0: -1}, {0: 1 << 16}, {0: True}, {1: 5}, {0: 5, 1: 5}, [], 5, GOOD):
        with pytest.raises(errors.BadReceipt):
            receipts.decode_refusal(cbor.encode(wrong))
