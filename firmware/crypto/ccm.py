"""AES-CCM (RFC 3610) with a two-byte length, over the AES that MicroPython has: OSCORE's AES-CCM-16-64-128 with its 13-byte nonces.

The CBC-MAC is the last block of one CBC call with a zero IV; the key stream is one ECB call over all counter blocks.
"""

from cryptolib import aes

from protocol import errors

_ECB, _CBC = 1, 2
_LENGTH_BYTES = 2
NONCE_BYTES = 15 - _LENGTH_BYTES


def seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_bytes: int = 8) -> bytes:
    """Return ciphertext and tag. key: 16 or 32 bytes; nonce: 13 bytes, never twice with the same key."""
    tag = _mac(key, nonce, aad, plaintext, tag_bytes)
    return _crypt(key, nonce, plaintext, tag)


def open_(key: bytes, nonce: bytes, aad: bytes, sealed: bytes, tag_bytes: int = 8) -> bytes:
    """Return the plaintext; nothing of it leaves before the tag has been checked.

    Raises TagBroken: altered, or sealed with another key, nonce or associated data.
    """
    if len(sealed) < tag_bytes:
        raise errors.TagBroken(len(sealed))
    split = len(sealed) - tag_bytes
    opened = _crypt(key, nonce, sealed[:split], sealed[split:])
    expected = _mac(key, nonce, aad, opened[:split], tag_bytes)
    difference = 0
    for one, other in zip(expected, opened[split:]):
        difference |= one ^ other
    if difference:
        raise errors.TagBroken(len(sealed))
    return opened[:split]


def _mac(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_bytes: int) -> bytes:
    """Return the unencrypted tag (RFC 3610 section 2.2)."""
    if len(nonce) != NONCE_BYTES or len(aad) >= 0xFF00 or len(plaintext) >= 1 << 16:
        raise ValueError((len(nonce), len(aad), len(plaintext)))
    flags = (0x40 if aad else 0) | ((tag_bytes - 2) // 2 << 3) | (_LENGTH_BYTES - 1)
    blocks = bytearray((flags,)) + nonce + len(plaintext).to_bytes(2, "big")
    if aad:
        blocks.extend(len(aad).to_bytes(2, "big"))
        blocks.extend(aad)
        blocks.extend(bytes(-len(blocks) % 16))
    blocks.extend(plaintext)
    blocks.extend(bytes(-len(blocks) % 16))
    return aes(key, _CBC, bytes(16)).encrypt(blocks)[-16:][:tag_bytes]


def _crypt(key: bytes, nonce: bytes, text: bytes, tag: bytes) -> bytes:
    """Return `text` and then `tag`, each xored with the key stream; the tag's block is number 0 (section 2.3)."""
    counters = bytearray()
    for number in range((len(text) + 31) // 16):
        counters.append(_LENGTH_BYTES - 1)
        counters.extend(nonce)
        counters.extend(number.to_bytes(2, "big"))
    stream = aes(key, _ECB).encrypt(counters)
    return _xor(text, stream[16 : 16 + len(text)]) + _xor(tag, stream[: len(tag)])


def _xor(one: bytes, other: bytes) -> bytes:
    # Two long integers: a tenth of the instructions of a loop over bytes.
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")
