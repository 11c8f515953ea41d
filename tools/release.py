"""A release of a device's firmware as one file: a signed manifest, then the files it names (`protocol/shelf.py`).

Two builds of the same sources with the same keys are the same bytes: the signature is deterministic (RFC 6979), and nothing holds a date.
Two keys exist from the start: the one that signs, and the next one, which every device trusts already and which stays in a drawer until
the first is lost or stolen. Neither is ever on a server, and neither is ever printed or given as an argument, only the file it is in.
"""

import hashlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from protocol import errors, manifest, shelf
from protocol.errors import ProtocolError
from tools import build, interpreter_image
from tools.faults import Fault

KEY = build.ROOT / ".foyer/keys/release.pem"
NEXT_KEY = KEY.with_name("release-next.pem")
PUBLIC = KEY.with_suffix(".pub")
NEWS = build.ROOT / "firmware/news.toml"
LEAST_BATTERY_percent = 30
_ARCHITECTURES = {None: 0, build.SIMULATED: 1, build.ESP32_S3: 10}  # as `sys.implementation._mpy` numbers them


class Release(NamedTuple):
    """What a release holds. digest: SHA-256 of the manifest's payload, the name of exactly these files."""

    kind: str
    version: str
    sequence: int
    files: dict[str, bytes]
    digest: str


class Facts(NamedTuple):
    """What a manifest says beside its files; english, french: what the release brings."""

    version: str
    sequence: int
    english: str
    french: str
    battery_percent: int = LEAST_BATTERY_percent


def version() -> str:
    """Return the version that these sources call themselves."""
    described = tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(described["project"]["version"])


def sequence_of(text: str) -> int:
    """Return the number of a version in the order of releases. Raises Fault: it is no version."""
    try:
        major, minor, patch = (int(part) for part in text.split("."))
    except ValueError:
        raise Fault("bad-release", file=text, reason="a version is three numbers with dots between") from None
    return major << 16 | minor << 8 | patch


def facts(named: str | None = None) -> Facts:
    """Return what these sources say of a version, of their own unless another is named. Raises Fault: they say nothing of it."""
    text = named or version()
    news = tomllib.loads(NEWS.read_text(encoding="utf-8")).get(text)
    if news is None:
        raise Fault("bad-release", file=NEWS, reason=f"it does not say what {text} brings")
    return Facts(text, sequence_of(text), news["en"], news["fr"])


def describe(kind: str, files: Mapping[str, bytes], said: Facts | None = None, image: bytes = b"") -> bytes:
    """Return the manifest's payload for these files and this image of MicroPython.

    Raises BadManifest: a file's name or size is none for a release.
    """
    known = said or facts()
    boards = {Path(name).stem.removesuffix(f"_{kind}") for name in files if name.startswith("firmware/boards/s")}
    return manifest.encode(
        {
            manifest.VERSION: 1,
            manifest.VENDOR: manifest.vendor_id(),
            manifest.CLASS: manifest.class_id(kind),
            manifest.BOARDS: sorted(boards),
            manifest.SEQUENCE: known.sequence,
            manifest.ABI: _abi(files),
            manifest.LIST: shelf.pinned(files),
            manifest.BATTERY: known.battery_percent,
            manifest.NAME: known.version,
            manifest.ENGLISH: known.english,
            manifest.FRENCH: known.french,
            **({manifest.IMAGE: shelf.pinned_image(image)} if image else {}),
        }
    )


def of_sources(kind: str, portable: bool = False, trusted: bytes | None = None) -> Release:
    """Return what these sources build, unsigned; portable: for any processor, a babyphone's listening at a tenth of its speed.

    trusted: the points of the keys by which the next release may be signed, those of this computer if None. Raises BuildFailed, Fault.
    """
    files = with_keys(build.files(kind, build.ROOT / ".foyer/cache", None if portable else build.ESP32_S3), trusted)
    known = facts()
    return Release(kind, known.version, known.sequence, files, hashlib.sha256(describe(kind, files, known)).hexdigest())


