"""NOR flash as a file: bits only fall, an erase lifts 4096 bytes, and the power can go in the middle of either.

The file is the whole chip, from the bootloader at 0 on, and the same file that the device runs from afterwards. Each erase of a sector
and each program of a page counts as one operation.
"""

from collections.abc import Callable
from pathlib import Path

SECTOR_BYTES = 4096
PAGE_BYTES = 256


class PowerLost(Exception):
    """The power went in the middle of an operation; what was torn stays as it is."""


class NorFlash:
    """A chip of `size_bytes` in a host's file, which is made blank if it is not there.

    cut: asked at each operation for the share of it that still happens, 0..100 percent, or None for an operation with power.
    """

    def __init__(self, path: Path, size_bytes: int, cut: Callable[[], int | None] = lambda: None) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.cut = cut
        self.operations = 0
        if not path.exists():
            with path.open("wb") as file:
                for _ in range(size_bytes // 0x10000):
                    file.write(b"\xff" * 0x10000)
        self._file = path.open("r+b", buffering=0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, at: int, count: int) -> bytes:
        """Return `count` bytes; reads past the end wrap as the chip's address lines do not, so they are refused."""
        if not 0 <= at <= at + count <= self.size_bytes:
            raise ValueError(f"{count} bytes at {at:#x} are not on a chip of {self.size_bytes:#x} bytes")
        self._file.seek(at)
        return self._file.read(count)

    def erase(self, at: int, count: int) -> None:
        """Lift every bit of the sectors that `count` bytes at `at` touch. Raises PowerLost."""
        first, past = at // SECTOR_BYTES * SECTOR_BYTES, -(-(at + count) // SECTOR_BYTES) * SECTOR_BYTES
        self.read(first, past - first)
        for sector in range(first, past, SECTOR_BYTES):
            share = self._operation()
            self._put(sector, b"\xff" * (SECTOR_BYTES if share is None else SECTOR_BYTES * share // 100), share)

    def program(self, at: int, data: bytes) -> None:
        """Let bits fall: a bit that is 0 stays 0. Raises PowerLost."""
        done = 0
        while done < len(data):
            count = min(PAGE_BYTES - (at + done) % PAGE_BYTES, len(data) - done)
            share = self._operation()
            part = data[done : done + (count if share is None else count * share // 100)]
            old = self.read(at + done, len(part))
            fallen = int.from_bytes(old, "big") & int.from_bytes(part, "big")
            self._put(at + done, fallen.to_bytes(len(part), "big"), share)
            done += count

    def _operation(self) -> int | None:
        self.operations += 1
        return self.cut()

    def _put(self, at: int, data: bytes, share: int | None) -> None:
        self._file.seek(at)
        self._file.write(data)
        if share is not None:
            raise PowerLost
