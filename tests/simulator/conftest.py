"""What the simulator's tests share: a MicroPython, flash images, and an event loop in which waiting takes no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

import pytest
from littlefs import LittleFS

from simulator.clock import VirtualClock
from simulator.device import Device
from simulator.house import House
from tools import micropython

ROOT = Path(__file__).parents[2]

MakeImage = Callable[[Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def interpreter_command() -> tuple[str, ...]:
    """The command of a MicroPython, 32 bit where it was fetched."""
    found = micropython.find(ROOT / ".foyer/cache")
    if found is None:
        pytest.fail("MicroPython is not here: ./foyer test fetches it")
    return found.command


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Return a function that makes a flash image of 512 KiB with some text files."""

    def make(files: Mapping[str, str]) -> Path:
        system = LittleFS(
            block_size=4096, block_count=128, read_size=32, prog_size=32, cache_size=128, lookahead_size=32, disk_version=0x00020001
        )
        for name, text in files.items():
            with system.open(name, "wb") as file:
                file.write(text.encode())
        path = tmp_path / "made.flash"
        path.write_bytes(bytes(system.context.buffer))
        return path

    return make


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting lets the clock jump."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self._clock.advance(timeout)
        return ready


@pytest.fixture
def in_virtual_time() -> Callable[[Callable[[VirtualClock], Coroutine[None, None, None]]], None]:
    """Return a function that runs a coroutine function, which is given a clock, in a loop whose time is that clock's."""

    def run(work: Callable[[VirtualClock], Coroutine[None, None, None]]) -> None:
        clock = VirtualClock(1000.0)
        loop = asyncio.SelectorEventLoop(_JumpingSelector(clock))
        loop.time = clock.now_s  # type: ignore[method-assign]
        try:
            loop.run_until_complete(work(clock))
        finally:
            loop.close()

    return run


class Bench:
    """A house in which small programs run as devices; `run` returns what one printed up to the line "end"."""

    def __init__(self, directory: Path, command: tuple[str, ...], make: MakeImage) -> None:
        self.directory = directory
        self.command = command
        self._make = make

    def run(self, kind: str, program: str, work: Callable[[Device], Coroutine[None, None, None]] | None = None) -> list[str]:
        """Run a program on a board of that kind until it prints "end", or while `work` does something with it."""
        return asyncio.run(self._run(kind, program, work))

    async def _run(self, kind: str, program: str, work: Callable[[Device], Coroutine[None, None, None]] | None) -> list[str]:
        async with House(self.directory, self.command, seed=3) as house:
            device = house.add("tried", kind, self._make({"main.py": program}), ("127.0.0.1", 9))
            ended = asyncio.ensure_future(device.wait_for("console", 20, line="end"))
            await device.start()
            if work is None:
                await ended
            else:
                await work(device)
                ended.cancel()
            return list(device.console)


@pytest.fixture
def bench(tmp_path: Path, interpreter_command: tuple[str, ...], make_image: MakeImage) -> Bench:
    """A place to run small MicroPython programs as devices."""
    return Bench(tmp_path / "house", interpreter_command, make_image)
