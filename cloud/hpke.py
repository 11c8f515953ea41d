"""Sealing to a public key: HPKE (RFC 9180) with X25519, HKDF-SHA-256 and AES-256-GCM, in base mode.

Two keys of the account store receive such boxes: the ingester's (batches) and each account's (link boxes). What the suite is
stands here once; the home has the same line.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from cloud.errors import CannotUnwrap

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal_to(public_key: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Return the plaintext sealed to a public key (32 bytes): encapsulated key, then ciphertext."""
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info)


def open_with(private_key: bytes | X25519PrivateKey, box: bytes, info: bytes) -> bytes:
    """Return what was sealed to this private key (32 bytes, or the key that was made of them once: that takes a third of the time).

    Raises CannotUnwrap: it was sealed to another key, for another purpose, or changed on its way.
    """
    try:
        key = X25519PrivateKey.from_private_bytes(private_key) if isinstance(private_key, bytes) else private_key
        return _SUITE.decrypt(box, key, info)
    except (InvalidTag, ValueError) as error:
        raise CannotUnwrap("a box does not open") from error


def new_private_key() -> bytes:
    """Return a fresh private key, 32 bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_half(private_key: bytes) -> bytes:
    """Return the public half, 32 bytes, of a private key."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
