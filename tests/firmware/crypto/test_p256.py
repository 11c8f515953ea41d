"""P-256 against RFC 6979 and OpenSSL, under both Pythons; its steps, its blinding, and its refusal to sign when anything is broken."""

import hashlib
import hmac
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.crypto import new_key, p256
from tests.firmware.crypto import bodies
from tests.on_micropython import both_pythons, there
from tools import comb

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RFC_KEY = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
# RFC 6979 appendix A.2.5, SHA-256
RFC_SIGNATURES = {
    b"sample": (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    ),
    b"test": (
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
    ),
}
EDGES = [1, 2, 3, 4, 5, 63, 64, 2**22, 2**22 - 1, 2**132, 2**132 + 1, 2**255, ORDER // 2, ORDER // 2 + 1, ORDER - 2, ORDER - 1]
scalars = st.integers(1, ORDER - 1) | st.sampled_from(EDGES)
digests = st.binary(min_size=32, max_size=32) | st.sampled_from([bytes(32), b"\xff" * 32, ORDER.to_bytes(32, "big")])


def big(number: int) -> bytes:
    return number.to_bytes(32, "big")


def openssl(scalar: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(scalar, ec.SECP256R1())


def uncompressed(scalar: int) -> bytes:
    return openssl(scalar).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def verify(scalar: int, digest: bytes, signature: bytes) -> None:
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    openssl(scalar).public_key().verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@both_pythons
def test_signatures_are_the_rfcs(call) -> None:
    """RFC 6979's two examples with SHA-256 come out digit by digit."""
    rows = [[RFC_KEY, hashlib.sha256(message).digest()] for message in RFC_SIGNATURES]
    assert [signature.hex() for signature in call(bodies.signatures, rows)] == list(RFC_SIGNATURES.values())


@both_pythons
def test_public_keys_are_openssls_at_every_edge(call) -> None:
    """Small, large, even and odd keys, and those where a step of the comb meets its own point."""
    assert call(bodies.public_keys, [big(scalar) for scalar in EDGES]) == [uncompressed(scalar) for scalar in EDGES]


@given(scalars)
@settings(max_examples=150)
def test_public_keys_are_openssls(scalar: int) -> None:
    """For any key."""
    assert new_key.public_key(big(scalar)) == uncompressed(scalar)


@given(scalars, digests)
@settings(max_examples=150)
def test_without_entropy_signatures_are_openssls_deterministic_ones(scalar: int, digest: bytes) -> None:
    """The same nonce, r and s as OpenSSL's RFC 6979, for any key and hash."""
    der = openssl(scalar).sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    assert p256.sign(big(scalar), digest) == big(r) + big(s)


def hedged_nonce(key: bytes, digest: bytes, extra: bytes) -> int:
    """RFC 6979 section 3.2 with section 3.6's additional input, written again with hmac."""

    def code(secret: bytes, *parts: bytes) -> bytes:
        return hmac.new(secret, b"".join(parts), "sha256").digest()

    reduced = big(int.from_bytes(digest, "big") % ORDER)
    v, k = b"\1" * 32, bytes(32)
    k = code(k, v, b"\0", key, reduced, extra)
    v = code(k, v)
    k = code(k, v, b"\1", key, reduced, extra)
    v = code(k, v)
    return int.from_bytes(code(k, v), "big")


@given(scalars, digests, st.binary(min_size=1, max_size=32))
@settings(max_examples=100)
def test_entropy_changes_the_nonce_as_the_rfc_says_and_the_signature_holds(scalar: int, digest: bytes, extra: bytes) -> None:
    """r is the x of the hedged nonce's point, and OpenSSL verifies the signature."""
    signature = p256.sign(big(scalar), digest, extra)
    verify(scalar, digest, signature)
    x = int.from_bytes(uncompressed(hedged_nonce(big(scalar), digest, extra))[1:33], "big")
    assert signature[:32] == big(x % ORDER)


def test_micropythons_hedged_signatures_are_this_pythons() -> None:
    """Thirty keys, hashes and entropies give the same bytes in a 160 KiB heap, blinding and all."""
    rows = [[hashlib.sha256(b"key%d" % n).digest(), hashlib.sha256(b"%d" % n).digest(), b"extra%d" % n] for n in range(30)]
    assert there(bodies.signatures, rows) == bodies.signatures(rows)


@both_pythons
def test_keys_out_of_range_are_refused(call) -> None:
    """0, the order, more, and keys of another length sign nothing."""
    keys = [bytes(32), big(ORDER), b"\xff" * 32, b"\1" * 31, b"\1" * 33, b""]
    assert call(bodies.refused_keys, keys) == keys


@both_pythons
def test_a_damaged_comb_is_found_at_power_on(call) -> None:
    """Any changed or missing byte ends in SelfTestFailed(part="comb"); the sound one passes."""
    table = comb.table()
    assert call(bodies.power_on, table[:2000] + b"\0" + table[2001:]) == "comb"
    assert call(bodies.power_on, table[:-1]) == "comb"
    assert call(bodies.power_on, table) is None


def test_wrong_arithmetic_is_found_before_a_signature_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A point that is not on the curve is no signature: the fault of MicroPython 1.13's division, or of a disturbed chip."""
    p256.load()
    damaged = bytearray(comb.table())
    for start in range(0, len(damaged), 64):
        damaged[start + 5] ^= 1
    (tmp_path / "comb").write_bytes(damaged)
    monkeypatch.setattr(p256, "_comb_path", str(tmp_path / "comb"))
    with pytest.raises(p256.SelfTestFailed, match="point"):
        p256.sign(RFC_KEY, bytes(32))


def test_what_is_computed_does_not_follow_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every scalar the comb takes 11 columns of four additions each, and its bits and coordinates differ from run to run."""
    seen = []

    def recording(bits: int, comb):
        steps = p256_comb_steps(bits, comb)
        columns = 0
        try:
            while True:
                next(steps)
                columns += 1
                yield
        except StopIteration as end:
            seen.append((bits, columns, end.value[2]))
            return end.value

    p256_comb_steps = p256._comb_steps
    monkeypatch.setattr(p256, "_comb_steps", recording)
    for scalar in (2**128, 3**100, 2**255 + 1, ORDER // 3):
        for _ in range(8):
            assert new_key.public_key(big(scalar)) == uncompressed(scalar)
    assert {columns for _, columns, _ in seen} == {22}  # two steps to a column
    assert len({z for _, _, z in seen}) == len(seen)
    assert len({bits for bits, _, _ in seen}) > 24


@both_pythons
def test_no_step_takes_longer_than_a_tenth_of_the_signature(call) -> None:
    """An ESP32 needs about 150 ms for a signature, so steps under a tenth keep every pause under 20 ms."""
    fewest, share_permille = call(bodies.longest_pause, RFC_KEY, bytes(32))
    assert fewest >= 30
    assert share_permille < 100
