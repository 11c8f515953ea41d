"""What an ESP32-S3 looks at when it starts from flash: the bootloader's image, the partition table, the application's image.

Written from ESP-IDF's documentation ("App image format", "Partition tables"), independently of the tool that checks an image before it is
flashed. MicroPython's file system has no row of its own since 1.26: the port makes one from the last partition's end to the chip's.
"""

import hashlib
import struct
from typing import NamedTuple

from simulator.usb.bootrom import ESP32_S3, checksum
from simulator.usb.nor import NorFlash

BOOTLOADER_AT, TABLE_AT = 0x0, 0x8000
_MAGIC, _APP_MAGIC = 0xE9, 0xABCD5432
_ROW_MAGIC, _MD5_MAGIC = 0x50AA, 0xEBEB
_APP_TYPE, _DATA_TYPE, _FACTORY = 0, 1, 0
_ALIGN = 0x1000


class DoesNotStart(Exception):
    """The flash holds nothing that starts; `said` is what the chip prints on its console."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Application(NamedTuple):
    """What starts from flash: its name, version, and where its file system lies."""

    name: str
    version: str
    files_at: int
    files_bytes: int


def look(flash: NorFlash) -> Application:
    """Return what a chip with this flash starts. Raises DoesNotStart."""
    if flash.read(BOOTLOADER_AT, 1)[0] != _MAGIC:
        raise DoesNotStart(f"invalid header: 0x{int.from_bytes(flash.read(BOOTLOADER_AT, 4), 'little'):08x}")
    _image(flash, BOOTLOADER_AT, "bootloader")
    application_at, end, named = _table(flash)
    body = _image(flash, application_at, "app")
    magic, _secure, _, _, version, name = struct.unpack_from("<IIII32s32s", body)
    if magic != _APP_MAGIC:
        raise DoesNotStart("E (48) boot: app has no description")
    files_at, files_bytes = named or (end, flash.size_bytes - end)
    return Application(_text(name), _text(version), files_at, files_bytes)


def _image(flash: NorFlash, at: int, what: str) -> bytes:
    """Return the first segment's bytes of a whole, undamaged image for this chip."""
    header = flash.read(at, 24)
    magic, segments = header[0], header[1]
    chip = struct.unpack_from("<H", header, 12)[0]
    if magic != _MAGIC:
        raise DoesNotStart(f"E (48) boot: {what} image at {at:#x} has invalid magic byte")
    if chip != ESP32_S3:
        raise DoesNotStart(f"E (48) boot_comm: mismatch chip ID, expected {ESP32_S3}, found {chip}")
    position, total, first = at + 24, 0xEF, b""
    for number in range(segments):
        _address, size = struct.unpack("<II", flash.read(position, 8))
        if position + 8 + size > flash.size_bytes:
            raise DoesNotStart(f"E (48) esp_image: segment {number} is too long")
        data = flash.read(position + 8, size)
        first = first or data
        total ^= checksum(data) ^ 0xEF
        position += 8 + size
    position = at + (position - at) // 16 * 16 + 15
    if flash.read(position, 1)[0] != total:
        raise DoesNotStart(f"E (48) esp_image: Checksum failed. Calculated {total:#x}")
    if header[23] and hashlib.sha256(flash.read(at, position + 1 - at)).digest() != flash.read(position + 1, 32):
        raise DoesNotStart("E (48) esp_image: Image hash failed - image is corrupt")
    return first


def _table(flash: NorFlash) -> tuple[int, int, tuple[int, int] | None]:
    """Return where the application is, the end of the last partition, and MicroPython's own row if there is one."""
    rows = flash.read(TABLE_AT, 0xC00)
    application, end, named = None, 0, None
    for at in range(0, len(rows), 32):
        magic, kind, _subtype, offset, size, label, _flags = struct.unpack_from("<HBBII16sI", rows, at)
        if magic == _MD5_MAGIC:
            if hashlib.md5(rows[:at], usedforsecurity=False).digest() != rows[at + 16 : at + 32]:
                raise DoesNotStart("E (40) flash_parts: partition table MD5 mismatch")
            break
        if magic != _ROW_MAGIC:
            break
        if kind == _DATA_TYPE and _text(label) in ("vfs", "ffat"):
            named = (offset, size)
        if kind == _APP_TYPE and application is None:
            application = offset
        end = max(end, -(-(offset + size) // _ALIGN) * _ALIGN)
    if application is None:
        raise DoesNotStart("E (48) boot: No bootable app partitions in the partition table")
    if end > flash.size_bytes:
        raise DoesNotStart("E (40) flash_parts: partition table exceeds the flash chip's size")
    return application, end, named


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii", "replace")
