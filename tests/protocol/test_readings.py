"""Readings and live values: every field's range in code and CDDL alike, extensions, and hostile maps, under both Pythons."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, errors, live, readings
from tests.on_micropython import BATCH_KiB, both_pythons, there
from tests.protocol import bodies
from tests.protocol.definition import valid

COMMON = {1: 300, 2: [12, 3600000], 3: 1750000000, 9: 80}
SCALE = {0: 0, **COMMON, 10: 72400, 11: 1, 12: 512}
CUFF = {0: 1, **COMMON, 10: 128, 11: 82, 12: 97, 13: 64, 14: 0}
CLIMATE = {0: 2, **COMMON, 13: 2050, 14: 45}
STATUS = {0: 3, **COMMON, 20: 1, 21: 2, 22: 5, 23: 1, 24: 3}
FAULT = {0: 4, **COMMON, 21: 50}
LIVE = {0: 2, 2: [12, 3600000], 13: 2050, 14: 45, 16: 92}
ALL = [SCALE, CUFF, CLIMATE, STATUS, FAULT]


def fields() -> list[tuple[dict[int, object], int, int, int, bool]]:
    """Every field of every kind: an example, the key, its range, whether it must be there."""
    rows = []
    for example in ALL:
        own = {**readings._COMMON, **readings.FIELDS[example[0]]}
        rows += [(example, key, least, most, needed) for key, (least, most, needed) in own.items()]
    return rows


@pytest.mark.parametrize("reading", ALL, ids=readings.KIND_NAMES)
def test_each_kind_comes_back_and_is_what_the_definition_says(reading: dict[int, object]) -> None:
    """A full reading of each kind is encoded, valid CDDL, and decoded again."""
    data = readings.encode(reading)
    assert readings.decode(data) == reading
    assert valid("reading", data)


@pytest.mark.parametrize(("example", "key", "least", "most", "needed"), fields())
def test_ranges_are_the_same_in_code_and_definition(example, key: int, least: int, most: int, needed: bool) -> None:
    """At both ends accepted, one beyond refused with the field named, absent as the table says: in code and in CDDL."""
    rule = readings.KIND_NAMES[example[0]]  # not "reading": in a choice pycddl carries what fitted over to the next alternative
    for value in (least, most):
        assert valid("reading", cbor.encode({**example, key: value}))
        if example is not CUFF or key not in (10, 11, 12):
            readings.check({**example, key: value})
        elif value == (least if key == 11 else most):  # the other end would cross its neighbour, see the next test
            readings.check({**CUFF, 10: 280, 11: 20, key: value})
    for value in (least - 1, most + 1, None, True, "1", b"1"):
        changed = {**example, key: value}
        with pytest.raises(errors.BadReading) as refused:
            readings.check(changed)
        assert (refused.value.field, refused.value.got) == (key, value)
        if not (value == b"1" or (value == most + 1 and least < 0)):  # see tests/protocol/definition.py
            assert not valid(rule, cbor.encode(changed))
    without = {label: value for label, value in example.items() if label != key}
    assert valid(rule, cbor.encode(without)) is not needed
    if needed:
        with pytest.raises(errors.BadReading):
            readings.check(without)
    else:
        readings.check(without)


def test_pressures_stand_in_their_order() -> None:
    """Diastolic below mean below systolic, or it is no reading."""
    for wrong in ({12: 82}, {12: 128}, {10: 96}, {11: 98}):
        with pytest.raises(errors.BadReading):
            readings.check({**CUFF, **wrong})


@pytest.mark.parametrize("extension", [{32: 0}, {33: -5}, {2**64 - 1: b""}, {40: b"x" * 32, 41: 2**40}])
def test_extensions_are_kept_and_ignored(extension: dict[int, object]) -> None:
    """Unknown keys from 32 on with an integer or up to 32 bytes come through."""
    for reading in ALL:
        assert readings.decode(readings.encode({**reading, **extension})) == {**reading, **extension}
    assert live.decode(live.encode({**LIVE, **extension})) == {**LIVE, **extension}


UNKNOWN = [{31: 0}, {4: 0}, {-1: 0}, {19: 1}, {32: "text"}, {32: b"x" * 33}, {32: [1]}, {"a": 1}, {b"": 1}, {16: 1}]


@pytest.mark.parametrize("wrong", UNKNOWN)
def test_unknown_keys_below_32_and_odd_extensions_are_refused(wrong: dict[object, object]) -> None:
    """They might change what the known fields mean."""
    for reading in ALL:
        with pytest.raises(errors.BadReading):
            readings.check({**reading, **wrong})
    if 16 not in wrong:
        with pytest.raises(errors.BadReading):
            live.check({**LIVE, **wrong})


@pytest.mark.parametrize("uptime", [None, 5, [1], [1, 2, 3], [1, -1], [True, 1], [1, "2"], [1 << 48, 0], b"12"])
def test_a_reading_says_which_start_and_how_long_since(uptime: object) -> None:
    """[boot, up_ms], two integers, always."""
    with pytest.raises(errors.BadReading) as refused:
        readings.check({**SCALE, 2: uptime})
    assert refused.value.field == readings.UPTIME
    assert not valid("scale", cbor.encode({**SCALE, 2: uptime}))


@pytest.mark.parametrize("kind", [None, True, False, -1, 5, "scale"])
def test_unknown_kinds_are_refused(kind: object) -> None:
    """Booleans too, though Python takes True for 1."""
    with pytest.raises(errors.BadReading):
        readings.check({**SCALE, 0: kind})


def test_live_values_have_loudness_and_no_sequence() -> None:
    """What is never signed carries no number that could be taken for a reading's."""
    assert live.decode(live.encode(LIVE)) == LIVE
    assert valid("live", live.encode(LIVE))
    assert valid("live", live.encode({0: 2, 2: [1, 2], 16: 0}))
    for wrong in ({1: 5}, {16: -1}, {16: 401}, {16: None}, {0: 1}, {9: 80}):
        with pytest.raises(errors.BadReading):
            live.check({**LIVE, **wrong})
        assert not valid("live", cbor.encode({**LIVE, **wrong}))


