"""The folder of enrolled devices, watched: a file added, changed or taken away changes who may come in, within a second.

A file that cannot be used is named in the log, once for each of its contents, and the others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from gateway.devices import Device, parse
from gateway.errors import BadEnrolment

_PAUSE_S = 1.0
_LARGEST_FILE_BYTES = 4096

Seen = dict[str, tuple[int, int]]


class Enrolments:
    """The devices that the folder holds; `changed` is awaited with all of them whenever they differ."""

    def __init__(self, folder: Path, changed: Callable[[list[Device]], Awaitable[None]], log: FilteringBoundLogger) -> None:
        self._folder = folder
        self._changed = changed
        self._log = log
        self._seen: Seen | None = None
        self.devices: list[Device] = []

    async def look(self) -> None:
        """Read the folder if it differs from the last look."""
        seen = _look(self._folder)
        if seen == self._seen:
            return
        self._seen = seen
        devices = self._read(seen)
        if devices != self.devices:
            self.devices = devices
            self._log.info("enrolment.changed", devices=len(devices))
            await self._changed(devices)

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            await self.look()

    def _read(self, seen: Seen) -> list[Device]:
        devices: list[Device] = []
        for name in sorted(seen):
            try:
                device = parse(name, (self._folder / name).read_text(encoding="utf-8")[:_LARGEST_FILE_BYTES])
                if any(known.link_key == device.link_key or known.kid == device.kid for known in devices):
                    raise BadEnrolment(name, "another file has its kid or link_key")
            except BadEnrolment as error:
                self._log.error("enrolment.unusable", file=error.path, cause=error.cause)
            except (OSError, UnicodeDecodeError) as error:  # taken away between the look and the reading, or no text
                self._log.error("enrolment.unusable", file=name, cause=type(error).__name__)
            else:
                devices.append(device)
        return devices


def _look(folder: Path) -> Seen:
    seen: Seen = {}
    for path in folder.glob("*.json"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        seen[path.name] = (found.st_mtime_ns, found.st_size)
    return seen
