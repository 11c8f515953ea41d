"""The home secret: 32 random bytes from which every pseudonym and data key of this home is derived. It never leaves this file.

Lost, nothing sealed so far can be written under again or opened from home; so it is written once, synced, and never replaced.
"""

import os
import secrets
import stat
from pathlib import Path

from gateway.errors import FileUnusable

_BYTES = 32


def home_secret_in(folder: Path) -> bytes:
    """Return the home secret, made at the first start. Raises FileUnusable: unreadable, damaged, or open to others."""
    path = folder / "home.secret"
    try:
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(file, "wb") as made:
            made.write(secrets.token_bytes(_BYTES))
            made.flush()
            os.fsync(made.fileno())
        return _read(path)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner") from None


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileUnusable(path, "others may read it", "set its mode to 0600, and think about who could")
    secret = path.read_bytes()
    if len(secret) != _BYTES:
        raise FileUnusable(path, "it is damaged", "restore it from a backup; without it the home's keys cannot be derived")
    return secret
