"""A release as one file, and the word of the newest: what is in them is what was put in, and nothing of it can be changed unseen."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from protocol import cbor, errors, manifest, shelf
from tools import release

KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
KEYS = shelf.keys_of(release.point(KEY.public_key()))
FILES = {"firmware/main.mpy": b"M\x06\x00" + bytes(40), "firmware/boards/s3_scale.mpy": b"M\x06\x00", shelf.KEYS_FILE: b"k" * 65}
FACTS = release.Facts("0.1.7", 7, "Better.", "Mieux.")


def packed(**changes: object) -> bytes:
    """Return a release file whose manifest has these changes, signed."""
    known = manifest.decode(release.describe("scale", FILES, FACTS))
    payload = cbor.encode({**known, **{int(key[1:]): value for key, value in changes.items()}})
    return shelf.assemble(release.signed(payload, KEY, manifest.AAD), FILES)


def opened(data: bytes) -> shelf.Release:
    return shelf.open_release(data, KEYS, release.holds)


def test_what_is_packed_is_what_is_opened() -> None:
    """Kind, number, version, words and every file; and the keys that may follow."""
    found = opened(packed())
    assert (found.kind, found.sequence, found.name, found.files) == ("scale", 7, "0.1.7", FILES)
    assert (found.manifest[manifest.ENGLISH], found.manifest[manifest.FRENCH]) == ("Better.", "Mieux.")
    assert list(found.keys.values()) == [b"k" * 65]


def test_a_changed_byte_anywhere_is_refused() -> None:
    """Every byte of a release: line, length, envelope, list, files; and a byte less or more."""
    data = packed()
    for at in range(len(data)):
        with pytest.raises(errors.ProtocolError):
            opened(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    for other in (data[:-1], data + b"x", b"", data[:30]):
        with pytest.raises(errors.ProtocolError):
            opened(other)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"_2": b"c" * 16}, "OtherDevice"),
        ({"_1": b"c" * 16}, "OtherDevice"),
        ({"_6": [3, 1, 90, bytes(32)]}, "DigestMismatch"),
        ({"_6": [3, 0, 90, bytes(32)]}, "BadManifest"),
        ({"_6": [129, 1, 90, bytes(32)]}, "BadManifest"),
        ({"_3": []}, "BadManifest"),
        ({"_9": ""}, "BadManifest"),
    ],
)
def test_a_signed_manifest_that_is_none_of_ours_is_refused(changes: dict[str, object], error: str) -> None:
    """A mistake at the desk where releases are signed does not reach a device."""
    with pytest.raises(getattr(errors, error)):
        opened(packed(**changes))


def test_another_key_is_refused() -> None:
    """Only keys that are trusted, each for what it signed: a manifest is no word of the newest."""
    with pytest.raises(errors.BadSignature):
        shelf.open_release(packed(), shelf.keys_of(release.point(OTHER.public_key())), release.holds)
    signed = release.signed(shelf.encode_newest([], 1_800_000_000), KEY, manifest.AAD)
    with pytest.raises(errors.BadSignature):
        shelf.open_newest(signed, KEYS, release.holds)


def test_the_word_of_the_newest_is_read_as_it_was_made() -> None:
    """When, and of each kind which release and to how many homes in a hundred."""
    offers = [shelf.Offer("scale", 7, 10), shelf.Offer("cuff", 6, 100)]
    signed = release.signed(shelf.encode_newest(offers, 1_800_000_000), KEY, shelf.NEWEST_AAD)
    assert shelf.open_newest(signed, KEYS, release.holds) == (1_800_000_000, offers)


@pytest.mark.parametrize(
    "releases", [[[b"c" * 16, 7, 10]], [[manifest.class_id("scale"), 7, 101]], [[manifest.class_id("scale"), True, 1]], [7], [[]]]
)
def test_a_word_of_the_newest_that_makes_no_sense_is_refused(releases: list[object]) -> None:
    """An unknown kind, more than all homes, no number."""
    signed = release.signed(cbor.encode({0: 1, 1: 1_800_000_000, 2: releases}), KEY, shelf.NEWEST_AAD)
    with pytest.raises(errors.BadManifest):
        shelf.open_newest(signed, KEYS, release.holds)


@pytest.mark.parametrize("name", ["../x.mpy", "/x.mpy", "x", "a/b", "A.mpy"])
def test_a_file_with_a_trick_in_its_name_makes_no_release(name: str) -> None:
    """It is found where the release is made."""
    pack: Callable[[], bytes] = lambda: release.pack("scale", {**FILES, name: b"M\x06\x00"}, KEY, FACTS)  # noqa: E731
    with pytest.raises(errors.BadManifest):
        pack()
