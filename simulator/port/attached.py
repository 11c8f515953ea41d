"""Starts a simulated device whose serial line is this process's standard input and output, from the flash that esptool wrote.

As `start.py`, with these differences: the flash file is the whole chip, of which the file system is the part that the arguments name;
after main.py comes the REPL; Ctrl-C interrupts; and a pipe tells the board each flash operation, and whether a program runs. A soft reset
from the raw mode starts with boot.py and no main.py, as the stock port does.
"""

import gc

gc.collect()
_bare_bytes = gc.mem_alloc()

# What was there before the stand-ins is known now; the imports below are what they cost.
# ruff: noqa: E402, F401
import os
import struct
import sys
import time

import bluetooth
import esp32
import flash
import machine
import micropython
import network
import repl
import vfs
import wire

_CTRL_C = 3
_STAY_RAW = 1  # in place of how long to stay off, which a soft reset does not


class _PartOfChip:
    """The file of a whole chip, as a file of one of its partitions."""

    def __init__(self, file, at):
        self._file = file
        self._at = at

    def seek(self, position):
        self._file.seek(self._at + position)

    def readinto(self, *into):
        return self._file.readinto(*into)

    def write(self, *data):
        return self._file.write(*data)


class _ToldFlash(flash.FileFlash):
    """Flash whose operations the board counts, over all processes of a day."""

    def tell_to(self, pipe):
        self._pipe = pipe

    def _counted(self):
        self._pipe.write(b"f")
        return super()._counted()


class _Interpreter:
    """The built-in module `micropython`, with a board that learns what Ctrl-C means to the program."""

    def __init__(self, running):
        self._running = running

    def __getattr__(self, name):
        return getattr(micropython, name)

    def kbd_intr(self, byte):
        micropython.kbd_intr(byte)
        self._running(byte == _CTRL_C)


def _attach(port, image, at, size, cut_at, torn_percent, pipe_name, raw):
    pipe = open(pipe_name, "wb")
    wire.connect(port)
    machine.hello()
    chip = _ToldFlash(_PartOfChip(open(image, "r+b"), at), size, cut_at, torn_percent)
    chip.tell_to(pipe)
    vfs.umount("/")
    try:
        system = vfs.VfsLfs2(chip, progsize=32, readsize=32, lookahead=32)
    except OSError:
        # what the stock port's inisetup.py does with a partition that holds no file system
        print("The filesystem appears to be corrupted, or has never been written.")
        system = None
    if system is not None:
        vfs.mount(system, "/")
        os.chdir("/")
    sys.argv.clear()
    sys.path[:] = ["", ".frozen", "/lib"]
    gc.collect()

    def running(yes):
        pipe.write(b"1" if yes else b"0")

    micropython.kbd_intr(_CTRL_C)
    sys.modules["micropython"] = _Interpreter(running)
    running(True)
    for name in ("/boot.py",) if raw else ("/boot.py", "/main.py"):
        _run(name)
    running(False)
    banner = f"MicroPython v1.25.0; Simulated ESP32-S3 board with {sys.platform} inside"
    repl.Repl(banner.encode(), running, _restart).serve(raw)


def _run(name):
    """Run a file as the stock port does: an exception is printed, and what follows still comes."""
    try:
        os.stat(name)
    except OSError:
        return
    try:
        exec(compile(open(name).read(), name, "exec"), {"__name__": "__main__"})  # noqa: S102 -- the device's own program
    except BaseException as raised:
        sys.print_exception(raised)


def _restart(raw):
    struct.pack_into("<BI", wire.OUT, 3, machine.SOFT_RESET, _STAY_RAW if raw else 0)
    wire.tell(wire.RESET, 5)
    wire.halt()


if sys.argv[1] == "measure":
    flash.FileFlash(None, 0)
    gc.collect()
    print(gc.mem_alloc() - _bare_bytes)
else:
    _attach(int(sys.argv[1]), sys.argv[2], *(int(number) for number in sys.argv[3:7]), sys.argv[7], sys.argv[8] == "raw")
