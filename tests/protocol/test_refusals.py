"""Every row of what must be refused: by the same type on both Pythons, by the gateway with the same rule, and with a sentence each."""

import ast
import json

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import devices, reception
from gateway import errors as gateway_errors
from protocol import errors, refusals
from tests.gateway.counterpart import Counterpart
from tests.on_micropython import ROOT, BATCH_KiB, there
from tests.protocol import refused_bodies as bodies
from tests.protocol.bodies import refusal
from tests.protocol.refused import ROWS
from tests.protocol.table import ATTACKS, TABLE
from tests.protocol.test_errors import NAMES

PAIRS = [[decoder, data] for _, decoder, data, _ in ROWS]


def test_each_row_is_refused_by_its_own_type_under_both_pythons() -> None:
    """The same name here and on the device, and it is the row's."""
    expected = [name for _, _, _, name in ROWS]
    assert bodies.refusals(PAIRS) == expected
    assert there(bodies.refusals, PAIRS, heap_KiB=BATCH_KiB) == expected


def functions(path: str) -> dict[str, list[str]]:
    """Return the names of a test file's functions, each with those of its arguments."""
    parsed = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    found = [node for node in parsed.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: [argument.arg for argument in node.args.args] for node in found}


@pytest.mark.parametrize("rule", TABLE)
def test_each_rule_is_refused_on_both_sides_by_types_with_sentences(rule: str) -> None:
    """What the table names is there: tests on either side, at least one of the device's in MicroPython, and a sentence for each type."""
    row = TABLE[rule]
    for name in (*row.on_device, *row.on_computer):
        path, function = name.split("::")
        assert function in functions(path), name
    assert row.on_device
    assert row.on_computer
    there_too = [name for name in row.on_device if "call" in functions(name.split("::")[0])[name.split("::")[1]]]
    there_too += [name for name in row.on_device if name.startswith("firmware/") or "both_pythons" in name or "micropython" in name]
    assert there_too
    assert set(row.types) <= set(refusals.SENTENCES)
    assert len({refusals.SENTENCES[name] for name in row.types}) == len(row.types)
    for case in row.cases:
        assert any(each.startswith(case) and error in row.types for each, _, _, error in ROWS), case


def test_every_case_belongs_to_a_rule() -> None:
    """Nothing is refused for no reason: each case begins as the table says, and its error is one of that rule's."""
    for each, _, _, error in ROWS:
        assert any(each.startswith(case) and error in row.types for row in TABLE.values() for case in row.cases), each


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_on_link_and_pairing_is_mounted(attack: str) -> None:
    """The tests that the table names are there."""
    assert ATTACKS[attack]
    for name in ATTACKS[attack]:
        path, function = name.split("::")
        assert function in functions(path), name


def test_every_refusal_has_a_sentence_with_its_facts() -> None:
    """One for each type, none too many; it ends as a sentence does, and its facts fit in."""
    assert sorted(refusals.SENTENCES) == sorted(NAMES)
    for name in NAMES:
        kind = getattr(errors, name)
        said = refusals.sentence(kind(*range(len(kind.FACTS))))
        assert said.endswith(".")
        assert "{" not in said
    assert len(set(refusals.SENTENCES.values())) == len(NAMES), "two types, one sentence"


DEVICE = Counterpart()
ENROLLED = devices.parse("x.json", json.dumps(DEVICE.enrolment()))
AT_THE_GATEWAY = [row for row in ROWS if row[1] in ("cbor", "sign1", "verify")]


@pytest.mark.parametrize(("rule", "decoder", "data", "name"), AT_THE_GATEWAY, ids=[row[0] for row in AT_THE_GATEWAY])
def test_the_gateway_refuses_the_same_and_knows_the_rule(rule: str, decoder: str, data: bytes, name: str) -> None:
    """cbor2 made strict and `cryptography` refuse what the device's own reader refuses, and the refusal carries the same rule."""
    message = data.replace(b"kid!", DEVICE.kid)
    if decoder == "verify":
        parts = cbor2.loads(message)
        message = cbor2.dumps([parts[0], {}, cbor2.dumps(DEVICE.fields(5), canonical=True), parts[3]])
    with pytest.raises(gateway_errors.Refused) as refused:
        _ = reception.decode(data) if decoder == "cbor" else reception.open_reading(message, ENROLLED)
    if name == "BadSignature":
        assert type(refused.value) is gateway_errors.NotAuthentic, "an unknown key would say no more"
    else:
        assert type(refused.value.rule).__name__ == name


leaves = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
labels = st.integers(-9, 30) | st.text(max_size=2) | st.booleans()
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(labels, inner, max_size=3))
canonical = values.map(lambda value: cbor2.dumps(value, canonical=True))


@given(st.binary(max_size=40) | canonical)
@example(b"\xa2\x00\x00\x20\x00")  # labels 0 and -1, in the order of their bytes
def test_both_readers_of_cbor_take_and_refuse_the_same(data: bytes) -> None:
    """The gateway's strict cbor2 and the device's own reader: the same value, or a refusal on both sides."""
    outcome = refusal(bodies.cbor.decode, data)
    if outcome[0] == "value":
        assert reception.decode(data) == outcome[1]
        return
    with pytest.raises(gateway_errors.NotCBOR) as refused:
        reception.decode(data)
    assert type(refused.value.rule).__name__ == outcome[1]


@given(st.binary(min_size=1, max_size=600), st.integers(0, 255), st.integers(8, 120), st.sets(st.integers(0, 20)))
def test_an_object_survives_fragments_and_repetitions(data: bytes, number: int, fragment_bytes: int, twice: set[int]) -> None:
    """Whatever the packet size, and whichever fragments come twice, the object comes out whole."""
    assert bodies.reassembled(data, number, fragment_bytes, list(twice)) == data


@given(st.lists(st.tuples(st.binary(max_size=30), st.integers(0, 20_000)), max_size=12))
def test_hostile_fragments_end_in_our_errors(fragments: list[tuple[bytes, int]]) -> None:
    """Nothing but BadFragment, and never more held than an object may have."""
    assembly = bodies.frames.Assembly()
    now_ms = 0
    for fragment, later_ms in fragments:
        now_ms += later_ms
        try:
            assembly.feed(fragment, now_ms)
        except errors.BadFragment:
            assert assembly._number is None
        assert assembly._held <= bodies.frames.MAX_OBJECT_BYTES + 2
