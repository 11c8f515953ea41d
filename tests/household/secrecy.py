"""A search of files for bytes that must not be there: the store, its write-ahead log, the broker's files, as they lie on the disk."""

from collections.abc import Iterable, Mapping
from pathlib import Path

WINDOW_BYTES = 16


def files_below(*folders: Path) -> list[Path]:
    """Return every file below the folders, journals and logs included."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def find(paths: Iterable[Path], secrets: Mapping[str, bytes]) -> list[str]:
    """Return "what in which file" for each secret that a file holds as it is, in hexadecimal, or (if long) any 16 bytes of it."""
    found = []
    for path in paths:
        contents = path.read_bytes()
        folded = contents.lower()
        for name, secret in secrets.items():
            if any(form in folded for form in (secret.lower(), secret.hex().encode())) or _any_window(secret, contents):
                found.append(f"{name} in {path.name}")
    return found


def _any_window(secret: bytes, contents: bytes) -> bool:
    return any(secret[start : start + WINDOW_BYTES] in contents for start in range(0, len(secret) - WINDOW_BYTES + 1, WINDOW_BYTES // 2))
