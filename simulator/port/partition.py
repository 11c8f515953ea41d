"""Stand-in for `esp32.Partition`: two application slots in a flash of their own, and ESP-IDF's bootloader with application rollback.

The first two blocks hold which slot starts, as ESP-IDF's `otadata` does: two entries, the higher number counts, each with a state. An image
that is started for the first time is on trial, and one whose trial another start finds unended is never started again. Without that flash
there is one slot, as in the stock table. Not modelled: encryption, secure boot, a factory slot beside two others.
"""

import struct
from hashlib import sha256

from micropython import const

BLOCK_BYTES = const(4096)
_OTADATA_BLOCKS = const(2)
_ENTRY = "<I20sI"  # number, label, state; then the number's check
_NEW, _PENDING, _VALID, _ABORTED = 0, 1, 2, 4
_ONE_SLOT = ("factory", 0x00, 0x10000, 0x1F0000)
_NOT_VALID = const(0x1503)  # ESP_ERR_OTA_VALIDATE_FAILED
_NO_ENTRY = const(2)

_chip = None
_blocks = 0  # of one slot
_running = 0


def boot(chip):
    """Start as the bootloader does, with the slots in `chip`, a block device: choose one, and say in its entry that it was."""
    global _chip, _blocks, _running
    _chip, _blocks = chip, (chip.ioctl(4, 0) - _OTADATA_BLOCKS) // 2
    for _ in range(3):
        at = _active()
        if at is None:
            _running = 0
            return
        number, state = _entry(at)
        _running = (number - 1) % 2
        if state == _PENDING or not _is_image(_running):
            _write(at, number, _ABORTED)
            continue
        if state == _NEW:
            _write(at, number, _PENDING)
        return


