"""`foyer device provision`: a flashed board becomes one device with keys of its own, a record and a label.

In two steps, so that a cut leaves either the device as it was or a finished one: the device makes its key pairs and stages them; the
record and the label are written here; only then the device brings its keys into force. Running the command again finishes what was begun.
"""

import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from protocol import labels
from tools import label, provision, technician
from tools.faults import Fault
from tools.records import Records, now

_CHALLENGE_BYTES = 32


class Wish(NamedTuple):
    """What a device is to become. settings: what differs from the defaults; patience_s: of its silence; gateway_key: the home's."""

    kind: str
    name: str
    gateway: tuple[str, int]
    settings: Mapping[str, object]
    again: bool
    patience_s: float = technician.PATIENCE_s
    gateway_key: bytes = provision.NO_HOME


class Introduced(NamedTuple):
    """A finished device: its record and where that lies, and what a gateway reads to know it."""

    record: dict[str, Any]
    path: Path
    labels: tuple[Path, Path]
    enrolment: dict[str, str]
    was_begun: bool


def introduce(port: str, wish: Wish, records: Records, tell: Callable[[str], None] = lambda _step: None) -> Introduced:
    """Provision the device on a port. Raises Fault: nothing is finished then, and running it again goes on."""
    tell("looking at the device")
    seen = technician.run(port, "look", timeout_s=wish.patience_s)
    kind = check_firmware(port, seen, wish.kind)
    known = records.find(seen["kid"]) if seen["kid"] else None
    if known and known["finished"] is None:
        return _finish(port, known, records, tell, True, wish.patience_s)
    if seen["kid"] and not wish.again:
        raise Fault("holds-keys", port=port)
    records.drop_unfinished(seen["chip"])
    tell("the device makes its keys")
    serial, pairing, secret = f"FY-{kind[0].upper()}-{secrets.token_hex(5).upper()}", secrets.token_bytes(8), secrets.token_bytes(16)
    chosen = {"serial": serial, "pairing": pairing, "gateway_key": wish.gateway_key, "label": secret}
    settings = {"device": kind, "board": "s3", "language": "en", "gateway": list(wish.gateway), **wish.settings}
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    given = {"identity": chosen, "settings": settings, "challenge": challenge, "entropy": secrets.token_bytes(32)}
    answer = technician.run(port, "introduce", given, wish.patience_s)
    _prove(port, answer, challenge)
    record = {
        "serial": serial,
        "kind": kind,
        "name": wish.name,
        "chip": seen["chip"],
        "kid": answer["kid"],
        "public_key": answer["public_key"],
        "label": labels.write_secret(secret),
        "firmware": {name: seen["release"][name] for name in ("version", "digest")},
        "micropython": seen["micropython"],
        "wifi": answer["wifi"],
        "enrolment": {
            "serial": serial,
            "kind": kind,
            "name": wish.name,
            "kid": answer["kid"],
            "public_key": answer["public_key"],
            "pairing": pairing.hex(),
            "link_key": answer["link_key"],
        },
        "begun": now(),
        "finished": None,
    }
    return _finish(port, record, records, tell, False, wish.patience_s)


def enrol(folder: Path, done: Introduced) -> Path:
    """Make the device known to the gateway that reads this folder. Raises Fault: the disk refuses."""
    try:
        return provision.enrol(folder, done.enrolment)
    except OSError as error:
        raise Fault("cannot-write", file=folder, reason=error.strerror) from None


def check_firmware(port: str, seen: Mapping[str, Any], kind: str | None) -> str:
    """Return which device the flashed firmware is for. Raises Fault: there is none, or it is for another kind than the one meant."""
    if not seen["release"]:
        raise Fault("no-firmware", port=port, kind=kind or "scale")
    found = str(seen["release"]["kind"])
    if kind is not None and found != kind:
        raise Fault("wrong-kind", port=port, found=found, kind=kind)
    return found


def _finish(
    port: str, record: dict[str, Any], records: Records, tell: Callable[[str], None], was_begun: bool, patience_s: float
) -> Introduced:
    """Write the record and the label, let the device bring its keys into force, and look that it did."""
    tell("writing its record and its label")
    records.write(record)
    try:
        pictures = label.save(labels.Label(record["kind"], record["serial"], labels.read_secret(record["label"])), records.folder)
    except OSError as error:
        raise Fault("cannot-write", file=records.folder, reason=error.strerror) from None
    tell("the device takes its keys into use")
    answer = technician.run(port, "commit", {"kid": record["kid"]}, patience_s)
    if answer["kid"] != record["kid"]:
        raise Fault("device-said", port=port, said="it has another key than it made")
    seen = technician.run(port, "look", timeout_s=patience_s)
    if seen["serial"] != record["serial"] or seen["unfinished"]:
        raise Fault("device-said", port=port, said="it did not keep what it was given")
    record = {**record, "finished": now()}
    path = records.write(record)
    technician.reset(port)
    return Introduced(record, path, pictures, record["enrolment"], was_begun)


def _prove(port: str, answer: Mapping[str, Any], challenge: bytes) -> None:
    """Check that the device holds the private half of the key it showed. Raises Fault."""
    public, proof = bytes.fromhex(answer["public_key"]), bytes.fromhex(answer["proof"])
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        signature = encode_dss_signature(int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big"))
        key.verify(signature, challenge + bytes.fromhex(answer["link_key"]), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        raise Fault("device-said", port=port, said="the key it made does not sign") from None
    if sha256(public).digest()[:4].hex() != answer["kid"]:
        raise Fault("device-said", port=port, said="its key has another name")
