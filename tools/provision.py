"""What a device is given before it enters a home: its settings and identity, and the home's record of it.

The home's record (an enrolment) is a small JSON file that the gateway reads from its enrolments folder. The two know each other by public
keys: the private halves of signing key and link key stand in the device's identity only, and no secret is shared.
"""

import json
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol import cbor

SETTINGS = "settings.cbor"
IDENTITY = "identity.cbor"
NO_HOME = bytes(65)  # stands for the home's key in a device that is provisioned before it has a home; no point of the curve


class Provisioned(NamedTuple):
    """The files for the device's flash, and the enrolment for its home."""

    files: dict[str, bytes]
    enrolment: dict[str, str]


def provision(
    kind: str,
    name: str,
    gateway: tuple[str, int],
    gateway_key: bytes = NO_HOME,
    settings: Mapping[str, object] | None = None,
    label: bytes | None = None,
) -> Provisioned:
    """Return what makes a blank device into this home's `kind` ("scale", "cuff" or "babyphone").

    gateway: address and UDP port at which the device finds its home; gateway_key: the home's public key for links, 65 bytes; settings: what
    differs from the device's defaults; label: the secret of its label, with which it may be paired.
    """
    signing_key, public_key = _key_pair()
    link_key, link_public = _key_pair()
    pairing = secrets.token_bytes(8)
    kid = sha256(public_key).digest()[:4]
    identity = {
        "serial": f"FY-{kind[0].upper()}-{secrets.token_hex(5).upper()}",
        "signing_key": signing_key,
        "kid": kid,
        "pairing": pairing,
        "link_key": link_key,
        "link_public": link_public,
        "gateway_key": gateway_key,
    }
    if label is not None:
        identity["label"] = label
    written = {"device": kind, "board": "s3", "language": "en", "ssid": "home", "password": secrets.token_hex(8), "gateway": list(gateway)}
    files = {SETTINGS: cbor.encode({**written, **(settings or {})}), IDENTITY: cbor.encode(identity)}
    enrolment = {
        "serial": str(identity["serial"]),
        "kind": kind,
        "name": name,
        "kid": kid.hex(),
        "public_key": public_key.hex(),
        "pairing": pairing.hex(),
        "link_key": link_public.hex(),
    }
    return Provisioned(files, enrolment)


def enrol(folder: Path, enrolment: Mapping[str, str]) -> Path:
    """Write an enrolment into a gateway's enrolments folder, readable by its owner only; return the file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{enrolment['kid']}.json"
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(enrolment, indent=1) + "\n", encoding="utf-8")
    partial.rename(path)
    return path


def _key_pair() -> tuple[bytes, bytes]:
    made = ec.generate_private_key(ec.SECP256R1())
    public = made.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return made.private_numbers().private_value.to_bytes(32, "big"), public
