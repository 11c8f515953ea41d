"""AES-CCM against OpenSSL, under both Pythons."""

import random

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.crypto import bodies
from tests.on_micropython import BATCH_KiB, both_pythons, there

keys = st.sampled_from([16, 32]).flatmap(lambda length: st.binary(min_size=length, max_size=length))
nonces = st.binary(min_size=13, max_size=13)


@given(keys, nonces, st.binary(max_size=300), st.binary(max_size=600), st.sampled_from([8, 16]))
def test_what_is_sealed_is_openssls_and_opens(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_bytes: int) -> None:
    """Ciphertext and tag equal OpenSSL's for any lengths, empty ones too."""
    assert bodies.sealed([[key, nonce, aad, plaintext, tag_bytes]]) == [AESCCM(key, tag_bytes).encrypt(nonce, plaintext, aad)]


def rows_of_all_lengths() -> list[list[object]]:
    dice = random.Random(3610)
    return [
        [dice.randbytes(16), dice.randbytes(13), dice.randbytes(dice.randrange(60)), dice.randbytes(length), 8]
        for length in [*range(40), 127, 128, 129, 255, 256]
    ]


def test_micropythons_cipher_gives_the_same_bytes() -> None:
    """Every length around the block borders, with AES from MicroPython's cryptolib."""
    rows = rows_of_all_lengths()
    assert there(bodies.sealed, rows, heap_KiB=BATCH_KiB) == bodies.sealed(rows)


@both_pythons
def test_whatever_is_altered_does_not_open(call) -> None:
    """One bit of key, nonce, associated data, ciphertext or tag, or a missing end, is TagBroken."""
    key, nonce, aad, plaintext = bytes(range(16)), bytes(13), b"header", b"72.4 kg, and more"
    box = AESCCM(key, 8).encrypt(nonce, plaintext, aad)

    def flip(data: bytes, at: int) -> bytes:
        return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]

    rows = [[key, nonce, aad, box], [flip(key, 15), nonce, aad, box], [key, flip(nonce, 12), aad, box], [key, nonce, flip(aad, 0), box]]
    rows += [[key, nonce, aad, flip(box, at)] for at in range(len(box))]
    rows += [[key, nonce, aad, box[:length]] for length in (0, 7, 8, len(box) - 1)]
    assert call(bodies.opened, rows) == [plaintext] + ["TagBroken"] * (len(rows) - 1)
