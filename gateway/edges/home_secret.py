"""The home secret: 32 random bytes from which every pseudonym and data key of this home is derived. It never leaves this file.

Lost, nothing sealed so far can be written under again or opened from home; so it is written once, synced, and never replaced. Stolen,
with the gateway or a backup, it is followed by another (`home.secret.1`, …), under which everything is sealed from then on; the ones
before serve to withdraw what they sealed.
"""

import contextlib
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
        with contextlib.suppress(FileExistsError):
            _make(path)
        return _read(path)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner") from None


def home_secrets_in(folder: Path) -> list[bytes]:
    """Return every home secret, the oldest first; the first is made at the first start. Raises FileUnusable like `home_secret_in`."""
    secrets_ = [home_secret_in(folder)]
    while (path := folder / f"home.secret.{len(secrets_)}").exists():
        secrets_.append(_read(path))
    return secrets_


def another_home_secret_in(folder: Path) -> int:
    """Make the next home secret, because the last may be known to somebody else; return its number."""
    number = len(home_secrets_in(folder))
    _make(folder / f"home.secret.{number}")
    return number


def _make(path: Path) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(secrets.token_bytes(_BYTES))
        made.flush()
        os.fsync(made.fileno())


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileUnusable(path, "others may read it", "set its mode to 0600, and think about who could")
    secret = path.read_bytes()
    if len(secret) != _BYTES:
        raise FileUnusable(path, "it is damaged", "restore it from a backup; without it the home's keys cannot be derived")
    return secret
