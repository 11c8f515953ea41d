"""One key over the home's other keys: each of their files is closed under it, and it lies apart from them and from the database.

Whoever copies the data folder, or finds an old disk of it, has names and weights and no key: can write under no pseudonym, be this home to
no device, and vouch for no page. AES-256-GCM (NIST SP 800-38D) under a key of each file's own, by HKDF (RFC 5869) from the master key and
the file's name, so no file can stand in for another. PEM files are closed as PKCS #8 has it (RFC 8018), under a password made the same way.

The master key is held for as long as keys are read at the start, and wiped; what it opened stays in memory for as long as it is used.
Files in clear, from before there was a master key or made by provisioning before the first start, are closed when they are first read.
"""

import base64
import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import FileUnusable

BYTES = 32
_MAGIC = b"Foyer key 1\n"
_NONCE_BYTES = 12
_PEM_CLOSED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class MasterKey:
    """Closes and opens files of keys, until it is wiped at the end of `opened`."""

    def __init__(self, path: Path, secret: bytearray) -> None:
        self._path = path
        self._secret = secret

    def write(self, path: Path, secret: bytes) -> None:
        """Write a key into a file, closed. Raises OSError."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        put(path, _MAGIC + nonce + AESGCM(self._of(path.name)).encrypt(nonce, secret, _MAGIC + path.name.encode()))

    def read(self, path: Path) -> bytes:
        """Return the 32 bytes of key in a file; one in clear is closed from now on.

        Raises OSError. Raises FileUnusable: others may read it, or it was closed under another master key, or damaged.
        """
        alone(path)
        held = path.read_bytes()
        if len(held) == BYTES:
            self.write(path, held)
            return held
        with contextlib.suppress(InvalidTag, ValueError):
            if held.startswith(_MAGIC):
                nonce, closed = held[len(_MAGIC) :][:_NONCE_BYTES], held[len(_MAGIC) + _NONCE_BYTES :]
                return AESGCM(self._of(path.name)).decrypt(nonce, closed, _MAGIC + path.name.encode())
        step = f"put back the {self._path} that belongs to it, or restore the home from a backup"
        raise FileUnusable(path, "it is damaged, or closed under another master key", step)

    def password(self, name: str) -> bytes:
        """Return the password under which the PEM file of this name is closed."""
        return base64.b64encode(self._of(name))

    def _of(self, name: str) -> bytes:
        return HKDF(SHA256(), BYTES, None, b"Foyer key file " + name.encode()).derive(self._secret)


@contextlib.contextmanager
def opened(path: Path, data: Path) -> Iterator[MasterKey]:
    """Give the master key in a file, made at the first start of the home in `data`, and wipe it afterwards.

    Raises FileUnusable: it cannot be read or made, others may read it, or it is missing and keys are closed under it.
    """
    secret = bytearray(BYTES)
    try:
        if not path.exists():
            _make(path, data)
        alone(path)
        with path.open("rb", buffering=0) as file:
            if file.readinto(secret) != BYTES or file.read(1):
                raise FileUnusable(path, "it is damaged", "put back a copy of it, or restore the home from a backup")
        yield MasterKey(path, secret)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner, or choose another place") from None
    finally:
        secret[:] = bytes(BYTES)


def missing(path: Path, data: Path) -> FileUnusable | None:
    """Return what is wrong if there is no master key though keys are closed under one."""
    if path.exists() or not any(map(_is_closed, (*data.glob("keys/*"), *data.glob("page/*.key")))):
        return None
    return FileUnusable(
        path, f"it is missing, and the keys in {data} are closed under it", "put it back, or restore the home from a backup"
    )


def put(path: Path, content: bytes) -> None:
    """Write a file that is its owner's alone from its first byte, whole or not at all, whenever the power goes. Raises OSError."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def alone(path: Path) -> None:
    """Return if nobody but its owner may use a file. Raises FileUnusable, OSError."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileUnusable(path, "others may read it", "set its mode to 0600, and think about who could")


def is_closed_pem(pem: bytes) -> bool:
    """Return whether a PEM file holds a private key under a password."""
    return pem.startswith(_PEM_CLOSED)


def _make(path: Path, data: Path) -> None:
    wrong = missing(path, data)
    if wrong is not None:
        raise wrong
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put(path, secrets.token_bytes(BYTES))


def _is_closed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(len(_PEM_CLOSED))
    except OSError:
        return False
    return start.startswith(_MAGIC) or is_closed_pem(start)
