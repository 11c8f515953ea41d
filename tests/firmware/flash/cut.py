"""A flash chip in memory whose power fails at a chosen operation, and lives of device code upon it. Runs in MicroPython only.

The chip keeps NOR's rules: an erase lifts a block of 4096, a program clears bits. An operation that is cut happens to its first part
only, at 0, 50 or 100 percent, or leaves garbage in what it touched. After the cut every operation fails, as for a chip without supply.
"""

import os

import vfs

_BLOCK = 4096
_IO_ERROR = -5


class CutFlash:
    """A chip over `memory`; cut_at: the number of the operation that is cut, 0 for none; torn: 0, 50, 100 or "garbage"."""

    def __init__(self, memory, cut_at=0, torn=100):
        self._memory = memory
        self._view = memoryview(memory)
        self._cut_at = cut_at
        self._torn = torn
        self._ones = b"\xff" * _BLOCK
        self.operations = 0
        self.dead = False

    def readblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        buf[:] = self._view[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        size = self._share(len(buf), at)
        if self._memory[at : at + size] == self._ones[:size]:
            self._view[at : at + size] = memoryview(buf)[:size]
            return _IO_ERROR if self.dead else 0
        for index in range(size):
            self._memory[at + index] &= buf[index]
        return _IO_ERROR if self.dead else 0

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self._memory) // _BLOCK
        if operation == 5:
            return _BLOCK
        if operation == 6:
            at = argument * _BLOCK
            size = self._share(_BLOCK, at)
            if size:
                self._view[at : at + size] = memoryview(self._ones)[:size]
            return _IO_ERROR if self.dead else 0
        return 0

    def _share(self, size, at):
        """Return how many bytes of this operation happen."""
        if self.dead:
            return 0
        self.operations += 1
        if self.operations != self._cut_at:
            return size
        self.dead = True
        if self._torn == "garbage":
            for index in range(0, size, 3):
                self._memory[at + index] &= 0x5A
            return 0
        return size * self._torn // 100


def fresh(blocks=32):
    """Return the memory of a formatted chip."""
    memory = bytearray(b"\xff" * (blocks * _BLOCK))
    vfs.VfsLfs2.mkfs(CutFlash(memory))
    return memory


def mounted(chip, use):
    """Return what `use(folder)` returns with the chip mounted, or None when the power failed within."""
    try:
        vfs.mount(vfs.VfsLfs2(chip, progsize=32, readsize=32, lookahead=32), "/cut")
    except OSError:
        if chip.dead:
            return None
        raise
    try:
        return use("/cut")
    except OSError:
        if chip.dead:
            return None
        raise
    finally:
        vfs.umount("/cut")


def campaign(prepare, live, check, torn_kinds=(0, 50, 100, "garbage")):
    """Cut the power at every operation of `live`, each torn in every way; return how many cuts were tried.

    prepare(folder) fills a fresh chip; live(folder, told) does the work and appends to `told` what it has announced;
    check(folder, told, label) looks at what a restart finds.
    """
    start = fresh()
    mounted(CutFlash(start), prepare)
    whole = CutFlash(bytearray(start))
    mounted(whole, lambda folder: live(folder, []))
    tried = 0
    for cut_at in range(1, whole.operations + 1):
        for torn in torn_kinds:
            _cut_once(bytearray(start), cut_at, torn, live, check)
            tried += 1
    return tried


def _cut_once(memory, cut_at, torn, live, check):
    told = []
    mounted(CutFlash(memory, cut_at, torn), lambda folder: live(folder, told))
    mounted(CutFlash(memory), lambda folder: check(folder, told, f"cut at {cut_at}, torn {torn}"))


def names(folder):
    """Return what lies in a folder, sorted."""
    return sorted(os.listdir(folder))
