"""RFC 9052 (COSE_Sign1) and RFC 8949 4.2 (deterministic CBOR) as the gateway receives them: bytes in, a verified reading out.

Nothing is believed before the signature fits: the kind stands inside the signed bytes and again in what is signed along with them
(external_aad, with version, role and pairing), so signed bytes of one pairing fit no other. What a reading may say stands in
`protocol/readings.py`; whether its number may be believed after the last one stands here (`continues`).

Left out: other algorithms than ES256 on P-256, tags, detached payloads, counter-signatures.
"""

import contextlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.devices import Device
from gateway.errors import (
    BadLive,
    BadReading,
    NotAuthentic,
    NotCBOR,
    NotSigned,
    SequenceJump,
    SequenceTooLarge,
    UnknownKey,
    WrongAlgorithm,
)
from protocol import cbor, cose, live, readings, sign1
from protocol.errors import ProtocolError, SignatureRange

LARGEST_SIGNED_BYTES = 1024  # a climate reading, the largest today, takes about 150; extensions at most 32 bytes each
_FAR = 4096
_BLOCK = 64  # numbers a device reserves at each start
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-5
_PROTECTED = b"\xa2\x01\x28\x04\x44"  # {1: -9, 4: and the four bytes of a key id}
_ECDSA = ECDSA(SHA256())
_ECDSA_OF_DIGEST = ECDSA(Prehashed(SHA256()))
# CBOR as devices write it: major types, the heads with one to eight bytes more, and the least number that may stand in so many
_SHORT_BYTES, _LENGTH_FOLLOWS, _PAIR, _MAP, _IN_HEAD = 0x40, 0x58, 0x82, 0xA0, 24
_FEWEST = 3  # kind, sequence and uptime
_SIGNATURE_HEAD = b"\x58\x40"
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}
_UPTIME_END = 1 << 48
_COMMON = (readings.KIND, readings.SEQUENCE, readings.UPTIME, readings.UTC)  # the lowest four
_UPTIME, _UTC = readings.UPTIME, readings.UTC  # looked up once: this is asked of every field of every reading
_MAY_SEND: Mapping[str, tuple[int, ...]] = {
    "scale": (readings.SCALE, readings.STATUS, readings.FAULT),
    "cuff": (readings.CUFF, readings.STATUS, readings.FAULT),
    "babyphone": (readings.CLIMATE, readings.STATUS, readings.FAULT),
}


# of a kind: the keys that must be there, and the range of each key
_RULES: Mapping[int, tuple[frozenset[int], Mapping[int, tuple[int, int]]]] = {
    kind: (
        frozenset(key for key, rule in own.items() if rule[2]),
        {readings.KIND: (kind, kind), **{key: rule[:2] for key, rule in {**readings._COMMON, **own}.items()}},
    )
    for kind, own in readings.FIELDS.items()
}


class Reading(NamedTuple):
    """What a device measured, as signed: the fields by their numbers, and the bytes that prove it."""

    kid: bytes
    kind: int
    sequence: int
    boot: int
    up_ms: int
    signed_utc_s: int | None
    values: Mapping[int, int | bytes]
    signed: bytes
    digest: bytes

    @property
    def digest8(self) -> bytes:
        """The eight bytes by which a receipt names this reading: of what was signed, never of the signature."""
        return self.digest[:8]


class _NoTags(dict[int, object]):
    """Answers every semantic tag with the refusal below; cbor2 would else build dates, regular expressions and cycles."""

    def __contains__(self, key: object) -> bool:
        return True

    def get(self, _tag: object, _default: object = None) -> object:
        return _refuse_tag

    def __getitem__(self, _tag: int) -> object:
        return _refuse_tag


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("tag")


_NO_TAGS = _NoTags()
_LABELS = (int, bytes, str)
_PLAIN = (int, bytes, str, bool)


