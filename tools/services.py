"""The programs of a household as processes: started, listened to, killed, stopped, and none left behind.

Each writes JSON lines on its standard output; they are kept in a log file and handed on as they come. A process that outlives
this one is a fault, so the kernel is asked to end them with it.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Facts = Mapping[str, object]

_PR_SET_PDEATHSIG = 1


class ServiceFailed(Exception):
    """A program ended or kept silent when it should have said that it is ready; the message names it and its last word."""


class PortTaken(Exception):
    """A port that is needed belongs to another program; the message says which."""


class Service:
    """One program: its command, its log, and what it has said since it was last started."""

    def __init__(self, name: str, command: Sequence[str], log: Path, hear: Callable[[Facts], None] = lambda _: None) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.said: list[Facts] = []
        self._hear = hear
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._plain: list[str] = []

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.running else None

    async def start(self, ready: str, timeout_s: float = 60.0) -> Facts:
        """Start the program and return the facts of its event `ready`. Raises ServiceFailed: it ended, or did not say so in time."""
        self.said = []
        self._plain = []
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self._listening = asyncio.create_task(self._listen(self._process))
        try:
            return await self.wait_for(lambda facts: facts.get("event") == ready, timeout_s)
        except ServiceFailed:
            await self.stop()
            raise

    async def wait_for(self, wanted: Callable[[Facts], bool], timeout_s: float) -> Facts:
        """Return the first thing said, since the start, that is wanted. Raises ServiceFailed: it did not come."""
        end = time.monotonic() + timeout_s
        seen = 0
        async with self._news:
            while True:
                for facts in self.said[seen:]:
                    if wanted(facts):
                        return facts
                seen = len(self.said)
                if self._process is None or (self._process.returncode is not None and self._listening and self._listening.done()):
                    raise ServiceFailed(f"The {self.name} ended before it was ready: {self.last_word()}")
                left_s = end - time.monotonic()
                if left_s <= 0:
                    raise ServiceFailed(f"The {self.name} did not answer within {timeout_s:.0f} s: its log is {self.log}.")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), min(left_s, 1.0))

    def last_word(self) -> str:
        """Return the last line in plain words, or the last event's facts, that the program left."""
        if self._plain:
            return self._plain[-1]
        return json.dumps(self.said[-1]) if self.said else f"it said nothing; its log is {self.log}."

    async def stop(self, timeout_s: float = 15.0) -> None:
        """Ask the program to end, wait, and make it end if it does not."""
        await self._end(signal.SIGTERM, timeout_s)

    async def kill(self) -> None:
        """End the program as `kill -9` does."""
        await self._end(signal.SIGKILL, 15.0)

    async def _end(self, sign: signal.Signals, timeout_s: float) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            # Not process.send_signal(): it looks whether the child has ended, and then takes that news from asyncio.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, sign)
            try:
                await asyncio.wait_for(process.wait(), timeout_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        # What it started in its own session goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if self._listening:
            await self._listening
        self._process = None

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise ServiceFailed(f"The {self.name} has no output to listen to.")
        with self.log.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").strip()
                if not text:
                    continue
                try:
                    facts = json.loads(text)
                except ValueError:
                    facts = None
                async with self._news:
                    if isinstance(facts, dict):
                        self.said.append(facts)
                        self._hear(facts)
                    else:
                        self._plain.append(text)
                    self._news.notify_all()
        await process.wait()
        async with self._news:
            self._news.notify_all()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that are free, for TCP and UDP, at this moment."""
    found: list[int] = []
    held: list[socket.socket] = []
    try:
        while len(found) < count:
            tcp = socket.socket()
            held.append(tcp)
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            if _is_free(port, socket.SOCK_DGRAM):
                found.append(port)
    finally:
        for each in held:
            each.close()
    return found


def require_free(port: int, words: str) -> None:
    """Raises PortTaken: another program has this port, which is needed for `words`."""
    if not (_is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM)):
        raise PortTaken(
            f"Port {port}, for {words}, is taken by another program: stop that program, or choose other ports with --first-port."
        )


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def end_with_parent() -> None:
    """In a child, before its program starts: be ended when the parent ends (Linux; elsewhere the parent's own stop must do)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
