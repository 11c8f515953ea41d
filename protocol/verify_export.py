#!/usr/bin/env python3
"""Check an export of Foyer, offline, with nothing but Python 3.8 or later: `python3 verify.py` in the unpacked folder.

The account's export and the home's are both checked by this file, which no program of ours imports: it is handed out with them.
For each reading it checks that the signature of the device holds over exactly the kind, the values and the time that stand in
`signatures.json`; that the chain of the log holds; and that every file is the one named in `manifest.json`. (In an export of the site that
manifest is signed with Ed25519; the signature is in `manifest.sig`, the key in the manifest. A home's export carries no such signature.)

How a reading is signed: COSE_Sign1 (RFC 9052) with ES256: ECDSA on P-256 with SHA-256 over the CBOR array
["Signature1", protected header, external data, payload]; the external data is the CBOR array [1, 0, kind, pairing id]; the key id is
the first four bytes of SHA-256 of the device's public key. The payload is a CBOR map: 0 kind, 1 sequence, 3 UTC time, 10 and above
what was measured. The arithmetic of P-256 is written out below (FIPS 186-4, appendix D.1.2.3) so that nothing has to be installed.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, List, Optional, Tuple

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = Optional[Tuple[int, int]]


def add(first: "Point", second: "Point") -> "Point":
    """Add two points of P-256; None is the point at infinity."""
    if first is None or second is None:
        return first or second
    (x1, y1), (x2, y2) = first, second
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) if first == second else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(number: int, point: "Point") -> "Point":
    """Multiply a point."""
    result: Point = None
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an ECDSA signature (r and s, 32 bytes each) holds."""
    if len(public_key) != 65 or public_key[0] != 4 or len(signature) != 64:
        return False
    key = int.from_bytes(public_key[1:33], "big"), int.from_bytes(public_key[33:], "big")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N) or (key[1] ** 2 - key[0] ** 3 + 3 * key[0] - B) % P:
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    point = add(times(digest * inverse % N, G), times(r * inverse % N, key))
    return point is not None and point[0] % N == r


def encode(value: Any) -> bytes:
    """CBOR (RFC 8949) of what is signed here: whole numbers, bytes, text and arrays."""
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(4, len(value)) + b"".join(encode(each) for each in value)


def head(major: int, number: int) -> bytes:
    """The first bytes of an item."""
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def decode(data: bytes, at: int = 0) -> "tuple[Any, int]":
    """Return one CBOR item and where the next begins."""
    major, number, at = data[at] >> 5, data[at] & 31, at + 1
    if number >= 24:
        size = 1 << number - 24
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        item = data[at : at + number]
        return (item if major == 2 else item.decode()), at + number
    items: List[Any] = []
    for _ in range(number * (2 if major == 5 else 1)):
        item, at = decode(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), at


def is_genuine(reading: "dict[str, Any]") -> bool:
    """Whether a device signed exactly this kind, these values and this time."""
    signed, key, pairing = (base64.b64decode(reading[name]) for name in ("signed", "device_key", "pairing"))
    (protected, _, payload, signature), _ = decode(signed)
    header, fields = decode(protected)[0], decode(payload)[0]
    if header.get(1) != -9 or header.get(4) != hashlib.sha256(key).digest()[:4] or fields[0] != reading["kind"]:
        return False
    external = encode([1, 0, reading["kind"], pairing])
    if not holds(key, encode(["Signature1", protected, external, payload]), signature):
        return False
    if 3 in fields and abs(fields[3] - reading["utc_s"]) > 2:
        return False
    measured = {str(name): value.hex() if isinstance(value, bytes) else value for name, value in fields.items() if name >= 10}
    return measured == {name: value for name, value in reading["values"].items() if int(name) >= 10}


def chain_holds(rows: "list[dict[str, Any]]") -> bool:
    """Whether each entry of the log follows from the one before."""
    before = bytes(32)
    for number, row in enumerate(rows):
        link = encode([before, row["number"], row["keep_until_day"], bytes.fromhex(row["box_sha256"])])
        before = hashlib.sha256(link).digest()
        if row["number"] != number or before.hex() != row["entry_sha256"]:
            return False
    return True


def home_chain_holds(begin: str, rows: "list[dict[str, Any]]") -> bool:
    """Whether each entry of a home's log follows from the one before; begin: the digest of what was forgotten before the first."""
    before = bytes.fromhex(begin)
    for row in rows:
        subject = -1 if row["subject"] is None else row["subject"]
        facts = [before, row["number"], row["at_ms"], row["what"], row["whom"], subject, row["count"]]
        before = hashlib.sha256(encode(facts)).digest()
        if before.hex() != row["digest"]:
            return False
    return True


def log_in(folder: Path) -> "tuple[int, bool]":
    """Return how many entries the log of an export has, and whether its chain holds."""
    home = folder / "home.json"
    if home.exists():
        log = json.loads(home.read_text(encoding="utf-8"))["exchanges"]
        return len(log["entries"]), home_chain_holds(log["begin"], log["entries"])
    rows = json.loads((folder / "account.json").read_text(encoding="utf-8"))["log_chain"]
    return len(rows), chain_holds(rows)


def main(folder: Path) -> int:
    """Check everything in a folder; return 0 when all of it holds."""
    wrong = 0
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, digest in manifest["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            wrong += 1
            print(f"CHANGED   {name} is not the file that was handed out")
    readings = json.loads((folder / "signatures.json").read_text(encoding="utf-8"))["readings"]
    genuine = 0
    for reading in readings:
        if not reading["signed"]:
            print(f"AT HOME   reading {reading['id']} was worked out at home from others; no device signed it")
        elif is_genuine(reading):
            genuine += 1
        else:
            wrong += 1
            print(f"NOT HELD  reading {reading['id']} is not what the device signed")
    entries, holds_together = log_in(folder)
    if not holds_together:
        wrong += 1
        print("BROKEN    the chain of the log does not hold")
    print(f"{genuine} of {len(readings)} readings are what their devices signed; {entries} entries of the log; {wrong} things wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
