"""One parent for the ingester and the site: starts both, passes their lines on, starts again what fell, ends both together.

They stay two processes, because only the site may open the accounts store and only the ingester holds the keys that open batches.
A child that says that something has to be mended first (exit status 2 or 3) ends everything; one that dies of anything else is
started again. Children end with their parent, even when it was killed: they watch a pipe that only the parent holds open.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from cloud.logs import Log

PARTS = ("ingest", "site")
LEASH = "--leash"
FOR_GOOD = (2, 3)
RESTART_AFTER_S = (0.2, 1.0, 5.0)
CALM_AFTER_S = 60
STOP_TIMEOUT_S = 10


class _Child:
    def __init__(self, part: str, configuration: Path, lines: "queue.Queue[tuple[str, bytes]]") -> None:
        self.part = part
        self.falls = 0
        self._command = [sys.executable, "-m", "cloud", part, "--configuration", str(configuration), LEASH]
        self._lines = lines
        self.start()

    def start(self) -> None:
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        if self.process.stdout is not None:
            threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, output: IO[bytes]) -> None:
        for line in output:
            self._lines.put((self.part, line))
        output.close()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()

    def wait(self, timeout_s: float) -> None:
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(configuration: Path, address: str, stop: threading.Event, log: Log) -> int:
    """Run both parts until told to stop or until one cannot run; return the exit status."""
    lines: queue.Queue[tuple[str, bytes]] = queue.Queue()
    children = [_Child(part, configuration.resolve(), lines) for part in PARTS]
    ready: set[str] = set()
    status = 0
    try:
        while not stop.is_set() and not status:
            try:
                part, line = lines.get(timeout=0.1)
            except queue.Empty:
                status = _look_after(children, log)
                continue
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            if len(ready) < len(PARTS) and _is_ready(part, line):
                ready.add(part)
                if len(ready) == len(PARTS):
                    log.info("cloud.ready", address=address)
    finally:
        # a second Ctrl-C must not leave children behind: each is waited for, then made to end
        for child in children:
            child.stop()
        for child in children:
            child.wait(STOP_TIMEOUT_S)
    return status


def stop_with_parent(stop: threading.Event) -> None:
    """Watch standard input in the background: its end means that the parent is gone."""

    def watch() -> None:
        # not through sys.stdin: its lock, held by a thread at exit, aborts the interpreter
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True).start()


def _look_after(children: list[_Child], log: Log) -> int:
    for child in children:
        code = child.process.poll()
        if code is None:
            continue
        if code in FOR_GOOD:
            return code
        if time.monotonic() - child.started_s > CALM_AFTER_S:
            child.falls = 0
        pause_s = RESTART_AFTER_S[min(child.falls, len(RESTART_AFTER_S) - 1)]
        if time.monotonic() - child.started_s < pause_s:
            continue
        log.error("cloud.part_fell", part=child.part, exit_status=code)
        child.falls += 1
        child.start()
    return 0


def _is_ready(part: str, line: bytes) -> bool:
    try:
        return bool(json.loads(line).get("event") == f"{part}.ready")
    except (ValueError, AttributeError):
        return False