def decode(data: bytes) -> object:
    """Return the value in deterministic CBOR: one item, no tags, depth at most 8, and no second way to write it.

    Raises NotCBOR: anything else.
    """
    try:
        value = cbor2.loads(
            data,
            max_depth=8,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_NO_TAGS,  # type: ignore[arg-type]  # any mapping serves
            tag_hook=_refuse_tag,
        )
        # cbor2 accepts long lengths and trailing bytes: writing it again, in the order it came, finds both. Its canonical writer takes
        # ten times as long and would only find maps out of order, too, which `_is_ours` does.
        again = cbor2.dumps(value)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError):
        raise NotCBOR().because(_broken(cbor.decode, data)) from None
    if again != data or not _is_ours(value):
        raise NotCBOR().because(_broken(cbor.decode, data))
    return value


def _is_ours(value: object) -> bool:
    """Return whether its labels are in order and of our types, and nothing in it is a float or an odd simple value."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if isinstance(value, dict):
        labels = list(value)
        if set(map(type, labels)) == {int} and min(labels) >= 0:
            ordered = labels == sorted(labels)
        else:
            ordered = all(type(label) in _LABELS for label in labels) and labels == sorted(labels, key=cbor2.dumps)
        return ordered and all(type(each) in _PLAIN or _is_ours(each) for each in value.values())
    return value is None or (isinstance(value, list) and all(map(_is_ours, value)))


def _broken(read: Callable[[bytes], object], data: bytes) -> ProtocolError | None:
    """Return the rule of the wire that these bytes break, found by the device's own reader."""
    try:
        read(data)
    except ProtocolError as rule:
        return rule
    return None


def open_reading(message: bytes, device: Device) -> Reading:
    """Return the Reading in the COSE_Sign1 bytes that `device` sent.

    Raises NotCBOR, NotSigned, WrongAlgorithm: not an object a device makes. Raises NotAuthentic: not this device's.
    Raises BadReading, SequenceTooLarge: authentic, and not a reading.
    """
    return open_as_written(message, device) or open_carefully(message, device)


def open_as_written(message: bytes, device: Device) -> Reading | None:
    """Return the Reading in bytes that are to the letter as devices write them, or None: look at them carefully.

    The frame around a device's reading is always the same bytes, so it is compared and not decoded, and what is signed is put together
    from the same pieces. Nothing is refused here but a signature that does not hold.
    """
    frame, signed_frames = _frames(device.kid, device.pairing)
    start = len(frame)
    if not message.startswith(frame) or len(message) < start + 6:
        return None
    at, length = start + 1, message[start] - _SHORT_BYTES
    if length == _IN_HEAD:
        at, length = at + 1, message[at]
        if length < _IN_HEAD:
            return None
    end = at + length
    if length < _FEWEST or message[start] > _LENGTH_FOLLOWS or message[end : end + 2] != _SIGNATURE_HEAD or len(message) != end + 66:
        return None
    kind = message[at + 2]
    if message[at + 1] != readings.KIND or kind not in signed_frames:
        return None
    signed = signed_frames[kind] + message[start:end]
    digest = sha256(signed).digest()
    r, s = int.from_bytes(message[end + 2 : end + 34], "big"), int.from_bytes(message[end + 34 :], "big")
    try:
        device.verify_key.verify(encode_dss_signature(r, s), digest, _ECDSA_OF_DIGEST)
    except InvalidSignature:
        raise _not_authentic(r, s, message[-64:]) from None
    fields = _plain_reading(message[at:end], kind)
    if fields is None or kind not in _MAY_SEND[device.kind]:
        return None
    common, values = fields
    boot, up_ms = common[readings.UPTIME]
    return Reading(device.kid, kind, common[readings.SEQUENCE], boot, up_ms, common.get(readings.UTC), values, message, digest)


@lru_cache(maxsize=256)
def _frames(kid: bytes, pairing: bytes) -> tuple[bytes, dict[int, bytes]]:
    """Return what stands before a device's payload, and, by kind, before it in what is signed."""
    protected = _PROTECTED + kid
    head = b"\x84" + cbor.encode("Signature1") + cbor.encode(protected)
    return b"\x84" + cbor.encode(protected) + b"\xa0", {kind: head + cbor.encode(_aad(kind, pairing)) for kind in readings.FIELDS}


