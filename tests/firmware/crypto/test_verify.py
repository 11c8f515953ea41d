"""Whether a signature holds, on the device against OpenSSL, under both Pythons: right ones, altered ones, and those chosen to confuse."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware.crypto import p256
from tests.firmware.crypto import bodies
from tests.firmware.crypto.test_p256 import ORDER, big, openssl, scalars, uncompressed
from tests.on_micropython import there


def signed(scalar: int, message: bytes) -> bytes:
    """Return OpenSSL's signature as r||s."""
    r, s = utils.decode_dss_signature(openssl(scalar).sign(message, ec.ECDSA(hashes.SHA256())))
    return big(r) + big(s)


@given(scalars, st.binary(max_size=64), st.integers(0, 63))
@settings(max_examples=40)
def test_openssls_signature_holds_and_an_altered_one_does_not(scalar: int, message: bytes, at: int) -> None:
    """One bit of the signature, of the hash, or another key: no longer."""
    signature, digest, key = signed(scalar, message), sha256(message).digest(), uncompressed(scalar)
    altered = bytearray(signature)
    altered[at] ^= 1
    other = bytes([digest[0] ^ 1]) + digest[1:]
    rows = [
        (key, digest, signature),
        (key, digest, bytes(altered)),
        (key, other, signature),
        (uncompressed(scalar % 1000 + 1001), digest, signature),
    ]
    assert bodies.signatures_hold(rows) == [True, False, False, False]


def crafted() -> list[tuple[bytes, bytes, bytes]]:
    """Return rows of which only the first holds: RFC 6979's sample, and what is out of range, off the curve, or meets itself."""
    key, digest = uncompressed(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721), sha256(b"sample").digest()
    right = p256.sign(big(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721), digest)
    r, s = right[:32], right[32:]
    off = key[:64] + bytes([key[64] ^ 1])
    rows = [(key, digest, right)]
    rows += [
        (key, digest, each) for each in (bytes(32) + s, r + bytes(32), big(ORDER) + s, r + big(ORDER), b"\xff" * 64, right[:63], b"", s + r)
    ]
    rows += [(off, digest, right), (b"\x02" + key[1:33], digest, right), (bytes(65), digest, right), (key, bytes(32), right)]
    # the key is the base point: both products are on one line through it, and may meet
    rows += [
        (uncompressed(1), digest, big(1) + big(1)),
        (uncompressed(1), big(1), big(1) + big(1)),
        (uncompressed(ORDER - 1), big(1), big(1) + big(1)),
    ]
    return rows


def test_what_is_no_signature_holds_on_neither_python() -> None:
    """Zero, the order, a half, a point off the curve, products that are one point or opposite: no, and nothing breaks."""
    expected = [True] + [False] * (len(crafted()) - 1)
    assert bodies.signatures_hold(crafted()) == expected
    assert there(bodies.signatures_hold, crafted()) == expected


near_the_ends = st.integers(0, 600).map(lambda number: number // 2 if number & 1 else (ORDER - number // 2) % ORDER)


@given(near_the_ends.filter(bool), near_the_ends, near_the_ends.filter(bool))
@example(5, 35, 7)  # both products the same point
@example(5, ORDER - 35, 7)  # opposite points
@example(1, 0, 1)
@settings(max_examples=60)
def test_numbers_chosen_so_that_sums_meet_themselves_decide_as_openssl_does(key: int, of_base: int, of_key: int) -> None:
    """Whatever two multiples a signature is made of, of_base G + of_key Q is their sum, twice the same point and infinity included."""
    nonce = (of_base + of_key * key) % ORDER
    if not nonce:
        assert bodies.signatures_hold([(uncompressed(key), big(of_base), big(1) + big(pow(of_key, -1, ORDER)))]) == [False]
        return
    # u1 = hash / s, u2 = r / s
    r = int.from_bytes(uncompressed(nonce)[1:33], "big") % ORDER
    s = r * pow(of_key, -1, ORDER) % ORDER
    hashed = of_base * s % ORDER
    openssl(key).public_key().verify(utils.encode_dss_signature(r, s), big(hashed), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    rows = [(uncompressed(key), big(hashed), big(r) + big(s)), (uncompressed(key), big(hashed), big(r % (ORDER - 1) + 1) + big(s))]
    assert bodies.signatures_hold(rows) == [True, False]


@pytest.mark.parametrize("scalar", [1, 2, ORDER - 1, ORDER // 3])
def test_the_edges_of_keys_hold_on_micropython(scalar: int) -> None:
    """As on this Python."""
    row = (uncompressed(scalar), sha256(b"edge").digest(), signed(scalar, b"edge"))
    assert bodies.signatures_hold([row]) == there(bodies.signatures_hold, [row]) == [True]
