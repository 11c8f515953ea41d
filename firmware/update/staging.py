"""The other slot, made ready file by file: emptied, filled, read back. Nothing here takes effect; `Slots.commit` does that, once.

A power cut leaves a slot that is not whole, and that nobody starts. The next attempt at the same release goes on with the files that are
there and right; of another release's nothing is kept. Everything long is a generator: each step reads or writes a few hundred bytes.
"""

import os
from binascii import hexlify
from hashlib import sha256

from micropython import const

from firmware.errors import UpdateRefused
from firmware.flash import replacing
from protocol import cbor, cbor_decoding, errors, faults, manifest

LIST = "list.cbor"
RELEASE = "/release.cbor"
_IMAGE = "/state/image"  # as in `image.py`
_FOLDER = const(0x4000)
_PIECE_BYTES = const(512)
_HEAD_BYTES = const(9)
_BLOCK_BYTES = const(4088)  # of a file in a block of 4096: LittleFS keeps pointers beside it
_BLOCKS_OF_A_FOLDER = const(2)
_FOLDERS = const(40)  # blocks for a slot's folders, of which it has half as many
_INLINE_BYTES = const(256)  # what is smaller may lie in its folder's block
_SPARE_BLOCKS = const(16)  # the state file, its neighbour, and what LittleFS itself wants to breathe


def check_room(folder: str, opened, kept_free: int) -> None:
    """Raises UpdateRefused: the release does not fit. folder: the slot, whose content counts as free; kept_free: blocks for readings."""
    count, total, list_bytes, _ = opened.head[manifest.LIST]
    needed = (total + list_bytes) // _BLOCK_BYTES + count + 1 + _FOLDERS + kept_free + _SPARE_BLOCKS
    there = 0
    for path in _paths(folder, True):
        mode, *_, size = os.stat(path)[:7]
        if mode & _FOLDER:
            there += _BLOCKS_OF_A_FOLDER
        elif size > _INLINE_BYTES:
            there += size // _BLOCK_BYTES + 1
    _, _, _, free = os.statvfs(folder.rpartition("/")[0] or "/")[:4]
    if needed > free + there:
        raise UpdateRefused(faults.UPDATE_NO_ROOM, needed=needed, free=free)


def begin_steps(folder: str, opened):
    """Yield, and return whether an earlier attempt at this very release is in the slot; of another's nothing stays. Raises OSError."""
    _remove(_IMAGE)  # of an attempt that the power ended
    if (yield from _has_list_steps(folder, opened)):
        return True
    yield from empty_steps(folder)
    replacing.make_folder(folder)
    return False


def files(folder: str, opened):
    """Yield path, size and digest of each file that the slot's list names, one entry in memory at a time.

    Raises UpdateRefused: it is no list, or a path in it leads elsewhere.
    """
    count = opened.head[manifest.LIST][0]
    before, at = "", 0
    try:
        with open(f"{folder}/{LIST}", "rb") as listed:
            major, found, at = cbor_decoding._read_head(listed.read(_HEAD_BYTES), 0)
            if (major, found) != (4, count):
                raise errors.BadManifest(manifest.LIST, found)
            for _ in range(count):
                listed.seek(at)
                entry, size = cbor_decoding._item(listed.read(manifest.MAX_ENTRY_BYTES), 0, 1)
                before, length, digest = manifest.check_file(entry, before)
                at += size
                yield before, length, digest
    except errors.ProtocolError:
        raise UpdateRefused(faults.UPDATE_BROKEN, after=before) from None


def check_list(folder: str, opened) -> None:
    """Raises UpdateRefused: the list is none, or says of its files what the manifest does not."""
    size = 0
    for _, length, _ in files(folder, opened):
        size += length
    if size != opened.head[manifest.LIST][1]:
        raise UpdateRefused(faults.UPDATE_BROKEN, size=size)


