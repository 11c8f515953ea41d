"""Make the comb: multiples of P-256's base point, computed once on a computer so that a device signs in a fifth of the work.

Four tables of 32 points, 64 bytes each (x and y, big-endian), 8 KiB in all; `firmware/crypto/p256.py` tells how they are used and checks
their SHA-256. Run as a program it writes the file that the firmware reads.
"""

import os
import sys
from pathlib import Path

TABLES, TEETH, SPACING = 4, 6, 11  # typed again in firmware/crypto/p256.py, which checks the digest of the result
FILE = Path(__file__).resolve().parent.parent / "firmware" / "crypto" / "p256.comb"

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # FIPS 186-5, SP 800-186 section 3.2.1.3
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int]


def table() -> bytes:
    """Return the 8192 bytes of all tables.

    Entry `index` of table t is the sum over its teeth j of plus or minus 2^(11 (6 t + j)) G: the top tooth always plus, tooth j < 5 plus
    if bit j of `index` is set.
    """
    power = _G
    powers = []
    for _ in range(TABLES * TEETH):
        powers.append(power)
        for _ in range(SPACING):
            power = _add(power, power)
    out = bytearray()
    for number in range(TABLES):
        teeth = powers[number * TEETH : (number + 1) * TEETH]
        for index in range(1 << (TEETH - 1)):
            point = teeth[-1]
            for tooth, (x, y) in enumerate(teeth[:-1]):
                point = _add(point, (x, y if index >> tooth & 1 else _P - y))
            out += point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")
    return bytes(out)


def write(path: Path = FILE) -> Path:
    """Write the table to `path`, unless it is there already, and return the path."""
    made = table()
    if not path.exists() or path.read_bytes() != made:
        beside = path.with_suffix(f".{os.getpid()}")  # renamed when whole: somebody may be reading
        beside.write_bytes(made)
        beside.replace(path)
    return path


def _add(one: Point, other: Point) -> Point:
    """Return the sum of two points, neither infinite and neither the other's negative."""
    (x1, y1), (x2, y2) = one, other
    slope = 3 * (x1 * x1 - 1) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
