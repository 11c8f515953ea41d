"""One board through one connection of the real esptool: recognise, erase, write, read back, verify, reset.

Run as a process of its own (`python -m tools.flashing`), so that a board which hangs can be given up and many boards can be flashed
at once. What to do comes as JSON on standard input; what happens goes out as JSON lines; esptool's own words go to standard error.

The order is the safety: keys and files of before are erased first, the file system's first two blocks come last, so a board that was
interrupted at any point starts no firmware of ours.
"""

import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import IO, Any

import esptool
import serial
from esptool.util import FatalError

from tools import build

BLOCK = build.BLOCK_BYTES
LEAST_FLASH_BYTES = 4 << 20
CHIP = "ESP32-S3"
_CONNECT_ATTEMPTS = 2
_PROGRESS = re.compile(r"(?:Writing at|Reading from) (0x[0-9a-f]+)[^%]*?([0-9.]+)%")
_ERASE_BYTES = 512 << 10
_KEYS = b"identity.cbor"


class Stopped(Exception):
    """The board cannot be flashed; `fault` is a name of tools/faults.py."""

    def __init__(self, fault: str, **facts: object) -> None:
        super().__init__(fault)
        self.fault = fault
        self.facts = facts


class _Words(io.TextIOBase):
    """esptool's output: kept on standard error, and its progress told."""

    def __init__(self, tell: Any, behind: IO[str]) -> None:
        self._tell = tell
        self._behind = behind
        self.step = ""

    def write(self, text: str) -> int:
        for found in _PROGRESS.finditer(text):
            self._tell(event="progress", step=self.step, percent=float(found[2]))
        self._behind.write(text)
        return len(text)

    def flush(self) -> None:
        self._behind.flush()

    def isatty(self) -> bool:
        return False


def run(plan: dict[str, Any], tell: Any, words: _Words) -> None:
    """Flash one board. Raises Stopped, and what esptool and pyserial raise."""
    micropython = Path(plan["micropython"]).read_bytes()
    loader = esptool.detect_chip(plan["port"], 115_200, plan["before"], connect_attempts=_CONNECT_ATTEMPTS)
    try:
        if loader.CHIP_NAME != CHIP:
            raise Stopped("wrong-chip", chip=loader.CHIP_NAME)
        mac = ":".join(f"{byte:02x}" for byte in loader.read_mac())
        tell(event="connected", chip=loader.CHIP_NAME, mac=mac)
        loader = loader.run_stub()
        if plan["baud"] != 115_200:
            loader.change_baud(plan["baud"])
        esptool.attach_flash(loader)
        flash_bytes = _flash_bytes(loader)
        tell(event="found", chip=loader.CHIP_NAME, mac=mac, flash_bytes=flash_bytes)
        if flash_bytes < LEAST_FLASH_BYTES:
            raise Stopped("small-flash", flash_megabytes=flash_bytes >> 20)
        files_at = plan["files_at"]
        files_bytes = (plan["files_end"] or flash_bytes) - files_at
        if _KEYS in loader.read_flash(files_at, 2 * BLOCK) and not plan["again"]:
            raise Stopped("holds-keys")
        image = build.image_bytes({name: bytes.fromhex(text) for name, text in plan["files"].items()}, files_bytes)
        _write(loader, micropython, image, files_at, tell, words)
        esptool.reset_chip(loader, plan["after"])
        tell(event="done", flash_bytes=flash_bytes)
    finally:
        with contextlib.suppress(Exception):  # a port that is gone cannot be closed properly either
            loader._port.close()


def _write(loader: Any, micropython: bytes, image: bytes, files_at: int, tell: Any, words: _Words) -> None:
    words.step = "erasing"
    tell(event="progress", step="erasing", percent=0.0)
    for at in range(0, len(image), _ERASE_BYTES):  # in pieces, so that progress is seen and a dead board noticed
        esptool.erase_region(loader, files_at + at, min(_ERASE_BYTES, len(image) - at))
        tell(event="progress", step="erasing", percent=100.0 * at / len(image))
    words.step = "writing MicroPython"
    esptool.write_flash(loader, [(0, micropython)], flash_size="keep", compress=True)
    words.step = "writing the firmware"
    runs = _runs(image)
    for at, data in [*(run for run in runs if run[0]), *(run for run in runs if not run[0])]:
        esptool.write_flash(loader, [(files_at + at, data)], flash_size="keep", compress=True)
    words.step = "reading back"
    for at, data in runs:
        tell(event="progress", step=words.step, percent=100.0 * at / runs[-1][0] if runs[-1][0] else 100.0)
        if loader.read_flash(files_at + at, len(data)) != data:
            raise Stopped("not-verified")
    esptool.verify_flash(loader, [(0, micropython), (files_at, image)], flash_size="keep")


def _runs(image: bytes) -> list[tuple[int, bytes]]:
    """Return the parts of an image that are not blank; the first two blocks, where a file system begins, are a part of their own."""
    runs: list[tuple[int, bytes]] = []
    blank = b"\xff" * BLOCK
    for at in range(0, len(image), BLOCK):
        block = image[at : at + BLOCK]
        if block == blank:
            continue
        if runs and runs[-1][0] + len(runs[-1][1]) == at and at != 2 * BLOCK:
            runs[-1] = runs[-1][0], runs[-1][1] + block
        else:
            runs.append((at, block))
    return runs


def _flash_bytes(loader: Any) -> int:
    said = esptool.detect_flash_size(loader) or "0MB"
    number, unit = said[:-2], said[-2]
    return int(number) << (20 if unit == "M" else 10)


def _fault(error: BaseException) -> dict[str, object]:
    """Return the name of what went wrong, from what esptool and pyserial say."""
    if isinstance(error, Stopped):
        return {"fault": error.fault, **error.facts}
    text = str(error)
    if isinstance(error, serial.SerialException | OSError) or "device disconnected" in text or "Could not open" in text:
        return {"fault": "cable", "said": text}
    if "Failed to connect" in text or "Failed to open" in text:
        return {"fault": "silent", "said": text}
    if "erif" in text or "digest" in text.lower():
        return {"fault": "not-verified", "said": text}
    return {"fault": "lost-answers", "said": text}


def main() -> int:
    lines = os.fdopen(os.dup(1), "w", buffering=1)

    def tell(**facts: object) -> None:
        lines.write(json.dumps(facts) + "\n")

    words = _Words(tell, sys.stderr)
    plan = json.loads(sys.stdin.readline())
    try:
        with contextlib.redirect_stdout(words):
            run(plan, tell, words)
    except (FatalError, serial.SerialException, OSError, Stopped, RuntimeError, StopIteration) as error:
        tell(event="failed", **_fault(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
