"""What the home knows of a device: the record written when it was provisioned, and nothing a person added since.

The record is one JSON file a device. This file turns its text into a Device or says what is wrong with it; watching the folder is
`edges/enrolments.py`'s.
"""

import json
from collections.abc import Mapping
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
    "master_secret": (16, 32),
    "master_salt": (8, 8),
    "device_id": (1, 7),
    "gateway_id": (0, 7),
}


@dataclass(frozen=True, slots=True)
class Device:
    """One enrolled device: who it is, the key it signs with, and the secrets of its link."""

    serial: str
    kind: str
    name: str
    kid: bytes
    public_key: bytes
    verify_key: EllipticCurvePublicKey
    pairing: bytes
    master_secret: bytes
    master_salt: bytes
    device_id: bytes
    gateway_id: bytes

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
    if data["device_id"] == data["gateway_id"]:
        raise BadEnrolment(path, "device_id and gateway_id are the same")
    try:
        key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), data["public_key"])
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        raise BadEnrolment(path, "public_key is no point of P-256") from None
    return Device(
        serial=words["serial"],
        kind=words["kind"],
        name=words["name"],
        kid=data["kid"],
        public_key=data["public_key"],
        verify_key=key,
        pairing=data["pairing"],
        master_secret=data["master_secret"],
        master_salt=data["master_salt"],
        device_id=data["device_id"],
        gateway_id=data["gateway_id"],
    )


def _text(path: str, record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 80:
        raise BadEnrolment(path, f"{key} is missing or not a short text")
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
