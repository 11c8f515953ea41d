"""A release of a device's firmware as one file: a signed manifest, then the files it names, byte after byte.

The manifest (COSE_Sign1, ES256) says for which device and boards the files are, which bytecode they are in, their number in the order
of releases, and each file's path, size and SHA-256; its elements are those of RFC 9124. Two builds of the same sources with the same
key are the same bytes: the signature is deterministic (RFC 6979), and nothing holds a date.
"""

import hashlib
import os
import struct
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from protocol import cbor, cose, sign1
from protocol.errors import ProtocolError
from tools import build
from tools.faults import Fault

MAGIC = b"FOYER-RELEASE-1\n"
AAD = b"foyer release"
KEY = build.ROOT / ".foyer/keys/release.pem"
PUBLIC = KEY.with_suffix(".pub")

# keys of the manifest
KIND, VERSION, ABI, SEQUENCE, BOARDS, FILES = range(1, 7)
_MOST_FILES, _MOST_BYTES = 200, 1 << 20


class Release(NamedTuple):
    """What a release holds. digest: SHA-256 of the manifest's payload, the name of exactly these files."""

    kind: str
    version: str
    sequence: int
    files: dict[str, bytes]
    digest: str


def version() -> str:
    """Return the version that these sources call themselves."""
    described = tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(described["project"]["version"])


def describe(kind: str, files: Mapping[str, bytes]) -> bytes:
    """Return the manifest's payload for these files."""
    numbers = [int(part) for part in version().split(".")]
    return cbor.encode(
        {
            KIND: kind,
            VERSION: version(),
            ABI: _abi(files),
            SEQUENCE: numbers[0] << 16 | numbers[1] << 8 | numbers[2],
            BOARDS: sorted({Path(name).stem for name in files if name.startswith("firmware/boards/")} - {"__init__"}),
            FILES: [[name, len(data), hashlib.sha256(data).digest()] for name, data in sorted(files.items())],
        }
    )


def of_sources(kind: str, portable: bool = False) -> Release:
    """Return what these sources build, unsigned; portable: for any processor, a babyphone's listening at a tenth of its speed.

    Raises BuildFailed.
    """
    files = build.files(kind, build.ROOT / ".foyer/cache", None if portable else build.ESP32_S3)
    payload = describe(kind, files)
    return Release(kind, version(), int(_map(cbor.decode(payload))[SEQUENCE]), files, hashlib.sha256(payload).hexdigest())


def pack(kind: str, files: Mapping[str, bytes], key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the release file, signed."""

    def sign(tbs: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(tbs, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    manifest = cose.sign1(describe(kind, files), _kid(key.public_key()), AAD, sign)
    return MAGIC + struct.pack(">I", len(manifest)) + manifest + b"".join(data for _, data in sorted(files.items()))


def unpack(path: Path, trusted: ec.EllipticCurvePublicKey) -> Release:
    """Return the release in a file. Raises Fault: it is damaged, not signed by the trusted key, or no release at all."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Fault("bad-release", file=path, reason=(error.strerror or "it cannot be read").lower()) from None
    if len(data) > _MOST_BYTES or not data.startswith(MAGIC) or len(data) < len(MAGIC) + 4:
        raise Fault("bad-release", file=path, reason="it does not begin as one")
    (size,) = struct.unpack_from(">I", data, len(MAGIC))
    begin = len(MAGIC) + 4
    try:
        signed = sign1.parse_sign1(data[begin : begin + size])
        sign1.verify1(signed, AAD, lambda tbs, signature: _verified(trusted, tbs, signature))
        manifest = _map(cbor.decode(signed.payload))
        files = _cut(manifest[FILES], data[begin + size :])
        found = (str(manifest[KIND]), str(manifest[VERSION]), int(manifest[SEQUENCE]))
    except ProtocolError:
        raise Fault("bad-release", file=path, reason="its signature is not by the key that is trusted here") from None
    except (KeyError, TypeError, ValueError) as error:
        raise Fault("bad-release", file=path, reason=str(error) or "its list of files is broken") from None
    return Release(*found, files, hashlib.sha256(signed.payload).hexdigest())


def signing_key(path: Path = KEY) -> ec.EllipticCurvePrivateKey:
    """Return the key in a file, which is made, readable by its owner only, with its public half beside it, if it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = ec.generate_private_key(ec.SECP256R1())
        text = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
        public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        path.with_suffix(".pub").write_bytes(public)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Fault("bad-release", file=path, reason="the key in it is not a P-256 key")
    return key


def trusted_key(path: Path = PUBLIC) -> ec.EllipticCurvePublicKey:
    """Return the public key that releases are checked against. Raises Fault."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        raise Fault("bad-release", file=path, reason="there is no public key to check it with; name it with --trust") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Fault("bad-release", file=path, reason="the key in it is not a P-256 key")
    return key


def sha256(data: bytes) -> str:
    """Return a release file's checksum, as it is published beside it."""
    return hashlib.sha256(data).hexdigest()


def _verified(key: ec.EllipticCurvePublicKey, tbs: bytes, signature: bytes) -> bool:
    try:
        key.verify(
            encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")),
            tbs,
            ec.ECDSA(hashes.SHA256()),
        )
    except InvalidSignature:
        return False
    return True


def _cut(listed: object, data: bytes) -> dict[str, bytes]:
    """Return the files that the list names, cut from what follows the manifest. Raises ValueError."""
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_FILES:
        raise ValueError("its list of files is broken")
    files, at = {}, 0
    for name, size, digest in listed:
        part = data[at : at + size]
        at += size
        if not isinstance(name, str) or name.startswith("/") or ".." in name.split("/") or hashlib.sha256(part).digest() != digest:
            raise ValueError(f"{name} in it is damaged")
        files[name] = part
    if at != len(data):
        raise ValueError("something follows its last file")
    return files


def _map(value: object) -> dict[int, Any]:  # its fields are checked where they are used
    if not isinstance(value, dict):
        raise TypeError("its manifest is no map")
    return value


def _kid(key: ec.EllipticCurvePublicKey) -> bytes:
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return hashlib.sha256(point).digest()[: sign1.KID_BYTES]


def _abi(files: Mapping[str, bytes]) -> str:
    """Return the bytecode's version as mpy-cross writes it into the second and third byte of a file, for example "6.3"."""
    compiled = next(data for name, data in sorted(files.items()) if name.endswith(".mpy"))
    return f"{compiled[1]}.{compiled[2] & 3}"
