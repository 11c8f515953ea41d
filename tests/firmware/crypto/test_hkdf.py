"""HMAC and HKDF against RFC 5869's examples and the standard library, under both Pythons."""

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.crypto import bodies
from tests.on_micropython import both_pythons

# RFC 5869 appendix A.1 to A.3: salt, secret, info, length, key
EXAMPLES = [
    (
        "000102030405060708090a0b0c",
        "0b" * 22,
        "f0f1f2f3f4f5f6f7f8f9",
        42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0x50)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        82,
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    ("", "0b" * 22, "", 42, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
]


@both_pythons
def test_keys_are_the_rfcs(call) -> None:
    """All three examples with SHA-256, an empty salt among them."""
    rows = [[bytes.fromhex(salt), bytes.fromhex(secret), bytes.fromhex(info), length] for salt, secret, info, length, _ in EXAMPLES]
    assert [key.hex() for key in call(bodies.derived, rows)] == [key for *_, key in EXAMPLES]


@both_pythons
def test_codes_are_the_standard_librarys(call) -> None:
    """Keys shorter than, as long as and longer than a block."""
    rows = [[bytes(range(length)), b"data" * length] for length in (0, 1, 32, 63, 64, 65, 200)]
    assert call(bodies.codes, rows) == [hmac.new(key, data, "sha256").digest() for key, data in rows]


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80), st.integers(1, 200))
def test_any_key_is_cryptographys(salt: bytes, secret: bytes, info: bytes, length: int) -> None:
    """For any input and length."""
    assert bodies.derived([[salt, secret, info, length]]) == [HKDF(hashes.SHA256(), length, salt, info).derive(secret)]
