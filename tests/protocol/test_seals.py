"""Seals: what its owner opens, and nobody else; what the clear columns promise; what lengths tell."""

from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from protocol import seals
from protocol.errors import SealBroken

SECRET = bytes(range(32))
PSEUDONYM = b"p" * 16
ROW = b"r" * 16
NONCE = b"n" * 12


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt or None, info).derive(secret)


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plaintext, associated)


def open_(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, associated)
    except InvalidTag:
        return None


def entry(kind: int = 0, **changes: object) -> dict[int, object]:
    made: dict[int, object] = {
        seals.KIND: kind,
        seals.UTC: 1_795_343_000,
        seals.VALUES: {10: 72350},
        seals.SIGNED: b"s" * 119,
        seals.PAIRING: b"a" * 8,
        seals.DEVICE_KEY: b"k" * 65,
        seals.PREVIOUS: b"h" * 32,
        seals.NUMBER: 7,
    }
    return made | {getattr(seals, name): value for name, value in changes.items()}


def sealed(made: dict[int, object], minute: int = 29_922_383, root: bytes = SECRET) -> bytes:
    return seals.seal_row(root, PSEUDONYM, minute, ROW, made, hkdf, seal, NONCE)


@given(kind=st.integers(0, 4), minute=st.integers(0, 2**31 - 1), signed=st.binary(max_size=600))
def test_its_owner_opens_what_was_sealed(kind: int, minute: int, signed: bytes) -> None:
    """What goes in comes out, whatever the kind, the month and the length."""
    made = entry(kind, SIGNED=signed)
    assert seals.open_row(SECRET, PSEUDONYM, minute, ROW, sealed(made, minute), hkdf, open_) == made


@pytest.mark.parametrize("uncertainty_s", [0, 301, 86_400, -1])
def test_a_time_that_is_not_sure_says_so_to_its_owner(uncertainty_s: int) -> None:
    """By how much, or that nobody knows; an entry without it is as it was before."""
    made = entry(UNCERTAINTY=uncertainty_s)
    opened = seals.open_row(SECRET, PSEUDONYM, 29_922_383, ROW, sealed(made), hkdf, open_)
    assert opened[seals.UNCERTAINTY] == uncertainty_s
    assert seals.UNCERTAINTY not in seals.open_row(SECRET, PSEUDONYM, 29_922_383, ROW, sealed(entry()), hkdf, open_)


@pytest.mark.parametrize("wrong", [-2, 1 << 40, True, b"1", "1", None])
def test_an_uncertainty_that_is_none_is_not_sealed(wrong: object) -> None:
    """Below -1, too long, or no number."""
    with pytest.raises(SealBroken):
        sealed(entry(UNCERTAINTY=wrong))


@pytest.mark.parametrize(
    "asked",
    [
        (b"x" * 32, PSEUDONYM, 29_922_383, ROW),
        (SECRET, b"q" * 16, 29_922_383, ROW),
        (SECRET, PSEUDONYM, 29_922_384, ROW),
        (SECRET, PSEUDONYM, 29_922_383, b"o" * 16),
    ],
    ids=["another owner", "another pseudonym", "another minute", "another row"],
)
def test_clear_columns_are_bound_to_the_seal(asked: tuple[bytes, bytes, int, bytes]) -> None:
    """A row moved to another owner, pseudonym, minute or id does not open."""
    with pytest.raises(SealBroken):
        seals.open_row(*asked, sealed(entry()), hkdf, open_)


@given(st.integers(0, 800), st.integers(0, 255))
def test_a_changed_byte_does_not_open(at: int, mask: int) -> None:
    """Any byte of a sealed row changed is found."""
    whole = bytearray(sealed(entry()))
    at %= len(whole)
    whole[at] ^= mask or 1
    with pytest.raises(SealBroken):
        seals.open_row(SECRET, PSEUDONYM, 29_922_383, ROW, bytes(whole), hkdf, open_)


@pytest.mark.parametrize("length", [0, 11, 28, 5000])
def test_lengths_that_no_row_has_are_refused(length: int) -> None:
    """Bytes too short for a tag or longer than any row are refused before a cipher runs."""
    with pytest.raises(SealBroken):
        seals.open_row(SECRET, PSEUDONYM, 1, ROW, bytes(length), hkdf, open_)


def test_the_length_tells_no_kind() -> None:
    """A weight, a blood pressure and a room's climate have the same length once sealed."""
    readings = [{10: 72350, 11: 1}, {10: 121, 11: 79, 12: 93, 13: 61, 14: 0}, {13: 2031, 14: 47}]
    lengths = {len(sealed(entry(kind, VALUES=values, SIGNED=bytes(110 + 6 * kind)))) for kind, values in enumerate(readings)}
    assert len(lengths) == 1


@given(st.binary(max_size=2000))
def test_padding_comes_off_again(plaintext: bytes) -> None:
    """Padding reaches the next step and leaves nothing behind."""
    padded = seals.pad(plaintext)
    assert len(padded) % seals.PADDING_STEP_BYTES == 0
    assert seals.unpad(padded) == plaintext


@pytest.mark.parametrize("padded", [b"", bytes(512), b"\x01" * 512, b"\x80" + bytes(100)])
def test_what_is_not_padded_is_refused(padded: bytes) -> None:
    """All zeros, no marker, or half a step is no padding."""
    with pytest.raises(SealBroken):
        seals.unpad(padded)


@given(st.integers(0, 2**31 - 1))
def test_months_are_the_calendars(minute: int) -> None:
    """The month of any minute is the one that Python's own calendar gives."""
    assert seals.month_of(minute) == datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m")


def test_every_person_domain_and_epoch_has_keys_of_its_own() -> None:
    """No two derivations share a write seed or a root key."""
    made = [
        seals.derive_person(secret, domain, person, epoch, hkdf)
        for secret in (SECRET, b"t" * 32)
        for domain in ("readings", "stats")
        for person in (b"1" * 16, b"2" * 16)
        for epoch in (0, 1)
    ]
    keys = [key for pair in made for key in pair]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("wrong", [{"KIND": 9}, {"UTC": "now"}, {"VALUES": []}, {"SIGNED": None}, {"NUMBER": -1}, {"UTC": True}])
def test_what_is_no_entry_is_not_sealed(wrong: dict[str, object]) -> None:
    """A field of the wrong type or range is refused, so nothing unreadable is kept for ever."""
    with pytest.raises(SealBroken):
        sealed(entry(**wrong))
