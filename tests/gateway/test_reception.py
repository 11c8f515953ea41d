"""What the gateway takes for a reading, played against bytes that are almost one."""

import dataclasses
import json
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import reception
from gateway.devices import parse
from gateway.errors import (
    BadLive,
    BadReading,
    NotAuthentic,
    NotCBOR,
    NotSigned,
    Refused,
    SequenceJump,
    SequenceTooLarge,
    UnknownKey,
    WrongAlgorithm,
)
from tests.gateway.counterpart import Counterpart

SCALE = Counterpart()
ENROLLED = parse("scale.json", json.dumps(SCALE.enrolment()))
GOOD = SCALE.signed(SCALE.fields(17, _3=1_790_000_000))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def again(**changed: Any) -> bytes:
    """GOOD with some of its four parts replaced, not signed anew."""
    protected, unprotected, payload, signature = cbor2.loads(GOOD)
    parts = {"protected": protected, "unprotected": unprotected, "payload": payload, "signature": signature, **changed}
    return cbor2.dumps(list(parts.values()))


def test_a_signed_reading_is_opened_with_all_it_says() -> None:
    """Every field is read, and the digest is of what was signed."""
    reading = reception.open_reading(GOOD, ENROLLED)
    assert (reading.kid, reading.kind, reading.sequence, reading.boot, reading.up_ms) == (SCALE.kid, 0, 17, 1, 5000)
    assert reading.signed_utc_s == 1_790_000_000
    assert reading.values == {9: 88, 10: 72400, 11: 1, 12: 512}
    assert reading.digest8 == SCALE.digest8(GOOD)
    assert reception.stored_values(GOOD) == reading.values


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"", NotCBOR),
        (GOOD[:-1], NotCBOR),
        (GOOD + b"\x00", NotCBOR),
        (b"\xd2" + GOOD, NotCBOR),
        (b"\x9f" + GOOD[1:] + b"\xff", NotCBOR),
        (b"\x98\x04" + GOOD[1:], NotCBOR),
        (b"\xd8\x23\x61\x28", NotCBOR),
        (b"\xd8\x1c\x81\xd8\x1d\x00", NotCBOR),
        (b"\x81" * 9 + b"\x00", NotCBOR),
        (cbor2.dumps({1: 2}), NotSigned),
        (cbor2.dumps([1, 2, 3, 4]), NotSigned),
        (cbor2.dumps([b"", {}, b""]), NotSigned),
        (again(unprotected={1: -9}), NotSigned),
        (again(signature=bytes(63)), NotSigned),
        (again(protected=cbor2.dumps({4: SCALE.kid})), NotSigned),
        (again(protected=cbor2.dumps({1: -9, 4: SCALE.kid, 2: [1]}, canonical=True)), NotSigned),
        (again(protected=b"\xa2\x01\x28\x01\x28"), NotCBOR),
        (again(protected=cbor2.dumps({1: -7, 4: SCALE.kid})), WrongAlgorithm),
        (again(payload=b"\xa0"), NotSigned),
        (again(payload=b"\xa1\x00\xf9\x3c\x00"), NotCBOR),
        (again(payload=b"\x01"), NotSigned),
        (again(signature=bytes(64)), NotAuthentic),
        (again(signature=b"\xff" * 64), NotAuthentic),
        (again(signature=ORDER.to_bytes(32, "big") + bytes(31) + b"\x01"), NotAuthentic),
        (SCALE.signed(SCALE.fields(17), pairing=bytes(8)), NotAuthentic),
        (SCALE.signed(SCALE.fields(17), kid=b"\x00\x01\x02\x03"), UnknownKey),
        (Counterpart().signed(SCALE.fields(17), kid=SCALE.kid, pairing=SCALE.pairing), NotAuthentic),
        (SCALE.signed(SCALE.fields(2**40)), SequenceTooLarge),
        (SCALE.signed(SCALE.fields(17, _10=999)), BadReading),
        (SCALE.signed(SCALE.fields(17, _10=250001)), BadReading),
        (SCALE.signed(SCALE.fields(17, _31=1)), BadReading),
        (SCALE.signed(SCALE.fields(17, _40=b"x" * 33)), BadReading),  # type: ignore[arg-type]
        (SCALE.signed({0: 9, 1: 1, 2: [1, 1]}), BadReading),
        (SCALE.signed({0: 1, 1: 17, 2: [1, 1], 10: 121, 11: 79, 12: 94, 13: 63, 14: 0}), BadReading),
        (SCALE.signed(SCALE.fields(17, **{f"_{key}": 7 for key in range(40, 240)})), BadReading),
        (SCALE.signed(SCALE.fields(17, **{f"_{key}": bytes(32) for key in range(40, 70)})), NotSigned),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "message",  # the keys are new each time, a test's name is not
)
def test_what_is_no_reading_is_refused_with_its_own_error(message: bytes, error: type[Refused]) -> None:
    """Not canonical, tagged, deep, wrong headers, wrong key, out of range: each by name."""
    with pytest.raises(error):
        reception.open_reading(message, ENROLLED)


def test_extensions_are_kept() -> None:
    """A field we do not know, 32 or above, is no reason to refuse."""
    assert reception.open_reading(SCALE.signed(SCALE.fields(17, _40=5)), ENROLLED).values[40] == 5


