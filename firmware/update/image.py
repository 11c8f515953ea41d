"""MicroPython's own image, on a board with two application slots: laid into the one that does not run, and tried with its release.

The bootloader gives an image that is new one start (ESP-IDF's application rollback): unless it is kept in that start, the next one is the
image's of before. As long as its release has starts left, it is tried again; after that the release is given back with it. Written against
`esp32.Partition` as MicroPython documents it, and loaded only for a release that brings an image.
"""

import os
from hashlib import sha256

import machine
from esp32 import Partition
from micropython import const

from firmware.errors import UpdateRefused
from firmware.flash import replacing
from firmware.update import record
from firmware.update.record import Record
from firmware.update.slots import LOOKING, TRYING
from protocol import faults, updates

PATH = "/state/image"  # the application slot that is tried, by its label
_ERASE = const(6)
_BLOCK_BYTES = const(4096)
_PIECE_BYTES = const(512)


def beside(size: int):
    """Return the application slot that does not run. Raises UpdateRefused: there is none, or it is smaller than the image.

    Does not return when what runs is an image that nobody has kept, nor will: the next start is the image's of before.
    """
    if replacing.read(PATH) is not None and _runs():
        os.remove(PATH)
        machine.reset()
    running = Partition(Partition.RUNNING)
    try:
        other = running.get_next_update()
    except OSError:
        other = running
    if other.info()[4] == running.info()[4] or other.info()[3] < size:
        raise UpdateRefused(faults.UPDATE_OTHER_DEVICE, part="image")
    return other


def is_right_steps(slot, size: int, digest: bytes):
    """Yield, and return whether the slot begins with these bytes."""
    hashed, piece = sha256(), bytearray(_PIECE_BYTES)
    view = memoryview(piece)
    for at in range(0, size, _PIECE_BYTES):
        slot.readblocks(at // _BLOCK_BYTES, piece, at % _BLOCK_BYTES)
        hashed.update(view[: min(_PIECE_BYTES, size - at)])
        yield
    return hashed.digest() == digest


async def fetch(slot, size: int, digest: bytes, steps, download):
    """Return `start` once the image lies in its slot: it is there, or it comes from the home; steps, download: as in `fetching.py`.

    Raises UpdateRefused: what came is not what was signed.
    """
    if not await steps(is_right_steps(slot, size, digest)):
        await download((updates.name_of(digest).encode(),), size, Incoming(slot).take)
        if not await steps(is_right_steps(slot, size, digest)):
            raise UpdateRefused(faults.UPDATE_DAMAGED, path="image")
    replacing.replace(PATH, slot.info()[4].encode())
    return start


class Incoming:
    """An image that arrives piece by piece, each of a part of a block. Nobody starts what is not whole."""

    def __init__(self, slot):
        self._slot = slot
        self._at = 0

    def take(self, piece) -> None:
        """Write the next piece."""
        block, offset = self._at // _BLOCK_BYTES, self._at % _BLOCK_BYTES
        if not offset:
            self._slot.ioctl(_ERASE, block)
        self._slot.writeblocks(block, piece, offset)
        self._at += len(piece)


def start() -> bool:
    """Let the next start be the image's; return False: the bootloader would not start it."""
    try:
        _slot().set_boot()
    except (OSError, IndexError):
        return False
    return True


def keep() -> None:
    """The image has proved itself with its release."""
    Partition.mark_app_valid_cancel_rollback()
    os.remove(PATH)


def starts_again(slots, state: str) -> bool:
    """Return whether this start is to be followed by another, because it is the other image's turn; slots, state: as in `slots.py`."""
    if state == LOOKING or _runs():
        return False
    if state != TRYING or not start():
        last = record.load()
        record.save(Record(last.sequence if last else 0, updates.GIVEN_BACK, faults.UPDATE_IMAGE, 0))
        slots.give_back()
    return True


def _runs():
    return Partition(Partition.RUNNING).info()[4] == _slot().info()[4]


def _slot():
    return Partition.find(Partition.TYPE_APP, label=(replacing.read(PATH) or b"").decode())[0]
