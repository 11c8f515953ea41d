"""The home secret: 32 random bytes from which every pseudonym and data key of this home is derived. It never leaves this file.

Lost, nothing sealed so far can be written under again or opened from home; so it is written once, synced, and never replaced. Stolen,
with the gateway or a backup, it is followed by another (`home.secret.1`, …), under which everything is sealed from then on; the ones
before serve to withdraw what they sealed. Each file is closed under the master key.
"""

import secrets
from pathlib import Path

from gateway.edges.master_key import BYTES, MasterKey
from gateway.errors import FileUnusable


def home_secrets_in(folder: Path, master: MasterKey) -> list[bytes]:
    """Return every home secret, the oldest first; the first is made at the first start.

    Raises FileUnusable: one is unreadable, damaged, or open to others.
    """
    if not _path(folder, 0).exists():
        another_home_secret_in(folder, master)
    known: list[bytes] = []
    while (path := _path(folder, len(known))).exists():
        known.append(_read(path, master))
    return known


def another_home_secret_in(folder: Path, master: MasterKey) -> int:
    """Make the next home secret, because the last may be known to somebody else; return its number. Raises FileUnusable."""
    number = 0
    while _path(folder, number).exists():
        number += 1
    try:
        master.write(_path(folder, number), secrets.token_bytes(BYTES))
    except OSError as error:
        raise FileUnusable(folder, error.strerror or str(error), "check its owner, and that its disk has room") from None
    return number


def _path(folder: Path, number: int) -> Path:
    return folder / (f"home.secret.{number}" if number else "home.secret")


def _read(path: Path, master: MasterKey) -> bytes:
    try:
        return master.read(path)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner") from None