def _plain_reading(data: bytes, kind: int) -> tuple[dict[int, Any], dict[int, int | bytes]] | None:
    """Return what a reading has in common with others, and its values, if it is written in the one right way and every field is plain.

    None: look carefully. Each number is in its shortest form, keys rise, every field is known, there and in range. Written out here, for
    cbor2's writing again of what it read took ten times as long.
    """
    needed, ranges = _RULES[kind]
    common: dict[int, Any] = {}
    values: dict[int, int | bytes] = {}
    at, before = 1, -1
    try:
        for _ in range(data[0] - _MAP):
            key = data[at]
            if key <= before or key >= _IN_HEAD:
                return None
            before = key
            if key == _UPTIME:
                if data[at + 1] != _PAIR:
                    return None
                boot, at = _number(data, at + 2)
                up_ms, at = _number(data, at)
                if not 0 <= boot < _UPTIME_END or not 0 <= up_ms < _UPTIME_END:
                    return None
                common[key] = boot, up_ms
                continue
            value = data[at + 1]
            if value < _IN_HEAD:
                at += 2
            else:
                value, at = _number(data, at + 1)
            least, most = ranges[key]
            if not least <= value <= most:
                return None
            if key <= _UTC:
                common[key] = value
            else:
                values[key] = value
    except (IndexError, KeyError, _NotPlain):
        return None
    if at != len(data) or len(common) < _FEWEST or not needed <= values.keys() or readings.SEQUENCE not in common:
        return None
    if kind == readings.CUFF and not values[readings.DIASTOLIC] < values[readings.MAP] < values[readings.SYSTOLIC]:  # type: ignore[operator]
        return None
    return (common, values) if readings.UPTIME in common and readings.KIND in common else None


class _NotPlain(Exception):
    """Something that is no whole number in its shortest form."""


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the whole number at an offset, and the offset behind it. Raises _NotPlain, IndexError: there is none, or it is cut short."""
    head = data[at]
    if head < _IN_HEAD:
        return head, at + 1
    negative = head >> 5
    if negative > 1:
        raise _NotPlain
    argument, at = head & 0x1F, at + 1
    if argument >= _IN_HEAD:
        length = _LENGTHS.get(argument, 0)
        argument = int.from_bytes(data[at : at + length], "big")
        at += length
        if argument < _LEAST.get(length, 1 << 64) or at > len(data):
            raise _NotPlain
    return -1 - argument if negative else argument, at


def open_carefully(message: bytes, device: Device) -> Reading:
    """Return the Reading, or say which rule it breaks. Raises as `open_reading`."""
    if len(message) > LARGEST_SIGNED_BYTES:
        raise NotSigned
    match decode(message):
        case [bytes() as protected, {**unprotected}, bytes() as payload, bytes() as signature] if not unprotected and len(signature) == 64:
            # as this device writes it, or whatever else it may be
            kid = device.kid if protected == _PROTECTED + device.kid else _key_id(protected, message)
        case _:
            raise NotSigned().because(_broken(sign1.parse_sign1, message))
    fields = decode(payload)
    if not isinstance(fields, dict):
        raise NotSigned
    kind = fields.get(readings.KIND)
    if not isinstance(kind, int) or isinstance(kind, bool):
        raise NotSigned
    # cose.sig_structure, by a faster writer
    to_be_signed = cbor2.dumps(["Signature1", protected, _aad(kind, device.pairing), payload])
    if kid != device.kid:
        with contextlib.suppress(NotAuthentic):
            _verify(device, to_be_signed, signature)  # an unknown key takes as long as a bad signature (threats T21)
        raise UnknownKey
    _verify(device, to_be_signed, signature)
    sequence = fields.get(readings.SEQUENCE)
    if isinstance(sequence, int) and sequence >= readings.SEQUENCE_END:
        raise SequenceTooLarge
    checked = _check(payload, fields)
    if kind not in _MAY_SEND[device.kind]:
        raise BadReading(f"kind {kind} of a {device.kind}")
    boot, up_ms = checked[readings.UPTIME]
    return Reading(
        kid=kid,
        kind=kind,
        sequence=checked[readings.SEQUENCE],
        boot=boot,
        up_ms=up_ms,
        signed_utc_s=checked.get(readings.UTC),
        values={key: value for key, value in checked.items() if key not in _COMMON},
        signed=message,
        digest=sha256(to_be_signed).digest(),
    )


def stored_fields(signed: bytes) -> dict[int, Any]:
    """Return all fields of a reading that was verified when it was kept."""
    fields: dict[int, Any] = cbor2.loads(cbor2.loads(signed)[2])
    return fields


def stored_digest(signed: bytes, pairing: bytes) -> bytes:
    """Return the digest of what was signed, from a kept reading's bytes. Raises NotSigned: they are damaged."""
    try:
        protected, _, payload, _ = cbor2.loads(signed)
        return sha256(cbor2.dumps(["Signature1", protected, _aad(cbor2.loads(payload)[readings.KIND], pairing), payload])).digest()
    except (cbor2.CBORError, ProtocolError, ValueError, TypeError, KeyError):
        raise NotSigned from None