@given(st.binary(max_size=300))
def test_bytes_from_outside_are_refused_by_us(data: bytes) -> None:
    """Whatever arrives, it is one of our refusals."""
    with pytest.raises(Refused):
        reception.open_reading(data, ENROLLED)
    with pytest.raises(BadLive):
        reception.open_live(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_is_believed(place: int, change: int) -> None:
    """One byte changed anywhere, and it is refused."""
    with pytest.raises(Refused):
        reception.open_reading(GOOD[:place] + bytes([GOOD[place] ^ change]) + GOOD[place + 1 :], ENROLLED)


def test_a_number_may_jump_as_far_as_restarts_explain() -> None:
    """4,096 ahead at most, and 64 more for each restart in between; back is no jump."""
    device = Counterpart(boot=3)
    enrolled = parse("x", json.dumps(device.enrolment()))

    def at(sequence: int) -> reception.Reading:
        return reception.open_reading(device.signed(device.fields(sequence)), enrolled)

    for fine in (5, 99, 100 + 4096, 100 + 4096 + 128):
        reception.continues(100, 1, at(fine))
    reception.continues(100, 3, at(100 + 4096))
    for last_boot, sequence in ((3, 100 + 4097), (1, 100 + 4096 + 129)):
        with pytest.raises(SequenceJump):
            reception.continues(100, last_boot, at(sequence))


CUFF = Counterpart("cuff")
NURSERY = Counterpart("babyphone")
DEVICES = [(each, parse("x", json.dumps(each.enrolment()))) for each in (SCALE, CUFF, NURSERY)]
EDGES = (0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**40 - 1, 2**40, 2**48 - 1, 2**48, 2**64 - 1, -1, -24, -25, -4000)


@st.composite
def nearly_readings(draw: st.DrawFn) -> tuple[int, bytes]:
    """Return the place of a device and a payload that is its reading or almost one."""
    place = draw(st.integers(0, 2))
    fields: dict[Any, Any] = DEVICES[place][0].fields(draw(st.integers(0, 2**40 - 1)), up_ms=draw(st.integers(0, 2**48 - 1)))
    for _ in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from([0, 1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 17, 20, 21, 31, 32, 300]))
        value: Any = draw(
            st.sampled_from(EDGES) | st.none() | st.booleans() | st.binary(max_size=3) | st.lists(st.sampled_from(EDGES), max_size=3)
        )
        if draw(st.booleans()):
            fields[key] = value
        else:
            fields.pop(key, None)
    payload = bytearray(cbor2.dumps(fields, canonical=draw(st.booleans())))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(payload)))
        if draw(st.booleans()):
            payload[at:at] = bytes([draw(st.integers(0, 255))])
        else:
            payload[at : at + 1] = bytes([draw(st.integers(0, 255))])
    return place, bytes(payload)


def outcome(open_: Any, message: bytes, device: Any) -> Any:
    try:
        return open_(message, device)
    except Refused as refusal:
        return type(refusal)


@settings(max_examples=1500)
@given(nearly_readings())
def test_the_quick_look_believes_nothing_that_the_careful_one_refuses(found: tuple[int, bytes]) -> None:
    """Signed by the device itself, in whatever bytes: read as written, it is the same reading; else the careful look decides."""
    place, payload = found
    device, enrolled = DEVICES[place]
    protected = cbor2.dumps({1: -9, 4: device.kid}, canonical=True)
    kind = payload[2] if len(payload) > 2 else 0
    r, s = decode_dss_signature(device.key.sign(device.to_be_signed(protected, kind, payload), ec.ECDSA(hashes.SHA256())))
    message = cbor2.dumps([protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])
    careful = outcome(reception.open_carefully, message, enrolled)
    quick = outcome(reception.open_as_written, message, enrolled)
    assert quick is None or quick == careful
    assert outcome(reception.open_reading, message, enrolled) == careful


def test_what_a_device_writes_is_taken_by_the_quick_look() -> None:
    """Every kind of reading as devices send it, so that what is measured is what happens."""
    for device, enrolled in DEVICES:
        for fields in (device.fields(5), device.fields(70_000, up_ms=2**40, _3=1_790_000_000)):
            message = device.signed(fields)
            assert reception.open_as_written(message, enrolled) == reception.open_carefully(message, enrolled)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_frame_written_otherwise_is_left_to_the_careful_look(place: int, byte: int) -> None:
    """One byte of the whole message set to anything: the same reading, or nothing that the quick look believes."""
    changed = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    quick = outcome(reception.open_as_written, changed, ENROLLED)
    assert changed == GOOD or quick is None or quick is NotAuthentic


class Counted:
    """A key that counts how often it is asked."""

    def __init__(self, key: Any) -> None:
        self.key, self.asked = key, 0

    def verify(self, *arguments: Any) -> None:
        self.asked += 1
        self.key.verify(*arguments)


def test_an_unknown_key_and_a_bad_signature_are_one_answer_after_the_same_work() -> None:
    """Threats T21: both cost one verification, and both are the same refusal to whoever asks."""
    for message in (
        SCALE.signed(SCALE.fields(17), kid=b"kid!"),
        GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
        SCALE.signed(SCALE.fields(17), pairing=bytes(8)),
    ):
        key = Counted(ENROLLED.verify_key)
        with pytest.raises(NotAuthentic):
            reception.open_reading(message, dataclasses.replace(ENROLLED, verify_key=key))  # type: ignore[arg-type]
        assert key.asked == 1
    assert issubclass(UnknownKey, NotAuthentic)
