"""MicroPython's own image for the ESP32-S3: whether a file is one, which release it is, and where its file system will lie.

No package registry carries these images, so a technician downloads one and names it. Its SHA-256 is looked up in `interpreters.toml`; one
that is not listed is taken only with its sum given, as published beside the download.
"""

import hashlib
import struct
import tomllib
from pathlib import Path
from typing import NamedTuple

from tools.faults import Fault

TABLE = Path(__file__).with_name("interpreters.toml")

CHIPS = {0: "ESP32", 2: "ESP32-S2", 5: "ESP32-C3", 9: "ESP32-S3", 12: "ESP32-C2", 13: "ESP32-C6", 16: "ESP32-H2"}
ESP32_S3 = 9
_MAGIC, _ROW, _DATA, _TABLE_AT = 0xE9, 0x50AA, 1, 0x8000
_SECTOR_BYTES = 4096


class InterpreterImage(NamedTuple):
    """An image to write at 0. files_at: where the file system begins; files_end: where it ends, 0 for the end of the flash."""

    data: bytes
    sha256: str
    release: str
    files_at: int
    files_end: int


def read(path: Path | None, sha256: str | None = None) -> InterpreterImage:
    """Return the checked image in a file. Raises Fault: not an image, not for this chip, or neither listed nor vouched for."""
    if path is None:
        raise Fault("no-micropython")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Fault("not-an-image", file=path, reason=(error.strerror or "it cannot be read").lower()) from None
    digest = hashlib.sha256(data).hexdigest()
    files_at, files_end = _look(path, data)
    listed = tomllib.loads(TABLE.read_text(encoding="utf-8")).get("releases", {}).get(digest)
    if sha256 is not None and sha256.lower() != digest:
        raise Fault("wrong-sum", file=path, sha256=digest)
    if listed is None and sha256 is None:
        raise Fault("unlisted-image", file=path, sha256=digest)
    return InterpreterImage(data, digest, str(listed or "by its published sum"), files_at, files_end)


def _look(path: Path, data: bytes) -> tuple[int, int]:
    """Return where the file system will begin and, if a row of the table says so, end."""
    if len(data) < _TABLE_AT + 0xC00 or data[0] != _MAGIC:
        raise Fault("not-an-image", file=path, reason="it does not begin as one")
    chip = struct.unpack_from("<H", data, 12)[0]
    if chip != ESP32_S3:
        raise Fault("not-an-image", file=path, reason=f"it is for the {CHIPS.get(chip, 'chip number ' + str(chip))}")
    rows = list(_rows(data))
    if not rows:
        raise Fault("not-an-image", file=path, reason="it has no partition table; take the full image, not an update")
    for kind, at, size, label in rows:
        if kind == _DATA and label in (b"vfs", b"ffat"):
            return at, at + size
        if kind != _DATA and at < len(data) and data[at] != _MAGIC:
            raise Fault("not-an-image", file=path, reason="its application is missing")
    end = max(at + size for _, at, size, _ in rows)
    if len(data) > end:
        raise Fault("not-an-image", file=path, reason="it is longer than its own table")
    return -(-end // _SECTOR_BYTES) * _SECTOR_BYTES, 0


def _rows(data: bytes) -> list[tuple[int, int, int, bytes]]:
    rows = []
    for at in range(_TABLE_AT, _TABLE_AT + 0xC00, 32):
        magic, kind, _subtype, offset, size, label, _flags = struct.unpack_from("<HBBII16sI", data, at)
        if magic != _ROW:
            break
        rows.append((kind, offset, size, label.split(b"\0")[0]))
    return rows
