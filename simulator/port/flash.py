"""The device's flash: a file with the rules of NOR flash, as the block device that MicroPython's VfsLfs2 mounts.

Bits only fall, an erase lifts a block of 4096. Nothing allocates after construction, because the garbage collector closes files
with the heap locked. Every erase and program counts as an operation, and the power can be cut in the middle of one.
"""

import struct

import wire
from micropython import const

BLOCK_BYTES = const(4096)
_SCRATCH_BYTES = const(128)


class FileFlash:
    """A flash image in a host's file of `size` bytes.

    cut_at: the operation at which the power goes, 0 for never; torn_percent: how much of that operation still happens.
    """

    def __init__(self, file, size, cut_at=0, torn_percent=50):
        self._file = file
        self._blocks = size // BLOCK_BYTES
        self._scratch = bytearray(_SCRATCH_BYTES)
        self._view = memoryview(self._scratch)
        self._ones = b"\xff" * _SCRATCH_BYTES
        self._cut_at = cut_at
        self._torn_percent = torn_percent
        self.operations = 0

    def readblocks(self, block, buf, offset=0):
        """Fill `buf` from a block."""
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        """Program bytes: a bit that is 0 stays 0."""
        size = len(buf)
        cut = self._counted()
        if cut:
            size = size * self._torn_percent // 100
        at = block * BLOCK_BYTES + offset
        done = 0
        scratch = self._scratch
        while done < size:
            part = size - done
            if part > _SCRATCH_BYTES:
                part = _SCRATCH_BYTES
            self._file.seek(at + done)
            self._file.readinto(scratch, part)
            for index in range(part):
                scratch[index] &= buf[done + index]
            self._file.seek(at + done)
            self._file.write(scratch, part)
            done += part
        if cut:
            self._lose_power()

    def ioctl(self, operation, argument):
        """Answer VfsLfs2's questions: size, erase; writes are on their way at once, so there is nothing to sync."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            cut = self._counted()
            part = BLOCK_BYTES * self._torn_percent // 100 if cut else BLOCK_BYTES
            self._file.seek(argument * BLOCK_BYTES)
            while part > 0:
                self._file.write(self._ones, part if part < _SCRATCH_BYTES else _SCRATCH_BYTES)
                part -= _SCRATCH_BYTES
            if cut:
                self._lose_power()
        return 0

    def _counted(self):
        self.operations += 1
        return self.operations == self._cut_at

    def _lose_power(self):
        struct.pack_into("<I", wire.OUT, 3, self.operations)
        wire.tell(wire.FLASH_CUT, 4)
        wire.halt()
