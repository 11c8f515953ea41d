"""The codec against the RFC's examples, against cbor2, against hostile bytes; under both Pythons."""

import json
import random
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, errors
from tests.on_micropython import BATCH_KiB, both_pythons, there
from tests.protocol import bodies

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cbor" / "appendix_a.json").read_text(encoding="utf-8"))
labels = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(labels, inner, max_size=30),
    max_leaves=20,
)


def spelled(data: bytes) -> str:
    """Return what RFC 8949 appendix A's item should come to: "value" or the error that refuses it."""
    first = data[0]
    if first >> 5 == 6:
        return "UnexpectedTag"
    if first in (0xF9, 0xFA, 0xFB):
        return "FloatRefused"
    if first == 0xF7 or first == 0xF8 or 0xE0 <= first < 0xF4:
        return "BadSimple"
    if first & 31 == 31 or data.hex() in ("83018202039f0405ff", "826161bf61626163ff", "83019f0203ff820405"):
        return "Indefinite"
    return "value"


@both_pythons
def test_the_rfcs_examples_decode_or_are_refused_by_name(call) -> None:
    """Of the 82 examples each of our types comes back and encodes to the same bytes; the rest gets its own error."""
    items = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
    outcomes = call(bodies.cbor_outcomes, items)
    assert len(items) == 82
    for vector, data, (kind, got) in zip(VECTORS, items, outcomes, strict=True):
        wanted = spelled(data)
        assert (got if kind == "refused" else kind) == wanted, vector
        if wanted == "value" and "decoded" in vector and not isinstance(vector["decoded"], (dict, list)):
            assert got == vector["decoded"]


REFUSED = [
    ("", "CutShort"),
    ("18", "CutShort"),
    ("19ff", "CutShort"),
    ("0000", "TrailingBytes"),
    ("5f4100ff", "Indefinite"),
    ("7f6161ff", "Indefinite"),
    ("9fff", "Indefinite"),
    ("bfff", "Indefinite"),
    ("1817", "NonMinimal"),
    ("1900ff", "NonMinimal"),
    ("1a0000ffff", "NonMinimal"),
    ("1b00000000ffffffff", "NonMinimal"),
    ("3817", "NonMinimal"),
    ("580100", "NonMinimal"),
    ("a2020001 00", "Unsorted"),
    ("a2616100 0100", "Unsorted"),
    ("a2010001 00", "DuplicateLabel"),
    ("a2f50001 00", "BadLabel"),
    ("a1f6 00", "BadLabel"),
    ("a180 00", "BadLabel"),
    ("81" * 9 + "00", "TooDeep"),
    ("a100" * 9 + "00", "TooDeep"),
    ("5bffffffffffffffff", "CutShort"),
    ("9bffffffffffffffff", "CutShort"),
    ("bb7fffffffffffffff", "CutShort"),
    ("9a00100000" + "00" * 16, "CutShort"),
    ("43 0102", "CutShort"),
    ("c000", "UnexpectedTag"),
    ("d28443a10126a0400000", "UnexpectedTag"),
    ("1c", "ReservedInformation"),
    ("5d", "ReservedInformation"),
    ("fe", "ReservedInformation"),
    ("1f", "ReservedInformation"),
    ("df", "ReservedInformation"),
    ("ff", "StrayBreak"),
    ("82 00ff", "StrayBreak"),
    ("61ff", "BadText"),
    ("62c080", "BadText"),
    ("63eda080", "BadText"),
    ("64f4908080", "BadText"),
    ("f7", "BadSimple"),
    ("f0", "BadSimple"),
    ("f814", "BadSimple"),
    ("f8ff", "BadSimple"),
    ("f97e00", "FloatRefused"),
    ("fb3ff199999999999a", "FloatRefused"),
]


@both_pythons
def test_each_rule_has_its_own_refusal(call) -> None:
    """Every row of the list of what must be refused is refused by the error named after it."""
    outcomes = call(bodies.cbor_outcomes, [bytes.fromhex(data) for data, _ in REFUSED])
    assert [(data, got) for (data, _), (_, got) in zip(REFUSED, outcomes, strict=True)] == REFUSED


def in_order(value: object) -> object:
    """Return the same value with every map's labels in the bytewise order of their encodings."""
    if isinstance(value, dict):
        return {label: in_order(item) for label, item in sorted(value.items(), key=lambda pair: cbor2.dumps(pair[0]))}
    return [in_order(item) for item in value] if isinstance(value, list) else value


@given(values)
def test_what_is_encoded_comes_back(value: object) -> None:
    """decode(encode(x)) is x, and cbor2 writes the same bytes."""
    data = cbor.encode(value)
    assert bodies.cbor_outcome(data) == ["value", value]
    assert data == cbor2.dumps(in_order(value))


def plain(value: object) -> bool:
    """Whether cbor2's value has only our types, and no label that two values could share."""
    if isinstance(value, dict):
        return all(isinstance(label, (int, bytes, str)) and not isinstance(label, bool) for label in value) and all(
            map(plain, value.values())
        )
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, (bool, int, bytes, str))


def strict_cbor2(data: bytes) -> object:
    """Return what cbor2 with all its strictness makes of the bytes; raises when it, or re-encoding, finds fault."""
    value = cbor2.loads(data, max_depth=8, allow_indefinite=False, allow_duplicate_keys=False)
    if not plain(value) or cbor.encode(value) != data:
        raise ValueError(value)
    return value


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Valid bytes with one byte changed, inserted or removed, or random ones."""
    data = bytearray(cbor.encode(draw(values)))
    at = draw(st.integers(0, len(data)))
    match draw(st.integers(0, 3)):
        case 0:
            data[at:at] = draw(st.binary(min_size=1, max_size=3))
        case 1:
            del data[at : at + 1]
        case 2:
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        case _:
            data = bytearray(draw(st.binary(max_size=40)))
    return bytes(data)


@given(damaged())
def test_hostile_bytes_are_taken_exactly_when_strict_cbor2_takes_them(data: bytes) -> None:
    """Both accept, with equal values, or both refuse; ours only ever with one of its own errors."""
    ours = bodies.cbor_outcome(data)
    try:
        theirs: object = ["value", strict_cbor2(data)]
    except Exception:  # noqa: BLE001, RUF100 (cbor2 has many ways to refuse)
        theirs = "refused"
    assert ours == theirs or (ours[0] == "refused" and theirs == "refused")


def test_micropython_decides_like_this_python_on_hostile_bytes() -> None:
    """Six hundred damaged encodings get the same value or the same error in both."""
    dice = random.Random(8949)
    items = []
    while len(items) < 600:
        value = {0: dice.randrange(5), 1: dice.randrange(1 << 40), 2: [1, "aé€"], b"k": {3: b"x" * dice.randrange(30)}}
        data = bytearray(cbor.encode(value))
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        items.append(bytes(data[: dice.randrange(1, len(data) + 1)]) if dice.random() < 0.3 else bytes(data))
    assert there(bodies.cbor_outcomes, items, heap_KiB=BATCH_KiB) == bodies.cbor_outcomes(items)


@pytest.mark.parametrize("value", [1.5, 1 << 64, -(1 << 64) - 1, {True: 1}, {(1,): 1}, {1: {2.0}}, object])
def test_what_has_no_encoding_is_refused(value: object) -> None:
    """Encoding our own mistakes raises NotEncodable."""
    with pytest.raises(errors.NotEncodable):
        cbor.encode(value)