def hostile() -> list[bytes]:
    """Readings with one thing wrong, encoded well, and things that are no map."""
    wrong = [{**example, key: value} for example, key, least, most, _ in fields() for value in (least - 1, most + 1, b"")]
    wrong += [{**SCALE, 2: [1]}, {**SCALE, 31: 1}, {**SCALE, 0: 9}, {**SCALE, 33: b"x"}, {**SCALE, "a": 1}, {}]
    wrong += [None, [], 5, b"x", [SCALE]]
    return [cbor.encode(value) for value in wrong] + [b"", b"\xa1", b"\0" * 600]


def test_micropython_decides_like_this_python() -> None:
    """The same outcome for every example and everything hostile."""
    items = [readings.encode(reading) for reading in ALL] + hostile()
    assert there(bodies.reading_outcomes, items, heap_KiB=BATCH_KiB) == bodies.reading_outcomes(items)
    assert {outcome[0] for outcome in bodies.reading_outcomes(hostile())} == {"refused", "value"}


@given(st.dictionaries(st.integers(-1, 40), st.integers(-5, 300000) | st.binary(max_size=40) | st.booleans() | st.none(), max_size=8))
def test_any_map_is_a_reading_or_our_refusal(fields: dict[int, object]) -> None:
    """check raises nothing but BadReading."""
    for check in (readings.check, live.check):
        with contextlib.suppress(errors.BadReading):
            assert check(fields) is fields


@both_pythons
def test_what_is_longer_than_any_reading_is_not_even_decoded(call) -> None:
    """The cap stands before the decoder."""
    big = cbor.encode({**SCALE, **{100 + number: b"x" * 32 for number in range(20)}})
    assert call(bodies.reading_outcomes, [big]) == [["refused", "BadReading"]]