def stored_values(signed: bytes) -> dict[int, int | bytes]:
    """Return what a kept reading measured: its fields without kind, number, uptime and time."""
    return {key: value for key, value in stored_fields(signed).items() if key not in _COMMON}


def continues(last_sequence: int, last_boot: int, reading: Reading, since_s: int = 0) -> None:
    """Return if a reading's number may follow the highest kept of its device, kept since_s before.

    Restarts announce a jump of 64 numbers each, because a device starts each boot behind those it had reserved. Time announces one, too: a
    home that was set back to an older backup has missed what was measured since, at most one reading a second.
    Raises SequenceJump: too far beyond, with too few restarts and too little time between.
    """
    restarts = max(0, reading.boot - last_boot)
    if reading.sequence > last_sequence + _FAR + _BLOCK * min(restarts, 2**20) + max(0, min(since_s, 2**32)):
        raise SequenceJump(last_sequence, reading.sequence)


def open_live(payload: bytes) -> dict[int, object]:
    """Return the live values a babyphone sent over the protected link: sealed on the link, never signed, never kept.

    Raises BadLive: not a map of the numbers a live value may carry.
    """
    try:
        decode(payload)
        return live.decode(payload)
    except (NotCBOR, ProtocolError):
        raise BadLive from None


@lru_cache(maxsize=256)
def _aad(kind: int, pairing: bytes) -> bytes:
    return cose.reading_aad(kind, pairing)


def _key_id(protected: bytes, message: bytes) -> bytes:
    match decode(protected):
        case {1: int() as algorithm, 4: bytes() as kid, **others} if not others and type(algorithm) is int:
            if algorithm != cose.ESP256:
                raise WrongAlgorithm(algorithm).because(_broken(sign1.parse_sign1, message))
            if len(kid) == sign1.KID_BYTES:
                return kid
    raise NotSigned().because(_broken(sign1.parse_sign1, message))


def _verify(device: Device, to_be_signed: bytes, signature: bytes) -> None:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        device.verify_key.verify(encode_dss_signature(r, s), to_be_signed, _ECDSA)
    except InvalidSignature:
        raise _not_authentic(r, s, signature) from None


def _not_authentic(r: int, s: int, signature: bytes) -> NotAuthentic:
    """Return the refusal; the rule that r and s break is for our logs, outside it is the same answer after the same work."""
    if not 0 < r < _ORDER or not 0 < s < _ORDER:
        return NotAuthentic().because(SignatureRange(signature))
    return NotAuthentic()


def _check(payload: bytes, fields: dict[int, Any]) -> dict[int, Any]:
    try:
        return readings.decode(payload) if len(payload) > readings.MAX_READING_BYTES else readings.check(fields)
    except ProtocolError as rule:
        raise BadReading(str(rule)).because(rule) from None
