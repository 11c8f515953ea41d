"""What the home knows of a device: the record written when it was provisioned, and nothing a person added since.

The record is one JSON file a device. This file turns its text into a Device or says what is wrong with it; watching the folder is
`edges/enrolments.py`'s.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from gateway.errors import BadEnrolment

KINDS = ("scale", "cuff", "babyphone")

# Bytes of each field written in hexadecimal: exactly, or at least and at most.
_LENGTHS: Mapping[str, tuple[int, int]] = {
    "kid": (4, 4),
    "public_key": (65, 65),
    "pairing": (8, 8),
    "link_key": (65, 65),
}


@dataclass(frozen=True, slots=True)
class Device:
    """One enrolled device: who it is, the key it signs with, and the public key by which it proves itself on a new link."""

    serial: str
    kind: str
    name: str
    kid: bytes
    public_key: bytes
    verify_key: EllipticCurvePublicKey
    pairing: bytes
    link_key: bytes
    paired_ms: int = 0  # when it was paired here; 0: enrolled by a technician. Of several with one serial number the latest is in force

    def __repr__(self) -> str:
        return f"Device({self.kid.hex()}, {self.kind})"


def parse(path: str, text: str) -> Device:
    """Return the Device in an enrolment file.

    Raises BadEnrolment: not JSON, a field missing or of the wrong length, a key that is no point of P-256 or not the kid's.
    """
    try:
        record = json.loads(text)
    except ValueError:
        raise BadEnrolment(path, "not JSON") from None
    if not isinstance(record, dict):
        raise BadEnrolment(path, "not an object")
    words = {key: _text(path, record, key) for key in ("serial", "kind", "name")}
    if words["kind"] not in KINDS:
        raise BadEnrolment(path, f"kind is none of {', '.join(KINDS)}")
    data = {key: _bytes(path, record, key) for key in _LENGTHS}
    if sha256(data["public_key"]).digest()[:4] != data["kid"]:
        raise BadEnrolment(path, "kid is not the public key's")
    keys = {}
    for name in ("public_key", "link_key"):
        try:
            keys[name] = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), data[name])
        except (ValueError, InvalidSignature, UnsupportedAlgorithm):
            raise BadEnrolment(path, f"{name} is no point of P-256") from None
    if data["public_key"] == data["link_key"]:
        raise BadEnrolment(path, "one key for signing and for the link")
    return Device(
        serial=words["serial"],
        kind=words["kind"],
        name=words["name"],
        kid=data["kid"],
        public_key=data["public_key"],
        verify_key=keys["public_key"],
        pairing=data["pairing"],
        link_key=data["link_key"],
        paired_ms=_time(path, record),
    )


def in_force(devices: Iterable[Device]) -> list[Device]:
    """Return those devices of which there is none with the same serial number that was paired later."""
    known = list(devices)
    latest = {each.serial: max(other.paired_ms for other in known if other.serial == each.serial) for each in known}
    return [each for each in known if each.paired_ms == latest[each.serial]]


def _text(path: str, record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 80:
        raise BadEnrolment(path, f"{key} is missing or not a short text")
    return value


def _time(path: str, record: Mapping[str, object]) -> int:
    value = record.get("paired_ms", 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**48:
        raise BadEnrolment(path, "paired_ms is no time")
    return value


def _bytes(path: str, record: Mapping[str, object], key: str) -> bytes:
    value = record.get(key)
    least, most = _LENGTHS[key]
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        data = None
    if data is None or not least <= len(data) <= most:
        raise BadEnrolment(path, f"{key} is missing or not {least} to {most} bytes in hexadecimal")
    return data
