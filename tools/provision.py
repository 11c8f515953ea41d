"""What a device is given before it enters a home: its settings and identity, and the home's record of it.

The home's record (an enrolment) is a small JSON file that the gateway reads from its enrolments folder. The link's secret is shared
by both, as long as keys do not come from EDHOC; the signing key stands in the device's identity only.
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


class Provisioned(NamedTuple):
    """The files for the device's flash, and the enrolment for its home."""

    files: dict[str, bytes]
    enrolment: dict[str, str]


def provision(kind: str, name: str, gateway: tuple[str, int], settings: Mapping[str, object] | None = None) -> Provisioned:
    """Return what makes a blank device into this home's `kind` ("scale", "cuff" or "babyphone").

    gateway: address and UDP port at which the device finds its home; settings: what differs from the device's defaults.
    """
    signing = ec.generate_private_key(ec.SECP256R1())
    signing_key = signing.private_numbers().private_value.to_bytes(32, "big")
    public_key = signing.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    kid = sha256(public_key).digest()[:4]
    identity = {
        "serial": f"FY-{kind[0].upper()}-{secrets.token_hex(5).upper()}",
        "signing_key": signing_key,
        "kid": kid,
        "pairing": secrets.token_bytes(8),
        "master_secret": secrets.token_bytes(16),
        "master_salt": secrets.token_bytes(8),
        "sender": secrets.token_bytes(3),
        "recipient": b"\x01",
    }
    written = {"device": kind, "board": "s3", "language": "en", "ssid": "home", "password": secrets.token_hex(8), "gateway": list(gateway)}
    files = {SETTINGS: cbor.encode({**written, **(settings or {})}), IDENTITY: cbor.encode(identity)}
    shared = {key: value.hex() for key, value in identity.items() if isinstance(value, bytes) and key != "signing_key"}
    enrolment = {
        "serial": str(identity["serial"]),
        "kind": kind,
        "name": name,
        "kid": shared["kid"],
        "public_key": public_key.hex(),
        "pairing": shared["pairing"],
        "master_secret": shared["master_secret"],
        "master_salt": shared["master_salt"],
        "device_id": shared["sender"],
        "gateway_id": shared["recipient"],
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
