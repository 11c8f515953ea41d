"""HMAC-SHA-256 (RFC 2104) and HKDF (RFC 5869), which MicroPython lacks, over the SHA-256 it has."""

from hashlib import sha256

_BLOCK_BYTES = 64
_HASH_BYTES = 32
_INNER = int.from_bytes(b"\x36" * _BLOCK_BYTES, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK_BYTES, "big")


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """Return the 32-byte code."""
    if len(key) > _BLOCK_BYTES:
        key = sha256(key).digest()
    # xored as one long integer: a tenth of the instructions of a loop over bytes
    number = int.from_bytes(key + bytes(_BLOCK_BYTES - len(key)), "big")
    inner = sha256((number ^ _INNER).to_bytes(_BLOCK_BYTES, "big"))
    inner.update(data)
    outer = sha256((number ^ _OUTER).to_bytes(_BLOCK_BYTES, "big"))
    outer.update(inner.digest())
    return outer.digest()


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes (at most 8160) derived from `secret`; an empty salt counts as 32 zero bytes."""
    return expand(hmac_sha256(salt or bytes(_HASH_BYTES), secret), info, length)


def expand(extracted: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes (at most 8160) from what was extracted; extracting is hmac_sha256(salt, secret)."""
    if length > 255 * _HASH_BYTES:
        raise ValueError(length)
    out = block = b""
    counter = 1
    while len(out) < length:
        block = hmac_sha256(extracted, block + info + bytes((counter,)))
        out += block
        counter += 1
    return out[:length]
