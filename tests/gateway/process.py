"""A real gateway process, its log read line by line, stopped or killed as the test wants."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


SILENT = "[discovery]\nannounce = false\n"  # a test says so when it wants to be found


def configure(folder: Path, more: str = "", messages_per_s: int = 100, **home: object) -> Path:
    """Write a configuration for a gateway on free ports of this machine; messages_per_s: of one address."""
    path = folder / "gateway.toml"
    extra = "".join(f"{key} = {json.dumps(value)}\n" for key, value in home.items())
    path.write_text(
        f'[home]\ndata = "data"\n{extra}[coap]\nbind = "127.0.0.1"\nport = 0\nmessages_per_s = {messages_per_s}\n'
        f'[page]\nbind = "127.0.0.1"\nport = 0\nhost_names = ["localhost", "127.0.0.1", "gateway.test"]\n'
        f"{'' if '[discovery]' in more else SILENT}{more}"
    )
    return path


class Gateway:
    """A running gateway and everything it has logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._more = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))
            self._more.set()
        self._more.set()

    async def event(self, name: str, timeout_s: float = 60.0, **facts: object) -> dict[str, Any]:
        """Return the first event of that name and facts, waiting for it."""
        async with asyncio.timeout(timeout_s):
            while True:
                for event in self.events:
                    if event["event"] == name and all(event.get(key) == value for key, value in facts.items()):
                        return event
                assert not self._reader.done(), f"ended without {name}: {self.events[-5:]}"
                self._more.clear()
                await self._more.wait()

    def count(self, name: str) -> int:
        return sum(1 for event in self.events if event["event"] == name)

    async def kill(self) -> None:
        self.process.kill()
        await self._ended()

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> int:
        async with asyncio.timeout(20):
            status = await self.process.wait()
            await self._reader
        return status


@asynccontextmanager
async def gateway(configuration: Path, *, ready: bool = True) -> AsyncIterator[Gateway]:
    """Run a gateway; it is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "--configuration", str(configuration)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    running = Gateway(process)
    try:
        if ready:
            await running.event("gateway.ready")
        yield running
    finally:
        if process.returncode is None:
            await running.kill()
        process._transport.close()  # type: ignore[attr-defined]  # asyncio leaves it to the garbage collector, with a warning


async def refusal(configuration: Path) -> tuple[int, str]:
    """Return the exit status and standard error of a gateway that does not start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "--configuration", str(configuration)),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        _, error = await process.communicate()
    return process.returncode or 0, error.decode()
