"""The folder of enrolled devices, watched: a file added, changed or taken away changes who may come in, within a second.

`*.json` are devices; of several with one serial number the one paired last is in force, and the others only name their old readings.
`*.staged` are devices that were told so in a pairing and have not yet used what they were told: they may come in, and nothing else.
`*.gone` are devices that were lost, sold or given away: they name their readings and never come in again, unless paired anew.
A file that cannot be used is named in the log, once for each of its contents, and the others go on.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from gateway.devices import Device, in_force, parse
from gateway.errors import BadEnrolment, NoRoom

_PAUSE_S = 1.0
_LARGEST_FILE_BYTES = 4096
_STAGED = ".staged"
_GONE = ".gone"

Seen = dict[str, tuple[int, int]]


class Enrolments:
    """The devices that the folder holds; `changed` is awaited with those in force whenever anything differs.

    devices: in force; former: of the same serial numbers, with older keys; staged: told in a pairing, and not heard of since.
    gone: lost, sold or given away.
    """

    def __init__(self, folder: Path, changed: Callable[[list[Device]], Awaitable[None]], log: FilteringBoundLogger) -> None:
        self._folder = folder
        self._changed = changed
        self._log = log
        self._seen: Seen | None = None
        self._news = asyncio.Event()
        self.devices: list[Device] = []
        self.former: list[Device] = []
        self.staged: list[Device] = []
        self.gone: list[Device] = []

    async def look(self) -> None:
        """Read the folder if it differs from the last look."""
        seen = _look(self._folder)
        if seen == self._seen:
            return
        self._seen = seen
        found = self._read(seen)
        enrolled = [device for name, device in found.items() if name.endswith(".json")]
        gone = [device for name, device in found.items() if name.endswith(_GONE)]
        staged = [device for name, device in found.items() if name.endswith(_STAGED)]
        devices = in_force(enrolled)
        if (devices, staged, gone) != (self.devices, self.staged, self.gone):
            self.devices, self.staged, self.gone = devices, staged, gone
            self.former = [device for device in enrolled if device not in devices]
            self._log.info("enrolment.changed", devices=len(devices), staged=len(staged))
            await self._changed(devices)

    async def run(self) -> None:
        """Look once a second, and at once after `promote`, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _PAUSE_S)
            self._news.clear()
            await self.look()

    def all_of(self, serial: str) -> list[Device]:
        """Return every device with a serial number, whatever its keys."""
        return [device for device in (*self.devices, *self.former, *self.staged) if device.serial == serial]

    async def stage(self, record: Mapping[str, str | int]) -> None:
        """Put a device aside on disk, in place of what was put aside of it before, and let it in. Raises NoRoom: the disk refuses."""
        path = self._folder / f"{record['kid']}{_STAGED}"
        try:
            _write(path, json.dumps(dict(record), indent=1) + "\n")
            for other in self.staged:
                if other.serial == record["serial"] and other.kid.hex() != record["kid"]:
                    (self._folder / f"{other.kid.hex()}{_STAGED}").unlink(missing_ok=True)
        except OSError as error:
            raise NoRoom(str(error)) from None
        await self.look()

    def promote(self, kid: bytes) -> bool:
        """Put a device that was aside into force; return whether it was. A disk that refuses is tried again at its next link."""
        if not any(device.kid == kid for device in self.staged):
            return False
        path = self._folder / f"{kid.hex()}{_STAGED}"
        try:
            path.rename(path.with_suffix(".json"))
            path.with_suffix(_GONE).unlink(missing_ok=True)  # it is back
            _sync(self._folder)
        except OSError as error:
            self._log.error("enrolment.unusable", file=path.name, cause=type(error).__name__)
            return False
        self._news.set()
        return True

    async def shut_out(self, serial: str) -> None:
        """Let a device with this serial number in no more, with none of its keys, from when this returns. Raises NoRoom: the disk refuses.

        None of its records is deleted: they name its readings.
        """
        try:
            for name, device in self._read(_look(self._folder)).items():
                if device.serial == serial and not name.endswith(_GONE):
                    (self._folder / name).rename(self._folder / f"{device.kid.hex()}{_GONE}")
            _sync(self._folder)
        except OSError as error:
            raise NoRoom(str(error)) from None
        await self.look()

    def _read(self, seen: Seen) -> dict[str, Device]:
        found: dict[str, Device] = {}
        for name in sorted(seen):
            try:
                device = parse(name, (self._folder / name).read_text(encoding="utf-8")[:_LARGEST_FILE_BYTES])
                alike = [known for other, known in found.items() if Path(other).suffix == Path(name).suffix]
                if any(known.link_key == device.link_key or known.kid == device.kid for known in alike):
                    raise BadEnrolment(name, "another file has its kid or link_key")
            except BadEnrolment as error:
                self._log.error("enrolment.unusable", file=error.path, cause=error.cause)
            except (OSError, UnicodeDecodeError) as error:  # taken away between the look and the reading, or no text
                self._log.error("enrolment.unusable", file=name, cause=type(error).__name__)
            else:
                found[name] = device
        return found


def _look(folder: Path) -> Seen:
    seen: Seen = {}
    for path in (*folder.glob("*.json"), *folder.glob(f"*{_STAGED}"), *folder.glob(f"*{_GONE}")):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        seen[path.name] = (found.st_mtime_ns, found.st_size)
    return seen


def _write(path: Path, text: str) -> None:
    """Put a file in place of another, on disk when this returns, readable by its owner only."""
    beside = path.with_suffix(".partial")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
