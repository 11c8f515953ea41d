"""`foyer device flash`: MicroPython and the firmware onto one board or many, read back and verified.

The real esptool works in a process of its own for each board (flashing.py). An answer that is lost ends that process; the whole is then
done again at a lower speed. A port without reset lines is waited for until somebody presses BOOT and RESET.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from protocol import cbor
from tools import build, ports
from tools.faults import Fault
from tools.interpreter_image import InterpreterImage
from tools.release import Release

BAUDS = (921_600, 460_800, 115_200)
SILENT_s = 30.0  # without a word from esptool; the longest single step is erasing the file system
RELEASE_FILE = "release.cbor"
AT_ONCE = 4
_MAY_PASS = ("lost-answers", "not-verified")


class Job(NamedTuple):
    """What is to be written, to whichever board."""

    release: Release
    micropython: Path
    image: InterpreterImage
    again: bool
    wait_s: float


class Outcome(NamedTuple):
    """How it went with one board; fault is None if it went well."""

    port: str
    mac: str
    flash_bytes: int
    fault: Fault | None
    attempts: int
    baud: int
    seconds: float


Tell = Callable[[str, float], None]  # what is being done, and percent of it


def contents(release: Release) -> dict[str, bytes]:
    """Return the files that a flashed and not yet provisioned device has: the release, and which one it is."""
    named = {"kind": release.kind, "version": release.version, "sequence": release.sequence, "digest": release.digest}
    return build.installed({**release.files, RELEASE_FILE: cbor.encode(named)})


def without_erased_end(image: bytes) -> bytes:
    """Return a file system's image up to its last block that holds anything: what lies behind is free, whatever it holds."""
    used = len(image.rstrip(b"\xff"))
    return image[: -(-used // build.BLOCK_BYTES) * build.BLOCK_BYTES]


def one(port: str, job: Job, tell: Tell = lambda _step, _percent: None) -> Outcome:
    """Flash the board on a port; however it ends, return how. Raises nothing of the board's."""
    started = time.monotonic()
    found: dict[str, Any] = {}
    fault: Fault | None = None
    attempts = 0
    for baud in BAUDS:
        attempts += 1
        try:
            ports.check(port)
            found = _attempt(port, job, baud, tell)
            fault = None
            break
        except Fault as error:
            fault = error
            found = {**found, **{key: value for key, value in error.facts.items() if key in ("mac", "flash_bytes")}}
            if error.name not in _MAY_PASS:
                break
            tell("an answer was lost: once more, slower", 0.0)
    return Outcome(
        port, str(found.get("mac", "")), int(found.get("flash_bytes", 0)), fault, attempts, baud, round(time.monotonic() - started, 1)
    )


def many(names: Sequence[str], job: Job, done: Callable[[Outcome], None]) -> list[Outcome]:
    """Flash several boards, a few at once; tell of each when it is done; return them in the order of their ports."""
    lock = threading.Lock()

    def work(port: str) -> Outcome:
        outcome = one(port, job)
        with lock:
            done(outcome)
        return outcome

    with ThreadPoolExecutor(AT_ONCE) as workers:
        return list(workers.map(work, names))


def _attempt(port: str, job: Job, baud: int, tell: Tell) -> dict[str, Any]:
    """Run esptool once; a board without reset lines gets time until somebody has pressed its buttons."""
    lines = ports.has_reset_lines(port)
    plan = {
        "port": port,
        "baud": baud,
        "before": "default-reset" if lines else "no-reset",
        "after": "hard-reset" if lines else "watchdog-reset",
        "micropython": str(job.micropython),
        "files_at": job.image.files_at,
        "files_end": job.image.files_end,
        "files": {name: data.hex() for name, data in contents(job.release).items()},
        "again": job.again,
    }
    until = time.monotonic() + (0.0 if lines else job.wait_s)
    while True:
        try:
            return _esptool(port, plan, tell)
        except Fault as error:
            if error.name != "silent" or time.monotonic() >= until:
                raise
            tell("waiting: hold BOOT, press RESET, let go of BOOT", 0.0)


def _esptool(port: str, plan: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Run the process that talks to one board; return what it found. Raises Fault."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.flashing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "ESPTOOL_CFGFILE": str(Path(__file__).with_name("esptool.cfg"))},
    )
    assert process.stdin is not None  # noqa: S101 -- PIPE above
    assert process.stdout is not None  # noqa: S101 -- PIPE above
    found: dict[str, Any] = {}
    alarm = _Alarm(process)
    try:
        process.stdin.write(json.dumps(plan) + "\n")
        process.stdin.close()
        for line in process.stdout:
            alarm.rewind()
            said = json.loads(line)
            event = said.pop("event")
            if event == "progress":
                tell(said["step"], said["percent"])
            elif event == "failed":
                facts = {"port": port, "baud": plan["baud"], **found, **said}
                raise Fault(facts.pop("fault"), **facts)
            else:
                found |= said
                if event == "done":
                    return found
    except BrokenPipeError:
        pass  # it ended before it was told what to do; the next line says so
    finally:
        alarm.off()
        process.kill()
        process.wait()
        process.stdout.close()
    raise Fault("lost-answers" if ports_there(port) else "cable", port=port, **{"baud": plan["baud"], **found})


def ports_there(port: str) -> bool:
    """Whether a port is still there."""
    return "://" in port or Path(port).exists()


class _Alarm:
    """Ends a process that has said nothing for too long."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._timer = threading.Timer(SILENT_s, process.kill)
        self._timer.daemon = True
        self._timer.start()

    def rewind(self) -> None:
        self._timer.cancel()
        self._timer = threading.Timer(SILENT_s, self._process.kill)
        self._timer.daemon = True
        self._timer.start()

    def off(self) -> None:
        self._timer.cancel()


def report(job: Job, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return the machine-readable report of a batch."""
    return {
        "kind": job.release.kind,
        "version": job.release.version,
        "release": job.release.digest,
        "micropython": {"release": job.image.release, "sha256": job.image.sha256},
        "flashed": sum(outcome.fault is None for outcome in outcomes),
        "failed": sum(outcome.fault is not None for outcome in outcomes),
        "boards": [
            {
                "port": outcome.port,
                "mac": outcome.mac,
                "flash_bytes": outcome.flash_bytes,
                "outcome": "flashed" if outcome.fault is None else "failed",
                "fault": outcome.fault.name if outcome.fault else None,
                "happened": outcome.fault.happened if outcome.fault else None,
                "next_step": outcome.fault.next_step if outcome.fault else None,
                "attempts": outcome.attempts,
                "baud": outcome.baud,
                "seconds": outcome.seconds,
            }
            for outcome in outcomes
        ],
    }


class Bar:
    """A progress bar for one board on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), console=console)
        self._task: TaskID | None = None
        self._step = ""

    def __enter__(self) -> "Bar":
        if self._console.is_terminal:
            self._progress.start()
            self._task = self._progress.add_task("connecting", total=100.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, step: str, percent: float) -> None:
        """Show what is being done."""
        if self._task is not None:
            self._progress.update(self._task, description=step, completed=percent)
        elif step != self._step:
            self._console.print(f"  {step}", highlight=False)
        self._step = step
