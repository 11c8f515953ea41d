"""A device on a technician's bench: the house's device, started by its boot ROM from the flash that esptool wrote.

    device = house.add("bench", "scale", blank, gateway, make=BenchDevice)
    device.hold_boot(); await device.start(); device.release_boot()      # in download mode, on the port device.port
    await device.press_reset()                                           # starts what is in its flash

Its serial line is the boot ROM's in download mode, and the console and REPL of the real MicroPython afterwards. The image file is the whole
chip, from address 0 on.
"""

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from simulator import interpreter
from simulator.device import DEEP_SLEEP, HARD_RESET, LONGEST_LINE_BYTES, SOFT_RESET, Device
from simulator.usb import starting
from simulator.usb.bootrom import ESP32_S3, ROM_BAUD, BootRom
from simulator.usb.line import Cable, PtyLine
from simulator.usb.nor import NorFlash, PowerLost

_CTRL_C = 3
_STAY_RAW = 1  # simulator/port/attached.py sends it with a soft reset
# how MicroPython's unix port ends when Ctrl-C comes in the middle of a collection, where an ESP32 waits for its end: it starts anew
_HEAP_LOCKED = "memory allocation failed, heap is locked"
_BITE_s = 0.1
_TABLES = 1.025  # a heap's own tables, as in interpreter.py
_ROM_SAYS = b"ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\nrst:0x1 (POWERON),boot:0x%x (%s)\r\n"


