"""The image that stands for MicroPython's own on a simulated board: well-formed in every part that a chip or a tool looks at.

Bootloader, partition table and application lie where MicroPython's releases for the ESP32-S3 have them. The application's code is
noise: what runs is this computer's MicroPython, started with the flash that this image was written to.
"""

import hashlib
import random
import struct

from simulator.usb.bootrom import ESP32_S3, checksum

VERSION = "v1.25.0"
APPLICATION_AT, APPLICATION_BYTES = 0x10000, 0x1F0000
CODE_BYTES = 160_000  # a tenth of the real one's, so that tests are quick

_FLASH_SIZES = {4: 2, 8: 3, 16: 4}  # megabytes, and their number in an image's header


def image(chip: int = ESP32_S3, version: str = VERSION, megabytes: int = 8, code_bytes: int = CODE_BYTES) -> bytes:
    """Return what is written to a chip from address 0 on."""
    noise = random.Random(code_bytes)
    application = _description(version) + noise.randbytes(code_bytes // 2) + bytes(code_bytes // 2)
    parts = {
        0: _part(noise.randbytes(8192), 0x3FCE2810, chip, megabytes),
        0x8000: _table(),
        APPLICATION_AT: _part(application, 0x3C0A0020, chip, megabytes),
    }
    whole = bytearray()
    for at, data in parts.items():
        whole += b"\xff" * (at - len(whole)) + data
    return bytes(whole)


def sha256(data: bytes) -> str:
    """Return a file's checksum, as it would be published beside it."""
    return hashlib.sha256(data).hexdigest()


def _description(version: str) -> bytes:
    """Return an application's description (esp_app_desc_t), 256 bytes."""
    fields = (0xABCD5432, 0, 0, 0, version.encode(), b"micropython", b"12:00:00", b"Apr 15 2025", b"v5.4", bytes(32))
    return struct.pack("<IIII32s32s16s16s32s32s", *fields).ljust(256, b"\0")


def _part(data: bytes, address: int, chip: int, megabytes: int) -> bytes:
    """Return an image of one segment with its checksum and its hash."""
    data += bytes(-len(data) % 4)
    header = struct.pack("<BBBBIB3sHBHH4xB", 0xE9, 1, 2, _FLASH_SIZES[megabytes] << 4 | 0xF, 0x40374EDC, 0xEE, b"\0\0\0", chip, 0, 0, 99, 1)
    body = header + struct.pack("<II", address, len(data)) + data
    body += bytes(15 - len(body) % 16) + bytes((checksum(data),))
    return body + hashlib.sha256(body).digest()


def _table() -> bytes:
    rows = b""
    for kind, subtype, at, size, label in (
        (1, 2, 0x9000, 0x6000, b"nvs"),
        (1, 1, 0xF000, 0x1000, b"phy_init"),
        (0, 0, APPLICATION_AT, APPLICATION_BYTES, b"factory"),
    ):
        rows += struct.pack("<HBBII16sI", 0x50AA, kind, subtype, at, size, label, 0)
    rows += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows, usedforsecurity=False).digest()
    return rows.ljust(0xC00, b"\xff")
