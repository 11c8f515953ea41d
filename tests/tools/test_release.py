"""A release: the same bytes from the same sources, and nothing in it can be changed unseen."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tools import build, release
from tools.faults import Fault


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ec.EllipticCurvePrivateKey:
    return release.signing_key(tmp_path_factory.mktemp("keys") / "release.pem")


@pytest.fixture(scope="module")
def packed(key: ec.EllipticCurvePrivateKey) -> bytes:
    return release.pack("scale", release.of_sources("scale").files, key)


def test_two_builds_are_the_same_bytes(packed: bytes, key: ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    """The release with its signature, and the file system image, from a second compilation with no cache."""
    files = release.with_keys(build.files("scale", tmp_path / "cache", build.ESP32_S3))
    assert release.pack("scale", files, key) == packed
    assert build.image_bytes(files, 1 << 20) == build.image_bytes(dict(reversed(files.items())), 1 << 20)


def test_what_is_packed_is_what_is_unpacked(packed: bytes, key: ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    """Kind, version and every file."""
    path = tmp_path / "scale.foyer"
    path.write_bytes(packed)
    built = release.of_sources("scale")
    assert release.unpack(path, key.public_key()) == built


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.02, 0.1, 0.5, 0.999])
def test_a_changed_byte_anywhere_is_refused(packed: bytes, key: ec.EllipticCurvePrivateKey, tmp_path: Path, share: float) -> None:
    """Magic, manifest, signature and files alike."""
    path = tmp_path / "scale.foyer"
    changed = bytearray(packed)
    changed[int(share * len(packed))] ^= 1
    path.write_bytes(changed)
    with pytest.raises(Fault, match="no release that this computer trusts"):
        release.unpack(path, key.public_key())


def test_another_key_and_a_cut_or_longer_file_are_refused(packed: bytes, key: ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    """Only the trusted key's own bytes, whole and nothing behind."""
    path = tmp_path / "scale.foyer"
    path.write_bytes(packed)
    with pytest.raises(Fault):
        release.unpack(path, ec.generate_private_key(ec.SECP256R1()).public_key())
    for data in (packed[:-1], packed + b"x", b""):
        path.write_bytes(data)
        with pytest.raises(Fault):
            release.unpack(path, key.public_key())


def test_a_signing_key_is_its_owners_alone(tmp_path: Path) -> None:
    """Made once, readable by nobody else, and the same the next time."""
    path = tmp_path / "keys/release.pem"
    made = release.signing_key(path)
    assert path.stat().st_mode & 0o077 == 0
    assert release.signing_key(path).private_numbers() == made.private_numbers()
    assert release.trusted_key(path.with_suffix(".pub")).public_numbers() == made.public_key().public_numbers()