class BenchDevice(Device):
    """A device with its cable. `chip`, `flash_bytes`: what the board is, to be set before it starts."""

    chip = ESP32_S3
    flash_bytes = 8 << 20

    # what a bench adds to a device; made in start(), because Device is made by the house
    _line: PtyLine | None = None
    _rom: BootRom | None = None
    _flash: NorFlash | None = None
    _pipe: int | None = None
    _early: bytearray | None = None  # came before MicroPython listens
    _baud: int | None = None  # None: taken from whoever speaks first
    _boot_held = False
    _raw = False
    _runs = False
    _operations = 0
    _cut_left = 0
    _cut_planned = False
    _torn_percent = 50
    _sends: Callable[[bytes], None] | None = None

    @property
    def port(self) -> Path:
        """The name under which the computer has the board."""
        return self.image.with_suffix(".port")

    @functools.cached_property
    def cable(self) -> Cable:
        """The cable and its faults."""
        return Cable(self._pulled)

    @property
    def in_download_mode(self) -> bool:
        """Whether the boot ROM waits for a download."""
        return self._rom is not None

    @property
    def flash_operations(self) -> int:
        """How many operations the flash has done so far, by whoever."""
        return self._operations

    def hold_boot(self) -> None:
        """Press the button BOOT and keep it pressed."""
        self._boot_held = True

    def release_boot(self) -> None:
        """Let go of the button BOOT."""
        self._boot_held = False

    async def press_reset(self) -> None:
        """Press the button RESET."""
        await self._restart(HARD_RESET, 0)

    async def to_download_mode(self) -> None:
        """Hold BOOT, press RESET, let go of BOOT."""
        self.hold_boot()
        await self.press_reset()
        self.release_boot()

    async def pull_cable(self) -> None:
        """Pull the cable: the port vanishes, and with it the board's power."""
        if self._line is not None:
            self._line.unplug()
        await self.cut_power()

    async def plug_in(self) -> None:
        """Put the cable in: the port appears, and the board starts."""
        if self._line is None:
            self._line = PtyLine(self.port, self._received)
        self._line.plug_in()
        await self.restore_power()

    def speak_through(self, send: Callable[[bytes], None] | None) -> Callable[[bytes], None]:
        """Let another line (see rfc2217.py) take the place of the pty; return where that line's bytes go."""
        self._sends = send
        return self._received

    async def start(self) -> None:
        if self._line is None:
            self._line = PtyLine(self.port, self._received)
        self._line.plug_in()
        await super().start()

    async def stop(self) -> None:
        if self._line is not None:
            self._line.unplug()
        await super().stop()

    def cut_power_at_flash_operation(self, operation: int, torn_percent: int = 50) -> None:
        """Plan a power cut in the middle of the flash operation of that number from now on, the boot ROM's and MicroPython's alike."""
        self._cut_left, self._torn_percent, self._cut_planned = operation, torn_percent, operation > 0

    # inside

    async def _launch(self, cause: int) -> None:
        assert self._server is not None  # noqa: S101 -- start() made it
        self._cause = cause
        raw, self._raw = self._raw and cause == SOFT_RESET, False
        self._baud = None
        download = self._boot_held and cause not in (SOFT_RESET, DEEP_SLEEP)
        if cause not in (SOFT_RESET, DEEP_SLEEP):
            self._send(_ROM_SAYS % ((0, b"DOWNLOAD(USB/UART0)") if download else (8, b"SPI_FAST_FLASH_BOOT")))
        flash = NorFlash(self.image, self.flash_bytes, self._torn)
        if download:
            self._flash = flash
            self._rom = BootRom(flash, self._unique_id(), self._send, self._set_baud, self._rom_restarts, self.chip)
            self._send(b"waiting for download\r\n")
            return
        try:
            application = starting.look(flash)
        except starting.DoesNotStart as reason:
            self._send(f"{reason.said}\r\n".encode() * 3)
            self._hear(reason.said)
            return
        finally:
            flash.close()
        await self._run(application, raw)

    async def _run(self, application: starting.Application, raw: bool) -> None:
        assert self._server is not None  # noqa: S101 -- start() made it
        heard, told = os.pipe()
        os.set_blocking(heard, False)
        self._close_pipe()
        self._pipe, self._runs, self._early = heard, False, bytearray()
        self._baud = ROM_BAUD
        where = (self._server.sockets[0].getsockname()[1], self.image, application.files_at, application.files_bytes)
        cut = (self._cut_left, self._torn_percent, f"/dev/fd/{told}", "raw" if raw else "friendly")
        try:
            command = await asyncio.to_thread(_command, self._micropython, *where, *cut)
            if not self.powered:
                return
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=interpreter.environment(),
                start_new_session=True,
                limit=LONGEST_LINE_BYTES,
                pass_fds=(told,),
            )
        finally:
            os.close(told)
        asyncio.get_running_loop().add_reader(heard, self._hear_pipe)
        self._listener = self._later(self._listen(self._process))
        if self._ticking is None:
            self._tick()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Carry what the process says to the line, and read its lines as the house does."""
        assert process.stdout is not None  # noqa: S101 -- PIPE above
        text = b""
        while data := await process.stdout.read(4096):
            self._send(data)
            *lines, text = (text + data).split(b"\n")
            text = text[-LONGEST_LINE_BYTES:]
            for line in lines:
                self._hear(line.decode("utf-8", "replace").rstrip("\r"))
        if text:
            self._hear(text.decode("utf-8", "replace"))
        status = await process.wait()
        if self._process is process:
            self._process = None
            if self.console and _HEAP_LOCKED in self.console[-1]:
                self._later(self._restart(HARD_RESET, 0))
                return
            self.report("halted", {"status": status, "last": self.console[-1] if self.console else ""})

    async def _bury(self) -> None:
        await super()._bury()
        self._hear_pipe()
        self._close_pipe()
        self._rom = None
        if self._flash is not None:
            self._flash.close()
            self._flash = None

    def _pulled(self) -> None:
        self._later(self.pull_cable())

    def _received(self, data: bytes) -> None:
        data = self.cable.carry(data)
        baud = self._line.baud() if self._line is not None and self._sends is None else None
        if self._baud is None:
            self._baud = baud
        elif baud is not None and baud != self._baud:
            return  # noise: at another speed nothing is a byte
        if self._rom is not None:
            try:
                self._rom.feed(data)
            except PowerLost:
                self._rom = None
                self._flash_cut(self._operations)
        elif self._process is not None:
            self._type(data)

    def _type(self, data: bytes) -> None:
        """Hand bytes to MicroPython: Ctrl-C interrupts a program, and is a byte for the REPL."""
        self._hear_pipe()
        if self._early is not None:
            self._early += data
            return
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            return
        for part in _apart(data):
            if part[0] == _CTRL_C and self._runs:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT)
            else:
                process.stdin.write(part)

    def _hear_pipe(self) -> None:
        """Learn what MicroPython did: f a flash operation, 1 a program runs, 0 it is over."""
        if self._pipe is None:
            return
        with contextlib.suppress(BlockingIOError):
            told = os.read(self._pipe, 65536)
            if not told:
                self._close_pipe()
                return
            operations = told.count(b"f")
            self._operations += operations
            self._cut_left = max(0, self._cut_left - operations)
            self._cut_planned = self._cut_left > 0
            states = told.replace(b"f", b"")
            if states:
                self._runs = states.endswith(b"1")
                early, self._early = self._early, None
                if early:
                    self._type(bytes(early))

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = None

    def _send(self, data: bytes) -> None:
        line_baud = self._line.baud() if self._line is not None else None
        if self._baud is not None and line_baud not in (None, self._baud) and self._sends is None:
            return
        if self._baud is not None and self._baud > self.cable.clean_up_to_baud and len(data) > 1:
            data = data[: len(data) // 2]  # an answer that comes damaged is no answer
        data = self.cable.carry(data)
        if self._sends is not None:
            self._sends(data)
        elif self._line is not None:
            self._line.send(data)

    def _set_baud(self, baud: int) -> None:
        self._baud = baud or None

    def _rom_restarts(self) -> None:
        """The watchdog bites some milliseconds after it was armed, so the answer to that still goes out."""
        asyncio.get_running_loop().call_later(_BITE_s, lambda: self._later(self._restart(HARD_RESET, 0)))

    def _reset(self, cause: int, off_ms: int) -> None:
        if cause == SOFT_RESET:
            self._raw = off_ms == _STAY_RAW
            off_ms = 0
        super()._reset(cause, off_ms)

    def _torn(self) -> int | None:
        """Count an operation of the boot ROM; return how much of it happens if the power goes in it."""
        self._operations += 1
        self._cut_left -= self._cut_left > 0
        if self._cut_left or not self._cut_planned:
            return None
        self._cut_planned = False
        return self._torn_percent


def _apart(data: bytes) -> list[bytes]:
    """Return the pieces of `data` with each Ctrl-C alone."""
    pieces = []
    for index, piece in enumerate(data.split(bytes((_CTRL_C,)))):
        if index:
            pieces.append(bytes((_CTRL_C,)))
        if piece:
            pieces.append(piece)
    return pieces


@functools.lru_cache(maxsize=4)
def _port_heap_bytes(micropython: tuple[str, ...]) -> int:
    """Return what the stand-ins and the REPL take of a heap."""
    command = [*micropython, "-X", "heapsize=1m", "-m", "attached", "measure"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=interpreter.environment(), timeout=60, stdin=subprocess.DEVNULL
    )
    try:
        return int(done.stdout)
    except ValueError:
        raise interpreter.InterpreterFails(micropython, done.stdout + done.stderr) from None


def _command(micropython: tuple[str, ...], *arguments: object) -> list[str]:
    """Return the command that runs a device with its serial line on standard input and output."""
    program = shutil.which(micropython[0])
    if program is None:
        raise interpreter.InterpreterFails(micropython, "it is not there")
    heap_bytes = interpreter.FIRMWARE_HEAP_BYTES + int(_port_heap_bytes(micropython) * _TABLES)
    guard = [sys.executable, "-I", "-S", "-c", interpreter.GUARD, str(os.getpid()), program, *micropython[1:]]
    return [*guard, "-X", f"heapsize={heap_bytes}", "-m", "attached", *map(str, arguments)]
