"""One simulated device: a real MicroPython process on its flash image, its board, and its power.

Cutting the power is SIGKILL, at once; flash keeps what was written, pins fall back to rest. Resets, deep sleep and the watchdog end
the process too, and the next one is told why it starts.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path

from simulator import console, interpreter
from simulator.air.wifi import Relay, Station
from simulator.boards import Board
from simulator.bridge import Bluetooth, Bridge, Supervisor
from simulator.errors import DeviceNotRunning
from simulator.events import Event, Log, happened

# machine.reset_cause() of the stock port
POWER_ON, HARD_RESET, WATCHDOG_RESET, DEEP_SLEEP, SOFT_RESET = 1, 2, 3, 4, 5
_WOKEN_BY_PIN, _WOKEN_BY_TIMER = 2, 4
_WAKE_LOOK_s = 0.05

TICK_s = 0.25
CONSOLE_LINES = 200
LONGEST_LINE_BYTES = 1 << 16


class Device:
    """A device of the house; made by House.add.

    name, kind, board: what it is (board has the parts: scale.board.plate, cuff.board.pneumatics …); image: its flash;
    powered, wifi: what one can switch; display: number and words, whose: initials and trend (1 rising, -1 falling) beside them;
    stops, console: what it said, newest last.
    """

    def __init__(
        self,
        name: str,
        board: Board,
        image: Path,
        micropython: tuple[str, ...],
        station: Station,
        relay: Relay,
        log: Log,
        bluetooth: Bluetooth | None = None,
    ) -> None:
        self.name = name
        self.kind = board.kind
        self.board = board
        self.image = image
        self.station = station
        self.relay = relay
        self.bluetooth = bluetooth
        self.display: tuple[str, str] = ("", "")
        self.whose: tuple[str, int] = ("", 0)
        self.stops: list[dict[str, object]] = []
        self.console: deque[str] = deque(maxlen=CONSOLE_LINES)
        self.flash_cut_at: int | None = None  # the flash operation at which a planned cut came
        self._micropython = micropython
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._server: asyncio.Server | None = None
        self._bridges: list[Bridge] = []
        self._watchdog: asyncio.TimerHandle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[Callable[[Event], bool], asyncio.Future[Event]]] = []
        self._memory = bytearray()
        self._cause = POWER_ON
        self._planned_cut = (0, 0)
        self._switching = asyncio.Lock()  # one start or end of the process at a time
        self._sleeps = 0
        self._wake_pin: int | None = None
        self._wake_level = 0
        self._woken_by = 0
        self.powered = False

    @property
    def wifi(self) -> bool:
        """Whether the device can hear the home's Wi-Fi; settable."""
        return self.station.in_reach

    @wifi.setter
    def wifi(self, on: bool) -> None:
        if on != self.station.in_reach:
            self.station.in_reach = on
            self.report("wifi", {"on": on})

    async def start(self) -> None:
        """Connect the device to the house and give it power."""
        loop = asyncio.get_running_loop()
        if self._server is None:
            await self.relay.start()
            self._server = await loop.create_server(self._connected, "127.0.0.1", 0)
        await self.restore_power()

    async def restore_power(self) -> None:
        """Give the device power; it starts from the beginning."""
        if self.powered:
            return
        self.powered = True
        async with self._switching:
            if not self.powered:  # cut again meanwhile
                return
            self._memory.clear()
            self.report("power", {"on": True})
            await self._launch(POWER_ON)

    async def cut_power(self) -> None:
        """Take the power away, now: no program is asked, no file is closed."""
        if not self.powered:
            return
        self.powered = False
        self._end_process()
        async with self._switching:
            await self._bury()
            self.board.lose_power()
            self.report("power", {"on": False})

    def cut_power_at_flash_operation(self, operation: int, torn_percent: int = 50) -> None:
        """Plan a power cut in the middle of the flash operation of that number, counted from the next start (1 is the first).

        torn_percent: how much of that erase or program still happens. An event "power" tells when it came; then restore_power().
        """
        self._planned_cut = (operation, torn_percent)

    async def stop(self) -> None:
        """Take the device out of the house; nothing of it is left running."""
        try:
            await self.cut_power()
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._server is not None:
                self._server.close()
                await self._server.wait_closed()
                self._server = None
            self.relay.close()

    async def wait_for(self, what: str, timeout_s: float, **facts: object) -> Event:
        """Return the next event of this device that is `what` and has these facts, for example wait_for("stop", 10, stop="receipted").

        Raises TimeoutError: it did not happen in time.
        """

        def fits(event: Event) -> bool:
            return event.what == what and all(event.facts.get(name) == value for name, value in facts.items())

        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        entry = (fits, future)
        self._waiting.append(entry)
        try:
            return await asyncio.wait_for(future, timeout_s)
        finally:
            self._waiting.remove(entry)

    def report(self, what: str, facts: dict[str, object]) -> None:
        """Log what happened to, in or beside this device."""
        event = happened(self.name, what, **facts)
        self._log(event)
        for fits, future in self._waiting:
            if not future.done() and fits(event):
                future.set_result(event)

    @property
    def process_id(self) -> int:
        """The process that runs the firmware. Raises DeviceNotRunning."""
        if self._process is None:
            raise DeviceNotRunning(self.name)
        return self._process.pid

    def _connected(self) -> Bridge:
        supervisor = Supervisor(
            born=lambda: bytes([self._cause, self._woken_by if self._cause == DEEP_SLEEP else 0]) + self._unique_id(),
            watchdog=self._feed,
            reset=self._reset,
            flash_cut=self._flash_cut,
            memory=self._memory,
            wake_on=self._wake_on,
            report=self.report,
            bluetooth=self.bluetooth,
        )
        bridge = Bridge(self.board, self.station, supervisor)
        self._bridges.append(bridge)
        return bridge

    def _unique_id(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()[:6]

    async def _launch(self, cause: int) -> None:
        assert self._server is not None  # noqa: S101 -- start() made it
        self._cause = cause
        port = self._server.sockets[0].getsockname()[1]
        cut_at, torn_percent = self._planned_cut
        self._planned_cut = (0, 0)
        command = await asyncio.to_thread(interpreter.device_command, self._micropython, port, self.image, cut_at, torn_percent)
        if not self.powered:  # cut while the interpreter was looked for
            return
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=interpreter.environment(),
            start_new_session=True,  # a Ctrl-C at the terminal is for us, not for the device
            limit=LONGEST_LINE_BYTES,
        )
        self._listener = self._later(self._listen(self._process))
        if self._ticking is None:
            self._tick()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Read the serial console until the process ends."""
        assert process.stdout is not None  # noqa: S101 -- PIPE above
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than any line of ours; the reader has dropped it
                continue
            if not line:
                break
            self._hear(line.decode("utf-8", "replace").rstrip("\r\n"))
        status = await process.wait()
        if self._process is process:
            self._process = None
            self.report("halted", {"status": status, "last": self.console[-1] if self.console else ""})

    def _hear(self, line: str) -> None:
        self.console.append(line)
        what, facts = console.parse(line)
        if what == "display":
            self.display = (str(facts["number"]), str(facts["words"]))
            self.whose = (str(facts["initials"]), int(str(facts["trend"])))
        elif what == "stop":
            self.stops.append(facts)
        self.report(what, facts)

    def _end_process(self) -> None:
        # not Process.kill(), which may reap a process that just ended before asyncio does
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _bury(self) -> None:
        """End the process, hear its last words, and forget all that belonged to it."""
        self._end_process()
        process, self._process = self._process, None
        for timer in (self._watchdog, self._ticking):
            if timer is not None:
                timer.cancel()
        self._watchdog = self._ticking = None
        if process is not None:
            await process.wait()
        if self._listener is not None:
            await asyncio.wait([self._listener])
            self._listener = None
        while self._bridges:
            self._bridges.pop().close()
        self.station.lose_power()
        if self.bluetooth is not None:
            self.bluetooth.lose_power()
        self.display, self.whose = ("", ""), ("", 0)

    async def _restart(self, cause: int, off_ms: int) -> None:
        """End the process and start the next one, as the chip's reset does."""
        async with self._switching:
            if not self.powered:
                return
            await self._bury()
            self.board.reset(cause == DEEP_SLEEP)
            self.report("reset", {"cause": cause, "off_ms": off_ms})
            if cause != DEEP_SLEEP:
                self._wake_pin = None
                await self._launch(cause)
                return
            self._sleeps = sleep = self._sleeps + 1
        self._woken_by = await self._sleep(off_ms / 1000 if off_ms else float("inf"))
        async with self._switching:
            if self.powered and self._process is None and self._sleeps == sleep:
                self._wake_pin = None
                await self._launch(cause)

    async def _sleep(self, longest_s: float) -> int:
        """Return why the deep sleep is over: its time, or the armed pin at its level (a level, not an edge, as ext0 has it)."""
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + longest_s
        while self.powered and now_s() < until_s:
            if self._wake_pin is not None:
                at_s = self.board.clock.now_s()
                if self.board.lines.read(self._wake_pin, at_s, 1.0) == self._wake_level:
                    return _WOKEN_BY_PIN
            await asyncio.sleep(min(_WAKE_LOOK_s if self._wake_pin is not None else 1.0, max(0.0, until_s - now_s())))
        return _WOKEN_BY_TIMER

    def _wake_on(self, pin: int | None, level: int) -> None:
        self._wake_pin, self._wake_level = pin, level

    def _reset(self, cause: int, off_ms: int) -> None:
        self._later(self._restart(cause, off_ms))

    def _flash_cut(self, operation: int) -> None:
        self.flash_cut_at = operation
        self._later(self.cut_power())

    def _feed(self, timeout_ms: int) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = asyncio.get_running_loop().call_later(timeout_ms / 1000, self._bite)

    def _bite(self) -> None:
        self._watchdog = None
        self._later(self._restart(WATCHDOG_RESET, 0))

    def _tick(self) -> None:
        self.board.tick()
        self._ticking = asyncio.get_running_loop().call_later(TICK_s, self._tick)

    def _later(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
