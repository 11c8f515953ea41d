"""Everything held about a person, as one zip that people and programs can read and anybody can verify (R13), and the way back in.

- `read-me.html`     all of it as a page
- `account.json`     address, sessions, choices as consent records (ISO/IEC TS 27560), the log and its chain
- `weight.csv` …     one table a kind
- `fhir.json`        the readings as FHIR R4B
- `signatures.json`  each reading as its device signed it, with the device's public key; this is what an import reads
- `verify.py`        checks all of it offline, with nothing but Python
- `manifest.json`    the digest of every file, signed by the site (`manifest.sig`)

What is left out is named in the page: keys of yours, because whoever finds this zip could write in your name with them.
"""

import base64
import csv
import io
import json
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud import fhir, wrapping
from cloud.errors import Declined
from cloud.notes import LONGEST_NOTE
from protocol import linking, seals

VERIFIER = Path(linking.__file__).with_name("verify_export.py")
LARGEST_ARCHIVE_BYTES = 32 * 1024 * 1024
LARGEST_SIGNATURES_BYTES = 128 * 1024 * 1024
READINGS_AT_MOST = 200_000
FORMAT = "foyer export 1"
# A stranger's zip can be wrong in every way that the standard library has a name for.
DAMAGED = (zipfile.BadZipFile, zlib.error, LookupError, TypeError, ValueError, AttributeError, OSError, EOFError, RuntimeError)


class Held(NamedTuple):
    """One reading with all that belongs to it; entry: as it was sealed at home."""

    row_id: bytes
    subject: str
    label: str
    is_room: bool
    kind: str
    entry: dict[int, Any]
    values: dict[str, float]
    verified: bool
    words: str
    is_wrong: bool
    # worked out at home from readings that stay there, so no device signed it
    by_home: bool = False


class Returned(NamedTuple):
    """One reading of an export that is brought back."""

    row_id: bytes
    label: str
    subject: int
    entry: dict[int, Any]
    words: str
    is_wrong: bool


def archive(account: dict[str, Any], held: list[Held], page: str, site_key: Ed25519PrivateKey) -> bytes:
    """Return the zip."""
    files: dict[str, bytes] = {
        "read-me.html": page.encode(),
        "account.json": _json(account),
        "fhir.json": _json(fhir.bundle([_measured(each) for each in held if _in_table(each)])),
        "signatures.json": _json({"format": FORMAT, "readings": [_signed(each) for each in held]}),
        "verify.py": VERIFIER.read_bytes(),
    }
    for kind in ("weight", "pressure", "climate"):
        files[f"{kind}.csv"] = table([each for each in held if each.kind == kind])
    digests = {name: wrapping.digest(data).hex() for name, data in files.items()}
    manifest = {"format": FORMAT, "made_utc": _utc(int(time.time())), "site_key": site_key.public_key().public_bytes_raw().hex()}
    files["manifest.json"] = _json({**manifest, "files": digests})
    files["manifest.sig"] = site_key.sign(files["manifest.json"]).hex().encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return out.getvalue()


def table(held: list[Held]) -> bytes:
    """Return readings of one kind as CSV (RFC 4180), UTF-8; a cell that a spreadsheet would run is quoted with an apostrophe."""
    names = list(dict.fromkeys(name for each in held for name in each.values))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["time_utc", "whose", *names, "signature_verified", "marked_wrong", "note", "id"])
    for each in held:
        values = [each.values.get(name, "") for name in names]
        writer.writerow(
            [
                _utc(each.entry[seals.UTC]),
                _cell(each.label),
                *values,
                "yes" if each.verified else "worked out at home" if each.by_home else "no",
                "yes" if each.is_wrong else "no",
                _cell(each.words),
                each.row_id.hex(),
            ]
        )
    return out.getvalue().encode()


def read_archive(data: bytes) -> list[Returned]:
    """Return the readings of an export. Raises Declined("import_wrong"): not one of ours, too large, or damaged."""
    if len(data) > LARGEST_ARCHIVE_BYTES:
        raise Declined("import_wrong")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            about = zipped.getinfo("signatures.json")
            # what it says it unpacks to is checked first, and held to while unpacking
            if about.file_size > LARGEST_SIGNATURES_BYTES:
                raise Declined("import_wrong")
            with zipped.open(about) as file:
                words = file.read(LARGEST_SIGNATURES_BYTES + 1)
        found = json.loads(words)
        if found["format"] != FORMAT or len(words) > LARGEST_SIGNATURES_BYTES or len(found["readings"]) > READINGS_AT_MOST:
            raise Declined("import_wrong")
        return [_returned(each) for each in found["readings"]]
    except DAMAGED as error:
        raise Declined("import_wrong") from error


def _returned(each: dict[str, Any]) -> Returned:
    by_home = each["signed"] == each["pairing"] == each["device_key"] == ""
    entry: dict[int, Any] = {
        seals.KIND: _whole(each["kind"], 4),
        seals.UTC: _whole(each["utc_s"], 2**40),
        seals.VALUES: {int(name): _value(value) for name, value in each["values"].items()},
        seals.SIGNED: _bytes(each["signed"], 2048, by_home),
        seals.PAIRING: _bytes(each["pairing"], 8, by_home),
        seals.DEVICE_KEY: _bytes(each["device_key"], 65, by_home),
        seals.PREVIOUS: b"",
        seals.NUMBER: 0,
    }
    row_id, label, words = bytes.fromhex(each["id"]), str(each["whose"]), str(each["note"])
    if len(row_id) != seals.ROW_ID_BYTES or not 0 < len(label.encode()) <= linking.LABEL_BYTES or len(words) > LONGEST_NOTE:
        raise ValueError
    return Returned(row_id, label, linking.ROOM if each["is_room"] is True else linking.PERSON, entry, words, each["marked_wrong"] is True)


def _signed(each: Held) -> dict[str, Any]:
    entry = each.entry
    return {
        "id": each.row_id.hex(),
        "whose": each.label,
        "is_room": each.is_room,
        "kind": entry[seals.KIND],
        "utc_s": entry[seals.UTC],
        "values": {str(name): value for name, value in entry[seals.VALUES].items()},
        "signed": base64.b64encode(entry[seals.SIGNED]).decode(),
        "device_key": base64.b64encode(entry[seals.DEVICE_KEY]).decode(),
        "pairing": base64.b64encode(entry[seals.PAIRING]).decode(),
        "note": each.words,
        "marked_wrong": each.is_wrong,
    }


def _measured(each: Held) -> fhir.Measured:
    return fhir.Measured(
        reading_id=each.row_id.hex(),
        kind=each.kind,
        utc_s=each.entry[seals.UTC],
        values=each.values,
        verified=each.verified or each.by_home,
        is_wrong=each.is_wrong,
        words=each.words,
        subject=each.subject,
        label=each.label,
        device_key=each.entry[seals.DEVICE_KEY],
    )


def _in_table(each: Held) -> bool:
    try:
        fhir.observations(_measured(each))
    except fhir.OutOfTable:
        # a value beyond what FHIR's readers should be given; it stays in the other files
        return False
    return True


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return value


def _value(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**53:
        raise ValueError
    return value


def _bytes(value: object, most: int, none: bool) -> bytes:
    data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    if not (none or len(data) > 0) or len(data) > most:
        raise ValueError
    return data


def _cell(words: str) -> str:
    return f"'{words}" if words[:1] in ("=", "+", "-", "@", "\t", "\r") else words


def _utc(utc_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(utc_s))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
