"""The signed readings that the home has not receipted yet: one small file each, on LittleFS.

A reading is in the outbox when `keep` has returned, and leaves it only through `forget` with the receipt's own sequence and digest.
Each file is written beside and renamed, and removed in one operation, so a power cut at any flash write leaves every reading either
kept or not, never half. A full outbox refuses what is new and says so; it drops nothing. One place beyond its capacity is kept for
the device's own word that it is full.
"""

import os
from collections import namedtuple

from micropython import const

from firmware.errors import OutboxFull, WrongReceipt
from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

FOLDER = "/state/outbox"
# A block of 4096 B each: 128 of them are half a megabyte, six hours of a babyphone's climate or a month of weights.
CAPACITY = const(128)
_UNREADABLE = ".bad"
_ENOSPC = const(28)

# kind: of the reading; digest8: first 8 bytes of the SHA-256 of what was signed; signed: the COSE_Sign1 bytes
Kept = namedtuple("Kept", ("sequence", "kind", "digest8", "signed"))


class Outbox:
    """The readings in `folder`, whose parent exists, oldest first."""

    def __init__(self, folder: str = FOLDER, capacity: int = CAPACITY):
        self._folder = folder
        self._capacity = capacity
        replacing.make_folder(folder)
        self._sequences = self._found()

    def __len__(self):
        return len(self._sequences)

    @property
    def room(self) -> int:
        """How many more readings fit, the device's own word that it is full among them."""
        return self._capacity + 1 - len(self._sequences)

    def sequences(self) -> list[int]:
        """Return the sequence numbers of what waits, oldest first."""
        return list(self._sequences)

    def check_room(self, reserve: bool = False) -> None:
        """Raises OutboxFull: one more would not fit. Asked before a measurement is announced. reserve: the last place may be taken."""
        if len(self._sequences) >= self._capacity + reserve:
            raise OutboxFull(capacity=self._capacity)

    def keep(self, sequence: int, kind: int, digest8: bytes, signed: bytes, reserve: bool = False) -> Kept:
        """Write a reading down; when this returns, it survives the loss of power.

        Raises OutboxFull (the flash itself may be full before the capacity is reached), or OSError when the flash refuses otherwise:
        then it is not kept, and the others are untouched.
        """
        self.check_room(reserve)
        try:
            replacing.replace(self._path(sequence), cbor.encode([sequence, kind, digest8, signed]))
        except OSError as error:
            if error.args[0] != _ENOSPC:
                raise
            raise OutboxFull(capacity=len(self._sequences)) from None
        self._sequences.append(sequence)
        return Kept(sequence, kind, digest8, signed)

    def read(self, sequence: int) -> Kept | None:
        """Return a kept reading, or None when its file cannot be understood; it is then set aside, never sent, never counted again."""
        path = self._path(sequence)
        try:
            fields = cbor.decode(replacing.read(path) or b"")
            if isinstance(fields, list) and len(fields) == 4 and fields[0] == sequence:
                return Kept(*fields)
        except ProtocolError:
            pass
        os.rename(path, path + _UNREADABLE)
        self._sequences.remove(sequence)
        return None

    def forget(self, kept: Kept, receipt_sequence: int, receipt_digest8: bytes) -> None:
        """Remove a reading that the home has committed. Raises WrongReceipt: the receipt is another's; nothing is removed."""
        if receipt_sequence != kept.sequence or receipt_digest8 != kept.digest8:
            raise WrongReceipt(expected=kept.sequence, got=receipt_sequence)
        os.remove(self._path(kept.sequence))
        self._sequences.remove(kept.sequence)

    def _path(self, sequence):
        return f"{self._folder}/{sequence:013d}"

    def _found(self):
        sequences = []
        for name in os.listdir(self._folder):
            if name.endswith(replacing.BESIDE):
                os.remove(f"{self._folder}/{name}")  # a cut came before the rename: this one was never announced as kept
            elif not name.endswith(_UNREADABLE):
                sequences.append(int(name))
        sequences.sort()
        return sequences
