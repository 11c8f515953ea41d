"""COSE_Sign1, RFC 9052 section 4.2: how a reading is signed. Signed bytes from outside are taken apart in `protocol/sign1.py`.

Always untagged, the algorithm and key id always protected, the unprotected bucket always empty. The signature itself is made and checked
by a function handed in, so a device uses its own P-256 and a computer uses OpenSSL. ECDSA signatures are malleable: readings are told
apart by `digest8` of the bytes that were signed, never by the signature. Left out: every other COSE structure, detached payloads,
`crit`.
"""

import hashlib

from protocol import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ESP256 = -9  # RFC 9864 section 2.1: ECDSA with P-256 and SHA-256, curve and hash in one number
ED25519 = -19  # RFC 9864 section 2.2
VERSION = 1
ROLE_DEVICE = 0
_ALGORITHM, _KID = 1, 4


def reading_aad(kind: int, pairing_id: bytes, version: int = VERSION) -> bytes:
    """Return the external_aad of a device's reading: signed bytes fit this version, role, kind and pairing only (threats T18)."""
    return cbor.encode([version, ROLE_DEVICE, kind, pairing_id])


def protected_header(kid: bytes, algorithm: int = ESP256) -> bytes:
    """Return the bytes of the protected header; b"" as `kid` leaves it out."""
    return cbor.encode({_ALGORITHM: algorithm, _KID: kid} if kid else {_ALGORITHM: algorithm})


def sig_structure(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Return the bytes that are signed (RFC 9052 section 4.4); an empty map as `protected` counts as no bytes."""
    return cbor.encode(["Signature1", b"" if protected == b"\xa0" else protected, external_aad, payload])


def assemble(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """Return the COSE_Sign1 message around a finished signature."""
    return cbor.encode([protected, {}, payload, signature])


def sign1(payload: bytes, kid: bytes, external_aad: bytes, sign: "Callable[[bytes], bytes]", algorithm: int = ESP256) -> bytes:
    """Return the signed message. `sign(tbs)` hashes for itself and returns 64 bytes, r||s for ESP256.

    A device that signs step by step calls protected_header, sig_structure and assemble instead.
    """
    protected = protected_header(kid, algorithm)
    return assemble(protected, payload, sign(sig_structure(protected, external_aad, payload)))


def digest8(tbs: bytes, sha256: "Callable[[bytes], object]" = hashlib.sha256) -> bytes:
    """Return the first 8 bytes of SHA-256 of what was signed: the name of a reading in its receipt. `sha256` is hashlib's or alike."""
    return bytes(sha256(tbs).digest()[:8])  # type: ignore[attr-defined]
