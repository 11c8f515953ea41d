"""Tombstones outside the databases: empty files named by a digest, so that a restored backup brings nothing back.

Those inside the readings store stand in `readings.py`; both live 13 months, as long as backups and the queues of homes.
"""

from pathlib import Path

from cloud.readings import LAPSE_DAYS, tombstone_of


def note_outside(folder: Path, pseudonym: bytes) -> None:
    """Keep the tombstone of an erased pseudonym outside the databases."""
    (folder / tombstone_of(pseudonym).hex()).write_bytes(b"")


def outside(folder: Path, now_utc_s: int) -> set[bytes]:
    """Return the digests that are kept there, and throw away those that have served."""
    return {bytes.fromhex(path.name) for path in folder.iterdir() if _lives(path, now_utc_s)} if folder.is_dir() else set()


def _lives(path: Path, now_utc_s: int) -> bool:
    if path.stat().st_mtime < now_utc_s - LAPSE_DAYS * 86400:
        path.unlink()
        return False
    return True
