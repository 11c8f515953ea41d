"""ECDH on the device against OpenSSL, under both Pythons: the same secrets, whatever the key, and steps short enough for a device."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings

from firmware.crypto import ecdh, p256
from tests.firmware.crypto import bodies
from tests.firmware.crypto.test_p256 import EDGES, ORDER, big, openssl, scalars, uncompressed
from tests.on_micropython import both_pythons, there


@given(scalars, scalars)
@settings(max_examples=60)
def test_the_secret_is_openssls(one: int, other: int) -> None:
    """For the whole point and for its x alone, from both sides."""
    expected = openssl(one).exchange(ec.ECDH(), openssl(other).public_key())
    assert ecdh.shared_secret(big(one), uncompressed(other)) == expected
    assert ecdh.shared_secret(big(other), uncompressed(one)[1:33]) == expected


def test_micropythons_secrets_are_this_pythons() -> None:
    """The edges of the scalars, in a 160 KiB heap, as RFC 7748's and 5114's authors would want them tried."""
    rows = [[big(scalar), uncompressed(ORDER // 3)[1:33]] for scalar in EDGES[::4]]
    expected = [openssl(scalar).exchange(ec.ECDH(), openssl(ORDER // 3).public_key()) for scalar in EDGES[::4]]
    assert there(bodies.shared_secrets, rows) == expected


@both_pythons
def test_a_new_key_is_in_range_and_its_own(call) -> None:
    """Whatever the random bytes, the private key is in 1..n-1 and the public key is OpenSSL's for it."""
    for random_bytes in (bytes(48), b"\xff" * 48, bytes(range(48))):
        private, public = call(bodies.made_key, random_bytes)
        scalar = int.from_bytes(private, "big")
        assert 0 < scalar < ORDER
        assert public == openssl(scalar).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def test_what_is_computed_does_not_follow_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every private key costs the same doublings and additions, and no two runs meet the same coordinates."""
    point = p256._finish(ecdh.point_steps(uncompressed(7)))
    seen, doublings = set(), []
    double = ecdh.double

    def recording(x: int, y: int, z: int) -> tuple[int, int, int]:
        doublings.append(z)
        return double(x, y, z)

    monkeypatch.setattr(ecdh, "double", recording)
    for scalar in (3, 2**255 + 1, ORDER // 3, ORDER - 3):
        for _ in range(3):
            doublings.clear()
            assert p256._finish(ecdh.agree_steps(point, big(scalar))) == openssl(scalar).exchange(ec.ECDH(), openssl(7).public_key())
            assert len(doublings) == 65
            seen.update(doublings)
    assert len(seen) == 12 * 65


@both_pythons
def test_no_step_of_an_agreement_is_long(call) -> None:
    """An ESP32 needs some 650 ms for a point and its agreement, so steps under a thirtieth of that stay near 20 ms."""
    fewest, share_permille = call(bodies.longest_agreement_pause, big(ORDER // 5), uncompressed(9)[1:33])
    assert fewest >= 150
    assert share_permille < 33
