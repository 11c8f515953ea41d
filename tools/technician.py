"""Programs on a device, run over its serial line by the real mpremote: what `firmware/technician/` holds, with what it is to know.

What the device is given goes over the line inside the program's text, never as an argument; its answer is one line of JSON.
"""

import contextlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import serial

from tools import build, ports
from tools.faults import Fault

PROGRAMS = build.ROOT / "firmware/technician"
MARK = "foyer-technician "
PATIENCE_s = 30.0  # for one program; the longest makes a key pair, some seconds on an ESP32-S3
_BEGUN_s = 3.0  # within which a board that starts has said its first word
_NOT_HEARD = ("could not enter raw repl", "could not exec", "unexpected read", "could not complete raw paste")  # mpremote's words
ATTEMPTS = 3  # to be heard: what is typed while a board starts is lost, and mpremote types once and waits ten seconds


def run(port: str, program: str, given: Mapping[str, object] | None = None, timeout_s: float = PATIENCE_s) -> dict[str, Any]:
    """Run a program of firmware/technician on the device and return its answer. Raises Fault."""
    ports.check(port)
    text = f"GIVEN = {dict(given or {})!r}\n" + (PROGRAMS / f"{program}.py").read_text(encoding="utf-8")
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:  # readable by its owner only
        file.write(text)
        file.flush()
        said = mpremote(port, "run", file.name, timeout_s=timeout_s)
    for line in said.splitlines():
        if line.startswith(MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(MARK))
            if "error" in answer:
                raise Fault("device-said", port=port, said=answer["error"])
            return answer
    raise Fault("device-said", port=port, said="it gave no answer")


def reset(port: str) -> None:
    """Start the device anew, and return when it has begun: mpremote leaves before, and whoever comes next would speak to what ends.

    Raises Fault.
    """
    mpremote(port, "reset")
    # a port that goes away with its board says the same
    with contextlib.suppress(serial.SerialException, OSError), serial.serial_for_url(port, 115_200, timeout=_BEGUN_s) as line:
        line.read(1)


def mpremote(port: str, *arguments: str, timeout_s: float = PATIENCE_s) -> str:
    """Return what mpremote printed. Raises Fault: with the reason as a technician meets it."""
    command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
    for _ in range(ATTEMPTS):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False, timeout=timeout_s, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise Fault("no-repl" if _there(port) else "cable", port=port) from None
        if done.returncode == 0:
            return done.stdout
        said = done.stdout + done.stderr
        if not any(words in said for words in _NOT_HEARD) or not _there(port):
            break  # only what never ran on the board may be typed again
    if not _there(port) or re.search(r"disconnected|Input/output error|Errno 5|Errno 6\b", said):
        raise Fault("cable", port=port)
    if any(words in said for words in (*_NOT_HEARD, "timeout waiting")):
        raise Fault("no-repl", port=port)
    if "failed to access" in said:
        raise Fault("port-taken", port=port, by="")
    last = [line for line in said.strip().splitlines() if line.strip()]
    if last and last[-1].startswith("ImportError"):
        raise Fault("no-firmware", port=port, kind="scale")
    raise Fault("device-said", port=port, said=last[-1].strip() if last else "it gave no answer")


def listen(port: str) -> Iterator[str]:
    """Yield what the device says, line by line, until its port goes away. Raises Fault: it cannot be opened."""
    ports.check(port)
    try:
        with serial.serial_for_url(port, 115_200, timeout=1.0) as line:
            waiting = b""
            while True:
                waiting += line.read(max(1, line.in_waiting))
                *lines, waiting = waiting.split(b"\n")
                for one in lines:
                    yield one.decode("utf-8", "replace").rstrip("\r")
    except (serial.SerialException, OSError):
        return


def _there(port: str) -> bool:
    return "://" in port or Path(port).exists()
