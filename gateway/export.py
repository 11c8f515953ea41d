"""Everything kept at home as one zip that people and programs can read and anybody can verify (R13), in the form of the site's own export.

- `read-me.txt`      what each file is, in the language of the page
- `weight.csv` …     one table a kind, UTF-8
- `home.json`        people, rooms, devices with their public keys, alarms' and readings' states, the log of exchanges and connections
- `signatures.json`  each reading as its device signed it, with the device's public key; the site can take this file in
- `verify.py`        checks all of it offline, with nothing but Python
- `manifest.json`    the digest of every file

What is left out, because whoever finds this zip could use it: the home secret, the keys of links and of the page, passwords, sessions and
the ids from which pseudonyms are derived.
"""

import base64
import csv
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from protocol import readings

FORMAT = "foyer export 1"
VERIFIER = Path(readings.__file__).with_name("verify_export.py")
_PART_BYTES = 1 << 16
_TABLES = {readings.SCALE: "weight.csv", readings.CUFF: "pressure.csv", readings.CLIMATE: "climate.csv"}


@dataclass(frozen=True, slots=True)
class Held:
    """One kept reading; values: in the units people use; fields: as the device signed them."""

    row_id: bytes
    whose: str
    is_room: bool
    kind: int
    utc_s: int
    place: str
    values: Mapping[str, float]
    fields: Mapping[int, int | bytes]
    signed: bytes
    public_key: bytes
    pairing: bytes


# Every kept reading of one kind, or of all (None), oldest first; asked for again for each file, so that no file is held in memory.
Held_of = Callable[[int | None], Iterable[Held]]


def archive(out: IO[bytes], home: Mapping[str, Any], held: Held_of, columns: Mapping[int, list[str]], read_me: str, now_s: float) -> None:
    """Write the zip into `out`; home: what home.json holds, of an iterator each item; columns: the names of the values in each table."""
    digests: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:

        def put(name: str, parts: Iterable[bytes]) -> None:
            digest = sha256()
            with zipped.open(name, "w", force_zip64=True) as file:
                for part in parts:
                    digest.update(part)
                    file.write(part)
            digests[name] = digest.hexdigest()

        for kind, name in _TABLES.items():
            put(name, table(held(kind), columns[kind]))
        put("home.json", _object(home))
        put("signatures.json", _signatures(held(None)))
        put("verify.py", [VERIFIER.read_bytes()])
        put("read-me.txt", [read_me.encode()])
        zipped.writestr("manifest.json", _json({"format": FORMAT, "made_utc": _utc(now_s), "files": digests}))


def table(held: Iterable[Held], names: list[str]) -> Iterator[bytes]:
    """Yield readings of one kind as CSV (RFC 4180), UTF-8; a cell that a spreadsheet would run is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["time_utc", "whose", *names, "state", "id"])
    for each in held:
        values = [each.values.get(name, "") for name in names]
        writer.writerow([_utc(each.utc_s), _cell(each.whose), *values, each.place, each.row_id.hex()])
        if out.tell() > _PART_BYTES:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _signatures(held: Iterable[Held]) -> Iterator[bytes]:
    yield b'{"format": ' + json.dumps(FORMAT).encode() + b', "readings": ['
    # what the home worked out itself, as a child's weight in a parent's arms, no device has signed: it is in the tables
    for number, each in enumerate(each for each in held if each.public_key):
        yield (b",\n" if number else b"\n") + json.dumps(_signed(each), ensure_ascii=False).encode()
    yield b"\n]}\n"


def _signed(each: Held) -> dict[str, Any]:
    measured = {str(key): value.hex() if isinstance(value, bytes) else value for key, value in each.fields.items() if key >= readings.GRAMS}
    return {
        "id": each.row_id.hex(),
        "whose": each.whose,
        "is_room": each.is_room,
        "kind": each.kind,
        "utc_s": each.utc_s,
        "values": measured,
        "signed": base64.b64encode(each.signed).decode(),
        "device_key": base64.b64encode(each.public_key).decode(),
        "pairing": base64.b64encode(each.pairing).decode(),
        "note": "",
        "marked_wrong": False,
    }


def _cell(words: str) -> str:
    return f"'{words}" if words[:1] in ("=", "+", "-", "@", "\t", "\r") else words


def _utc(utc_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(utc_s))


def _object(value: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield a map as JSON, and of an iterator in it one item after the other: there may be millions."""
    yield b"{"
    for number, (name, each) in enumerate(value.items()):
        yield (b",\n" if number else b"\n") + _json(name) + b": "
        if isinstance(each, Iterator):
            yield b"["
            for place, item in enumerate(each):
                yield (b",\n" if place else b"\n") + json.dumps(item, ensure_ascii=False).encode()
            yield b"\n]"
        else:
            yield _json(each)
    yield b"\n}\n"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
