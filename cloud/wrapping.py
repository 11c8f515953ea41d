"""Closing bytes under a key, and deriving keys from one secret, each for one purpose that its label names.

AES-256-GCM with a random nonce in front; HKDF-SHA-256 with a label. A box says what it is for in its associated data, so a box
of one account, column or purpose opens as nothing else.
"""

import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from cloud.errors import CannotUnwrap

NONCE_BYTES = 12


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes of RFC 5869 with SHA-256.

    By hand on the standard library's one-shot HMAC: a page derives a key for every row it opens, and this is ten times as fast as an
    object for each.
    """
    pseudorandom = hmac.digest(salt or bytes(32), secret, "sha256")
    block, made = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([number]), "sha256")
        made += block
    return made[:length]


def mac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA-256, 32 bytes."""
    maker = HMAC(key, SHA256())
    maker.update(message)
    return maker.finalize()


def wrap(key: bytes, plaintext: bytes, purpose: bytes) -> bytes:
    """Return the plaintext under a key of 32 bytes, bound to its purpose; no nonce is ever chosen by a caller."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, purpose)


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Return the ciphertext with its tag; the shape that protocol/seals.py takes."""
    return AESGCM(key).encrypt(nonce, plaintext, associated)


def unwrap(key: bytes, box: bytes, purpose: bytes) -> bytes:
    """Return what is in the box. Raises CannotUnwrap: another key or purpose, or changed bytes."""
    opened = try_open(key, box[:NONCE_BYTES], box[NONCE_BYTES:], purpose)
    if opened is None:
        raise CannotUnwrap(purpose.decode(errors="replace").split("\x00", 1)[0])
    return opened


def try_open(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
    """Return the plaintext, or None when the tag does not fit; the shape that protocol/seals.py takes."""
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, associated)
    except (InvalidTag, ValueError):
        return None


def digest(data: bytes) -> bytes:
    """Return SHA-256, 32 bytes."""
    return sha256(data).digest()
