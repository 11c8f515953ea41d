"""A backup: everything a home is, in one file that only a passphrase opens; and a home made of it again, here or on another machine.

It holds the database as it stands at one moment, the enrolments, and the keys with the master key over them. It is a tar stream closed
piece by piece with AES-256-GCM under a key made of the passphrase by argon2id; each piece's number and whether it is the last are
part of its nonce, so that none can be left out, moved or added (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
Nothing is put in its place before the last piece was opened.

What was kept after the backup is not in it: such readings are brought back from the account if they had been sent, and come again if
their device still has them. No link key of a device is stored, so each introduces itself anew to the restored home (threats T17).
"""

import io
import os
import secrets
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.edges import households, safety
from gateway.edges.buffer import close_writer, open_both
from gateway.edges.master_key import put
from gateway.errors import FileUnusable

_MAGIC = b"Foyer backup 1\n"
_SALT_BYTES = 16
_PREFIX_BYTES = 7
_PIECE_BYTES = 1 << 20
_TAG_BYTES = 16
_FOLDERS = ("enrolments", "keys", "page")
_DATABASE = "home.db"
_MASTER_KEY = "master.key"
_LARGEST_MiB = 1 << 20  # whatever the home's own bound is: this writes a word
SHORTEST_PASSPHRASE = 12


def write(data: Path, master_key: Path, to: Path, passphrase: str) -> None:
    """Write a backup of the home in a folder. Raises FileUnusable: no home is there, or the file cannot be written."""
    if not (data / _DATABASE).exists():
        raise FileUnusable(data, "there is no home in it", "set home.data to the folder of the home")
    draft = to.with_name(f".{to.name}.draft")
    try:
        with tempfile.TemporaryDirectory(dir=data) as folder, _private(draft) as file:
            copy = Path(folder) / _DATABASE
            safety.copy_database(data / _DATABASE, copy)
            with _Closing(file, passphrase) as closing, tarfile.open(fileobj=closing, mode="w|") as tar:
                tar.add(copy, _DATABASE)
                if master_key.is_file():
                    tar.add(master_key, _MASTER_KEY)
                for name in _FOLDERS:
                    if (data / name).is_dir():
                        tar.add(data / name, name)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(to)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise FileUnusable(to, error.strerror or str(error), "make room, or choose another place") from None


def restore(backup: Path, data: Path, master_key: Path, passphrase: str) -> None:
    """Make the home of a backup in a folder where none is. Raises FileUnusable: there is one, or the backup cannot be opened.

    master_key: where the home's is to be; a backup from before homes had one brings none.
    """
    if data.exists() and any(data.iterdir()):
        raise FileUnusable(data, "it is not empty", "choose an empty folder with home.data, so that no home is overwritten")
    data.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{data.name}.", dir=data.parent))
    try:
        with backup.open("rb") as file:
            opening = _Opening(file, backup, passphrase)
            with tarfile.open(fileobj=opening, mode="r|") as tar:
                for member in _ours(tar, backup):
                    tar.extract(member, draft, filter="data")
            opening.finish()
        _want_back(draft / _DATABASE)
        for path in draft.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        _bring_out(draft / _MASTER_KEY, master_key)
        if data.exists():
            data.rmdir()
        draft.rename(data)
    except (OSError, tarfile.TarError) as error:
        raise FileUnusable(backup, str(error), "look whether it was copied whole") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _want_back(database: Path) -> None:
    """Have what the home sent after the backup brought back from the accounts. Raises FileUnusable: the database cannot be used."""
    writer, reader = open_both(database, _LARGEST_MiB)
    reader.close()
    writer.execute("BEGIN IMMEDIATE")
    households.want_back(writer)
    writer.execute("COMMIT")
    close_writer(writer)


def _bring_out(brought: Path, to: Path) -> None:
    """Put a home's master key where it belongs. Raises FileUnusable: another home's is there."""
    if not brought.exists():
        return
    secret = brought.read_bytes()
    if to.exists() and to.read_bytes() != secret:
        raise FileUnusable(to, "another home's master key is there", "choose another place with home.master_key, or move that one away")
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put(to, secret)
    brought.unlink()


def _ours(tar: tarfile.TarFile, backup: Path) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        parts = Path(member.name).parts
        alone = len(parts) == 1 and member.isfile()
        known = parts[0] in (_DATABASE, _MASTER_KEY) if alone else parts[:1] and parts[0] in _FOLDERS
        if not known or ".." in parts or not (member.isfile() or member.isdir()):
            raise FileUnusable(backup, f"it holds {member.name!r}, which no home has", "use a file that foyer gateway backup wrote")
        yield member


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _key(passphrase: str, salt: bytes) -> AESGCM:
    # argon2id, 64 MiB, three passes: the profile of argon2-cffi, as for the household's password
    return AESGCM(hash_secret_raw(passphrase.encode(), salt, 3, 65536, 4, 32, Type.ID))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">I?", number, last)


class _Closing(io.RawIOBase):
    """Takes a stream and writes it closed, piece by piece."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        super().__init__()
        salt, self._prefix = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_PREFIX_BYTES)
        self._cipher = _key(passphrase, salt)
        self._file = file
        self._held = bytearray()
        self._number = 0
        file.write(_MAGIC + salt + self._prefix)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # a tar stream writes bytes
        self._held += data
        while len(self._held) > _PIECE_BYTES:
            self._put(bytes(self._held[:_PIECE_BYTES]), last=False)
            del self._held[:_PIECE_BYTES]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._held), last=True)
        super().close()

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), piece, _MAGIC))
        self._number += 1


class _Opening(io.RawIOBase):
    """Gives the stream that was closed. Raises FileUnusable: another passphrase, or a piece that was changed or is missing."""

    def __init__(self, file: IO[bytes], path: Path, passphrase: str) -> None:
        super().__init__()
        self._file = file
        self._path = path
        head = file.read(len(_MAGIC) + _SALT_BYTES + _PREFIX_BYTES)
        if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + _SALT_BYTES + _PREFIX_BYTES:
            raise FileUnusable(path, "it is no backup of a home", "use a file that foyer gateway backup wrote")
        self._prefix = head[-_PREFIX_BYTES:]
        self._cipher = _key(passphrase, head[len(_MAGIC) : -_PREFIX_BYTES])
        self._held = b""
        self._number = 0
        self._next = file.read(_PIECE_BYTES + _TAG_BYTES)
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._held) < size):
            self._held += self._piece()
        given, self._held = (self._held, b"") if size < 0 else (self._held[:size], self._held[size:])
        return given

    def finish(self) -> None:
        """Open what is left, so that the last piece was seen."""
        while not self._ended:
            self._piece()

    def _piece(self) -> bytes:
        closed, self._next = self._next, self._file.read(_PIECE_BYTES + _TAG_BYTES)
        self._ended = not self._next
        try:
            piece = self._cipher.decrypt(_nonce(self._prefix, self._number, last=self._ended), closed, _MAGIC)
        except InvalidTag:
            step = "type the passphrase it was made with, or take another copy of it"
            raise FileUnusable(self._path, "the passphrase does not fit it, or it was damaged", step) from None
        self._number += 1
        return piece
