"""A technician's bench without hardware: boards on ports, in an event loop of their own, so that commands run as a person runs them."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from littlefs import LittleFS

from simulator.house import House
from simulator.usb import standin
from simulator.usb.board import BenchDevice
from tools import build

_T = TypeVar("_T")
ROOT = build.ROOT
MEGABYTE = 1 << 20
FILES_AT = 0x200000
CODE_BYTES = 40_000
PATIENCE_s = 300.0  # for one command, on a machine with other things to do; a command that hangs is what it finds


class BenchRoom:
    """Boards in a thread; `do` runs a coroutine there, `foyer` a command of ours here, while somebody at the bench presses buttons."""

    def __init__(self, folder: Path, micropython: tuple[str, ...]) -> None:
        self.folder = folder
        self.micropython_image = folder / "micropython.bin"
        self.micropython_image.write_bytes(standin.image(code_bytes=CODE_BYTES))
        self.records = folder / "records"
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.house = House(folder / "house", micropython, seed=5)
        self.do(self.house.__aenter__())

    def close(self) -> None:
        """Leave nothing running."""
        self.do(self.house.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, _T], timeout_s: float = PATIENCE_s) -> _T:
        """Do something at the bench."""
        return self.begin(work).result(timeout_s)

    def begin(self, work: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Begin to do something at the bench."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def board(self, name: str = "one", kind: str = "scale", megabytes: int = 8, gateway: tuple[str, int] = ("127.0.0.1", 9)) -> BenchDevice:
        """Put a blank board on the bench, in download mode."""
        blank = self.folder / f"{name}.blank"
        blank.write_bytes(b"\xff" * (megabytes * MEGABYTE))

        async def add() -> BenchDevice:
            made = self.house.add(name, kind, blank, gateway, make=BenchDevice)
            made.flash_bytes = megabytes * MEGABYTE
            made.hold_boot()
            await made.start()
            made.release_boot()
            return made

        device = self.do(add())
        blank.unlink()
        return device

    def files_of(self, device: BenchDevice) -> dict[str, bytes]:
        """Return the files on a device's flash, read by another LittleFS than the device's own, while the device is off."""
        runs = device.powered and not device.in_download_mode
        if runs:
            self.do(device.cut_power())
        try:
            return self._files_of(device)
        finally:
            if runs:
                self.do(device.restore_power())

    @staticmethod
    def _files_of(device: BenchDevice) -> dict[str, bytes]:
        with device.image.open("rb") as file:
            file.seek(FILES_AT)
            held = file.read()
        system = LittleFS(
            mount=False, block_size=4096, block_count=len(held) // 4096, read_size=32, prog_size=32, cache_size=128, lookahead_size=32
        )
        system.context.buffer[:] = held
        system.mount()
        found = {}
        for folder, _, names in system.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with system.open(path, "rb") as opened:
                    found[path.removeprefix("/")] = opened.read()
        return found

    def foyer(self, *arguments: object, timeout_s: float = PATIENCE_s, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run `foyer device …`."""
        command = [sys.executable, "-m", "tools.device", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, check=False, timeout=timeout_s)

    def flash(self, device: BenchDevice, *more: object, wait_s: float = 0) -> subprocess.CompletedProcess[str]:
        """Flash a board with the stand-in for MicroPython."""
        return self.foyer(*self._flashing(device, wait_s), *more)

    def _flashing(self, device: BenchDevice, wait_s: float) -> tuple[object, ...]:
        image = self.image_arguments(self.micropython_image)
        return "flash", "--kind", device.kind, "--port", device.port, *image, "--wait", wait_s

    def flash_pressing(self, device: BenchDevice, wait_s: float) -> tuple[int, str]:
        """Flash a board and press BOOT and RESET whenever the tool asks for it, and only then; return its status and what it said."""
        command = [sys.executable, "-u", "-m", "tools.device", *map(str, self._flashing(device, wait_s))]
        said = []
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                said.append(line)
                if "hold BOOT" in line:
                    self.do(device.to_download_mode())
        return running.returncode, "".join(said)

    @staticmethod
    def image_arguments(image: Path) -> tuple[object, ...]:
        """Return the arguments that name an image and vouch for it."""
        return "--firmware", image, "--sha256", standin.sha256(image.read_bytes())

    def provision(
        self, device: BenchDevice, *more: object, typed: str = "", patience_s: float = PATIENCE_s / 3
    ) -> subprocess.CompletedProcess[str]:
        """Provision a board into this bench's records; patience_s: less of it where silence is what is planned."""
        arguments = ("provision", "--port", device.port, "--records", self.records, "--patience", patience_s)
        return self.foyer(*arguments, *more, typed=typed)