def empty_steps(folder: str):
    """Yield, and remove everything below a folder, the list first: what is half emptied is no attempt at anything."""
    _remove(f"{folder}/{LIST}")
    for path in _paths(folder, True):
        try:
            os.remove(path)
        except OSError:
            os.rmdir(path)
        yield


def is_right_steps(path: str, size: int, digest: bytes):
    """Yield, and return whether a file is there, of this size and SHA-256."""
    try:
        if os.stat(path)[6] != size:
            return False
        hashed, piece = sha256(), bytearray(_PIECE_BYTES)
        view = memoryview(piece)
        with open(path, "rb") as file:
            while count := file.readinto(piece):
                hashed.update(view[:count])
                yield
    except OSError:
        return False
    return hashed.digest() == digest


def _has_list_steps(folder, opened):
    """Yield, and return whether the slot is begun for this release."""
    _, _, size, digest = opened.head[manifest.LIST]
    return (yield from is_right_steps(f"{folder}/{LIST}", size, digest))


def copy_steps(source: str, incoming):
    """Yield, and let a file arrive from the slot that runs."""
    piece = bytearray(_PIECE_BYTES)
    view = memoryview(piece)
    with open(source, "rb") as file:
        while count := file.readinto(piece):
            incoming.take(view[:count])
            yield
    incoming.finish()


class Incoming:
    """One file that arrives piece by piece: hashed, bounded, and in its place only when it is right."""

    def __init__(self, folder: str, path: str, size: int, digest: bytes):
        parts = path.split("/")
        for depth in range(1, len(parts)):
            replacing.make_folder(folder + "/" + "/".join(parts[:depth]))
        self._path = folder + "/" + path
        self._left = size
        self._digest = digest
        self._hash = sha256()
        self._file = open(self._path + replacing.BESIDE, "wb")

    def take(self, piece) -> None:
        """Write the next piece. Raises UpdateRefused: more came than the manifest says."""
        self._left -= len(piece)
        if self._left < 0:
            self.drop()
            raise UpdateRefused(faults.UPDATE_DAMAGED, path=self._path)
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> None:
        """Put the file in its place. Raises UpdateRefused: it is not what the manifest says."""
        if self._left or self._hash.digest() != self._digest:
            self.drop()
            raise UpdateRefused(faults.UPDATE_DAMAGED, path=self._path)
        self._file.close()
        os.rename(self._path + replacing.BESIDE, self._path)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._file.close()
        try:
            os.remove(self._path + replacing.BESIDE)
        except OSError:
            pass  # the flash refuses; the next attempt writes over it


def finish_steps(folder: str, opened, kind: str):
    """Yield, and say in the slot which release it is; then read everything back. Raises UpdateRefused: something is not as it must be."""
    head = opened.head
    known = {"kind": kind, "version": head[manifest.NAME], "sequence": head[manifest.SEQUENCE], "digest": hexlify(opened.digest).decode()}
    replacing.replace(folder + RELEASE, cbor.encode(known))
    count = 2
    for path, size, digest in files(folder, opened):
        if not (yield from is_right_steps(f"{folder}/{path}", size, digest)):
            raise UpdateRefused(faults.UPDATE_DAMAGED, path=path)
        count += 1
    for path in _paths(folder):
        count -= 1
        if path.endswith(replacing.BESIDE):
            os.remove(path)
            count += 1
        yield
    if count or not (yield from _has_list_steps(folder, opened)):
        raise UpdateRefused(faults.UPDATE_DAMAGED, path=folder)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # there was none


def _paths(folder, folders=False):
    """Yield every file below a folder, deepest first; with `folders` the folders below it too, each behind what is in it."""
    try:
        found = list(os.ilistdir(folder))
    except OSError:
        return
    for name, kind, *_ in found:
        path = f"{folder}/{name}"
        if kind == _FOLDER:
            yield from _paths(path, folders)
            if folders:
                yield path
        else:
            yield path