def application(path: Path) -> bytes:
    """Return the image of MicroPython in a file, as an application slot takes it. Raises Fault: it is none for this chip, or too large."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Fault("not-an-image", file=path, reason=(error.strerror or "it cannot be read").lower()) from None
    if data[:1] != b"\xe9" or data[12:14] != interpreter_image.ESP32_S3.to_bytes(2, "little"):
        raise Fault("not-an-image", file=path, reason="it is no application for the ESP32-S3")
    if data[0x8000:0x8002] == b"\xaa\x50":
        raise Fault("not-an-image", file=path, reason="it is the full image; take the update, which MicroPython calls .app-bin")
    if len(data) > manifest.MAX_FILE_BYTES:
        raise Fault("not-an-image", file=path, reason="it is too large for a release")
    return data


def with_keys(files: Mapping[str, bytes], trusted: bytes | None = None) -> dict[str, bytes]:
    """Return the files with the keys by which the next release may be signed."""
    return {**files, shelf.KEYS_FILE: own_keys() if trusted is None else trusted}


def own_keys() -> bytes:
    """Return the points of this computer's two keys, which are made if they are not there."""
    return b"".join(point(signing_key(path).public_key()) for path in (KEY, NEXT_KEY))


def pack(kind: str, files: Mapping[str, bytes], key: ec.EllipticCurvePrivateKey, said: Facts | None = None, image: bytes = b"") -> bytes:
    """Return the release file, signed."""
    return shelf.assemble(signed(describe(kind, files, said, image), key, manifest.AAD), files, image)


def signed(payload: bytes, key: ec.EllipticCurvePrivateKey, aad: bytes) -> bytes:
    """Return the COSE_Sign1 of a payload."""

    def sign(tbs: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(tbs, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return shelf.sign(payload, point(key.public_key()), aad, sign)


def unpack(path: Path, trusted: ec.EllipticCurvePublicKey) -> Release:
    """Return the release in a file. Raises Fault: it is damaged, not signed by the trusted key, or no release at all."""
    found = verify_file(path, shelf.keys_of(point(trusted)))
    return Release(found.kind, found.name, found.sequence, found.files, found.digest)


def verify_file(path: Path, trusted: shelf.Keys) -> shelf.Release:
    """Return the release in a file, signed by one of these keys. Raises Fault."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Fault("bad-release", file=path, reason=(error.strerror or "it cannot be read").lower()) from None
    try:
        return shelf.open_release(data, trusted, holds)
    except errors.BadSignature:
        raise Fault("bad-release", file=path, reason="its signature is not by a key that is trusted here") from None
    except errors.DigestMismatch as error:
        raise Fault("bad-release", file=path, reason=f"{error.got or 'its end'} is damaged") from None
    except ProtocolError:
        raise Fault("bad-release", file=path, reason="it is no release, or damaged") from None


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
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise Fault("bad-release", file=path, reason="there is no key in it that can be used") from None
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


def points(paths: Sequence[Path]) -> bytes:
    """Return the points of the public keys in these files. Raises Fault."""
    return b"".join(point(trusted_key(path)) for path in paths)


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as a device has it: uncompressed, 65 bytes."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def holds(of: bytes, tbs: bytes, signature: bytes) -> bool:
    """Return whether r||s is this point's signature."""
    encoded = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), of).verify(encoded, tbs, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def sha256(data: bytes) -> str:
    """Return a release file's checksum, as it is published beside it."""
    return hashlib.sha256(data).hexdigest()


def _abi(files: Mapping[str, bytes]) -> int:
    """Return the bytecode's version and processor as `sys.implementation._mpy` has them; mpy-cross writes them into each file's head."""
    compiled = [data for name, data in sorted(files.items()) if name.endswith(".mpy")]
    native = max((data[2] for data in compiled), key=lambda flags: flags >> 2)  # 0 where all is bytecode
    return compiled[0][1] | (native & 3) << 8 | native >> 2 << 10
