"""Provisioning: a device and its home are given what belongs together, and nothing that does not."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol import cbor
from tools import build
from tools.provision import IDENTITY, SETTINGS, enrol, provision

KEY = b"\x04" + bytes(64)  # of a home; nobody here computes with it
KINDS = pytest.mark.parametrize("kind", build.DEVICES)


@KINDS
def test_the_home_knows_the_public_half_of_the_devices_key(kind: str) -> None:
    """Both public keys of the enrolment are those of the keys in the identity, and the keys themselves are not there."""
    made = provision(kind, "A name", ("127.0.0.1", 5683), KEY)
    identity = cbor.decode(made.files[IDENTITY])
    assert isinstance(identity, dict)
    private = ec.derive_private_key(int.from_bytes(identity["signing_key"], "big"), ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert made.enrolment["public_key"] == public.hex()
    assert made.enrolment["kid"] == sha256(public).hexdigest()[:8]
    link = ec.derive_private_key(int.from_bytes(identity["link_key"], "big"), ec.SECP256R1())
    assert made.enrolment["link_key"] == link.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()
    assert identity["link_public"].hex() == made.enrolment["link_key"]
    assert identity["gateway_key"] == KEY
    for secret in ("signing_key", "link_key"):
        assert identity[secret].hex() not in json.dumps(made.enrolment)


@KINDS
def test_settings_are_the_defaults_and_what_differs(kind: str) -> None:
    """A device finds its home where it was told to, and what was handed in stands above the defaults."""
    settings = cbor.decode(provision(kind, "A name", ("10.0.0.7", 5000), KEY, {"language": "fr"}).files[SETTINGS])
    assert isinstance(settings, dict)
    assert (settings["device"], settings["gateway"], settings["language"]) == (kind, ["10.0.0.7", 5000], "fr")


def test_no_two_devices_share_anything_secret() -> None:
    """Keys, serial numbers, pairings and Wi-Fi passwords are new each time."""
    made = [provision("scale", "The same", ("127.0.0.1", 1), KEY) for _ in range(4)]
    for key in made[0].enrolment.keys() - {"kind", "name"}:
        assert len({each.enrolment[key] for each in made}) == 4, key


def test_an_enrolment_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    """The file has mode 0600 in a folder of mode 0700, and nothing half-written lies beside it."""
    path = enrol(tmp_path / "enrolments", provision("scale", "A name", ("127.0.0.1", 1), KEY).enrolment)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]
