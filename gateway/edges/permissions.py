"""Who else on this machine could read the home's secrets: each file of keys and each database must be its owner's alone.

The home secret, the gateway's key for links, the page's keys and the broker's stand in files of their own, never in the database, and the
master key over them apart from both, so that a copy of the one is not a copy of the other.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

from gateway.configuration import Configuration
from gateway.errors import FileUnusable

_OTHERS = 0o077


def loose(settings: Configuration) -> list[FileUnusable]:
    """Return a sentence for each secret that others may read or write."""
    return [
        FileUnusable(path, f"others may use it: its mode is {_mode(path):04o}", f"run chmod {wanted:o} on it, and think about who could")
        for path, wanted in _secrets(settings)
        if _mode(path) & _OTHERS
    ]


def _secrets(settings: Configuration) -> Iterator[tuple[Path, int]]:
    """Yield each secret that is there, and the mode it should have."""
    data = settings.home.data
    for folder, pattern in ((data / "keys", "*"), (data / "page", "*.key"), (data, "home*.db*")):
        for path in sorted(folder.glob(pattern)):
            if path.is_file():
                yield path, 0o600
    for folder in (data / "keys", data / "page"):
        if folder.is_dir():
            yield folder, 0o700
    if settings.home.master_key_file.is_file():
        yield settings.home.master_key_file, 0o600
    if settings.broker is not None and settings.broker.key.is_file():
        yield settings.broker.key, 0o600


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