class Partition:
    """A part of the flash; id: its label, BOOT or RUNNING."""

    BOOT = const(0)
    RUNNING = const(1)
    TYPE_APP = const(0)
    TYPE_DATA = const(1)

    def __init__(self, id, block_size=BLOCK_BYTES):  # noqa: A002, ARG002 -- the stock port's name
        if id == self.BOOT:
            at = _active() if _chip else None
            id = _labels()[0 if at is None else (_entry(at)[0] - 1) % 2]  # noqa: A001
        elif id == self.RUNNING:
            id = _labels()[_running]  # noqa: A001
        if id not in _labels():
            raise OSError(_NO_ENTRY)
        self._slot = _labels().index(id)
        self._first = _OTADATA_BLOCKS + self._slot * _blocks

    @classmethod
    def find(cls, type=TYPE_APP, subtype=0xFF, label=None, block_size=BLOCK_BYTES):  # noqa: A002, ARG003
        """Return the partitions of a type."""
        if type != cls.TYPE_APP:
            return []
        found = [cls(each) for each in _labels() if label in (None, each)]
        return [each for each in found if subtype in (0xFF, each.info()[1])]

    def info(self):
        """Return type, subtype, address, bytes, label, and whether it is encrypted."""
        if not _chip:
            label, subtype, at, size = _ONE_SLOT
            return (0, subtype, at, size, label, False)
        size = _blocks * BLOCK_BYTES
        return (0, 0x10 + self._slot, 0x10000 + self._slot * size, size, _labels()[self._slot], False)

    def readblocks(self, block, buf, offset=0):
        """Fill `buf`."""
        _chip.readblocks(self._at(block, len(buf), offset), buf, offset)

    def writeblocks(self, block, buf, offset=None):
        """Program bytes; without an offset the blocks are erased first."""
        at = self._at(block, len(buf), offset or 0)
        if offset is None:
            for number in range((len(buf) + BLOCK_BYTES - 1) // BLOCK_BYTES):
                _done(_chip.ioctl(6, at + number))
        _done(_chip.writeblocks(at, buf, offset or 0))

    def ioctl(self, operation, argument):
        """Answer how many blocks there are, of what size, or erase one."""
        if operation == 4:
            return _blocks
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            _done(_chip.ioctl(6, self._at(argument, BLOCK_BYTES, 0)))
        return 0

    def set_boot(self):
        """Let the next start be this partition's, on trial. Raises OSError: it holds no image."""
        if not _chip:
            return
        if not _is_image(self._slot):
            raise OSError(_NOT_VALID, "ESP_ERR_OTA_VALIDATE_FAILED")
        at = _active()
        number = 0 if at is None else _entry(at)[0]
        number += 1
        while (number - 1) % 2 != self._slot:
            number += 1
        _write(0 if at is None else 1 - at, number, _NEW)

    def get_next_update(self):
        """Return the application slot after this one. Raises OSError: there is none."""
        if not _chip:
            raise OSError(_NO_ENTRY)
        return Partition(_labels()[1 - self._slot])

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        """The image that runs is good."""
        at = _active() if _chip else None
        if at is not None and _entry(at)[1] != _VALID and (_entry(at)[0] - 1) % 2 == _running:
            _write(at, _entry(at)[0], _VALID)

    def _at(self, block, size, offset):
        if block < 0 or block * BLOCK_BYTES + offset + size > _blocks * BLOCK_BYTES:
            raise OSError(22)
        return self._first + block


def _labels():
    return ("ota_0", "ota_1") if _chip else _ONE_SLOT[:1]


def _active():
    """Return which of the two entries counts, or None."""
    counting = [(_entry(at)[0], at) for at in (0, 1) if _entry(at)]
    return max(counting)[1] if counting else None


def _entry(at):
    """Return number and state of an entry, or None: it is broken, or its image was given up."""
    data = bytearray(32)
    _chip.readblocks(at, data)
    number, _, state = struct.unpack_from(_ENTRY, data)
    (check,) = struct.unpack_from("<I", data, 28)
    return None if check != _check(number) or state not in (_NEW, _PENDING, _VALID) else (number, state)


def _write(at, number, state):
    """As ESP-IDF does: erased, then written."""
    _done(_chip.ioctl(6, at))
    data = struct.pack(_ENTRY, number, b"\xff" * 20, state) + struct.pack("<I", _check(number))
    _done(_chip.writeblocks(at, data, 0))


def _check(number):
    return struct.unpack("<I", sha256(struct.pack("<I", number)).digest()[:4])[0]  # ESP-IDF has a CRC-32 there


def _done(answer):
    if answer:
        raise OSError(-answer)


def _is_image(slot):
    """Whether a slot holds what the bootloader would start: a head, its segments, and the SHA-256 of all before it."""
    part = Partition(_labels()[slot])
    end = _blocks * BLOCK_BYTES
    head = bytearray(24)
    part.readblocks(0, head)
    if head[0] != 0xE9 or head[23] != 1:
        return False
    at, segment = 24, bytearray(8)
    for _ in range(head[1]):
        if at + 8 > end:
            return False
        _read(part, at, segment)
        at += 8 + struct.unpack_from("<I", segment, 4)[0]
    at = (at + 16) // 16 * 16  # with the checksum's byte
    if at + 32 > end:
        return False
    hashed, piece, done = sha256(), bytearray(256), 0
    while done < at:
        _read(part, done, piece)
        hashed.update(memoryview(piece)[: min(256, at - done)])
        done += 256
    digest = bytearray(32)
    _read(part, at, digest)
    return hashed.digest() == bytes(digest)


def _read(part, at, buf):
    """Fill `buf` from a place, over the ends of blocks."""
    view = memoryview(buf)
    done = 0
    while done < len(buf) and at + done < _blocks * BLOCK_BYTES:
        block, offset = divmod(at + done, BLOCK_BYTES)
        size = min(len(buf) - done, BLOCK_BYTES - offset)
        part.readblocks(block, view[done : done + size], offset)
        done += size
