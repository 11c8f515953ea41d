"""The shelf of firmware: what `foyer device build --publish` laid into a folder, listed and handed out as it is.

The site vouches for nothing here: each release is signed by a key that no server holds, and whoever takes one checks it. A file that is no
whole release is not listed. Only names on the list are handed out, so no address leads anywhere else; a release whose roll-out has halted
(`outcomes.py`) is not.
"""

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol import manifest, shelf
from protocol.errors import ProtocolError

KINDS = shelf.KINDS
INTERPRETER = "micropython.bin"
PUBLIC_KEY = "release.pub"
FILES_AT = 0x200000  # where the stock table of an ESP32-S3 puts the file system


@dataclass(frozen=True)
class Release:
    """One release on the shelf. sha256: of the file, as hex; image: the name of its file system's image, or "" when there is none.

    news: what it brings, by language.
    """

    name: str
    kind: str
    version: str
    sequence: int
    bytes: int
    sha256: str
    image: str
    news: Mapping[str, str]


def on_shelf(folder: Path | None) -> list[Release]:
    """Return the releases in a folder, the newest of each kind first; none without a folder."""
    if folder is None or not folder.is_dir():
        return []
    found = [release for path in folder.glob("*.foyer") if (release := _read(path)) is not None]
    return sorted(found, key=lambda release: (KINDS.index(release.kind), -release.sequence))


def newest(releases: list[Release], kind: str) -> Release | None:
    """Return the newest release of a kind, or None."""
    return next((release for release in releases if release.kind == kind), None)


def offered(folder: Path | None, halted: Container[tuple[str, int]]) -> list[Release]:
    """Return the releases in a folder that have not halted, the newest of each kind first."""
    return [each for each in on_shelf(folder) if (each.kind, each.sequence) not in halted]


def file_of(folder: Path | None, name: str, halted: Container[tuple[str, int]] = ()) -> Path | None:
    """Return the path of a file that the shelf hands out, or None: there is none of that name, or its roll-out has halted."""
    if folder is None:
        return None
    names = {PUBLIC_KEY, INTERPRETER, shelf.NEWEST_FILE}
    for release in offered(folder, halted):
        names |= {release.name, release.image}
    return folder / name if name and name in names and (folder / name).is_file() else None


def install_manifest(folder: Path | None, kind: str, beside: str, halted: Container[tuple[str, int]] = ()) -> dict[str, object] | None:
    """Return what ESP Web Tools installs a kind from, or None when not everything for it is there; beside: the address of the files."""
    release = newest(offered(folder, halted), kind)
    if folder is None or release is None or not release.image or not (folder / INTERPRETER).is_file():
        return None
    parts = [{"path": f"{beside}/{INTERPRETER}", "offset": 0}, {"path": f"{beside}/{release.image}", "offset": FILES_AT}]
    return {
        "name": f"Foyer {kind}",
        "version": release.version,
        "new_install_prompt_erase": True,
        "new_install_improv_wait_time": 20,
        "builds": [{"chipFamily": "ESP32-S3", "parts": parts}],
    }


def _read(path: Path) -> Release | None:
    """Return what a release file says of itself, or None when it is none."""
    try:
        data = path.read_bytes() if path.stat().st_size <= shelf.MAX_RELEASE_BYTES else b""
        _, known, at = shelf.look(data)
        kind = shelf.kind_of(known)
        shelf.cut(known, data[at:])
    except (OSError, ProtocolError):
        return None
    sequence = known[manifest.SEQUENCE]
    assert isinstance(sequence, int)  # noqa: S101  # as `manifest.decode` checked
    image = path.with_suffix("").name + "-files.bin"
    there = image if path.with_name(image).is_file() else ""
    news = {"en": str(known[manifest.ENGLISH]), "fr": str(known[manifest.FRENCH])}
    return Release(path.name, kind, str(known[manifest.NAME]), sequence, len(data), hashlib.sha256(data).hexdigest(), there, news)
