"""What a workshop keeps of each device it made: one JSON file a device, without any key that the device keeps to itself.

A record begins before its device is finished and says so (`finished` is null), so a cut in between is seen and made good: the device never
has keys that no record knows.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.faults import Fault


class Records:
    """A folder of records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, kid: str) -> dict[str, Any] | None:
        """Return the record of the device with this key, or None."""
        for path in sorted(self.folder.glob("FY-*.json")):
            record = _read(path)
            if record.get("kid") == kid:
                return record
        return None

    def of_serial(self, serial: str) -> dict[str, Any] | None:
        """Return the record of the device with this serial number, or None."""
        path = self.folder / f"{serial}.json"
        return _read(path) if path.exists() else None

    def write(self, record: Mapping[str, Any]) -> Path:
        """Put a record in place of the old one, whole or not at all. Raises Fault: the disk refuses."""
        path = self.folder / f"{record['serial']}.json"
        beside = path.with_suffix(".new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(json.dumps(dict(record), indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
        except OSError as error:
            raise Fault("cannot-write", file=path, reason=error.strerror) from None
        return path

    def drop_unfinished(self, chip: str) -> None:
        """Remove records and labels of a chip that were never finished: their keys are gone."""
        for path in self.folder.glob("FY-*.json"):
            record = _read(path)
            if record.get("chip") == chip and record.get("finished") is None:
                for leftover in (path, *self.folder.glob(f"{path.stem}.p*")):
                    leftover.unlink(missing_ok=True)


def now() -> str:
    """Return the time as records write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
