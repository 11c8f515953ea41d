"""`foyer test`: the linters, the types, the device code through mpy-cross, and every test, in that order.

Each step prints one line; what a step has to complain about follows it. Two steps run side by side. The tests come last, because they
take longest and their closing lines are what a reader looks for. `--long` runs the campaigns too, which take hours.

The tests start hundreds of Pythons, so what Python compiled is kept (`__pycache__`), whatever the shell has to say about that.

A few tests that failed beside others are run once more, alone, and that decides (decision 0018): how busy a machine is must not. They are
named all the same, because a person has waited for them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import build

AT_ONCE = 4  # files, on two cores
FEW = 5  # more failures than these are no accident
_SOME_FAILED = 1  # pytest's exit status; others are not about a test
_TYPED = ("protocol", "gateway", "cloud", "simulator", "tools")


def lint() -> str:
    return _complaints([sys.executable, "-m", "ruff", "check", "--quiet", "."])


def layout() -> str:
    return _complaints([sys.executable, "-m", "ruff", "format", "--quiet", "--check", "."])


def types() -> str:
    return _complaints([sys.executable, "-m", "mypy", *_TYPED])


def device_code() -> str:
    """Compile every source of every device as it would be flashed."""
    try:
        for device in build.DEVICES:
            build.files(device, build.ROOT / ".foyer/cache")
    except build.BuildFailed as error:
        return str(error)
    return ""


def collect() -> str:
    """Find every test once, which keeps each file compiled: those who run them at once then need not compile it each for themselves."""
    return _complaints([sys.executable, "-m", "pytest", "--collect-only", "-qq"])


def _complaints(command: list[str]) -> str:
    done = subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"status {done.returncode}"


STEPS: dict[str, Callable[[], str]] = {
    "ruff: no complaints": lint,
    "ruff: laid out": layout,
    "mypy: strict": types,
    "mpy-cross: device code compiles": device_code,
    "pytest: every test is found": collect,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./foyer test", description="Run every test, the linters and the type checks.")
    parser.add_argument("--long", action="store_true", help="run the long campaigns too (hours)")
    parser.add_argument("tests", nargs="*", help="files or folders of tests, instead of all of them")
    chosen = parser.parse_args(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    failed = False
    with ThreadPoolExecutor(2) as two:
        for words, (complaint, took_s) in zip(STEPS, two.map(_timed, STEPS.values()), strict=True):
            failed = failed or bool(complaint)
            sys.stdout.write(f"{'✗' if complaint else '✓'} {words} ({took_s:.0f} s)\n{complaint + chr(10) if complaint else ''}")
            sys.stdout.flush()
    return run_tests(build.ROOT, chosen.tests, chosen.long) or int(failed)


def _timed(step: Callable[[], str]) -> tuple[str, float]:
    started = time.monotonic()
    return step(), time.monotonic() - started


def run_tests(root: Path, tests: list[str], long: bool) -> int:
    """Run the tests below `root`, and a few that failed beside others once more, alone; return 0 if all hold."""
    pytest = [sys.executable, "-m", "pytest", "-q"]
    if long:
        return subprocess.run([*pytest, "--durations=15", *tests], cwd=root, check=False).returncode
    _memory(root).unlink(missing_ok=True)
    # A file's tests stay together, side by side with other files': most of the time they wait for devices to live their lives.
    short = [*pytest, "-m", "not long", *tests]
    beside = ["-n", str(AT_ONCE), "--dist", "loadfile", "--no-loadscope-reorder"]  # in the order of tests/conftest.py
    status = subprocess.run([*short, "--durations=15", *beside], cwd=root, check=False).returncode
    failed = _failed(root)
    if status != _SOME_FAILED or not 0 < len(failed) <= FEW:
        return status
    names = "".join(f"  {name}\n" for name in failed)
    sys.stdout.write(f"Failed beside others, so once more, alone:\n{names}")
    sys.stdout.flush()
    status = subprocess.run([*short, "--last-failed", "--last-failed-no-failures", "none"], cwd=root, check=False).returncode
    sys.stdout.write("They fail alone too.\n" if status else f"They hold alone; what made them fail beside others wants mending:\n{names}")
    return status


def _failed(root: Path) -> list[str]:
    """Return what pytest remembers of its last run: the tests that failed."""
    try:
        return sorted(json.loads(_memory(root).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []


def _memory(root: Path) -> Path:
    return root / ".pytest_cache/v/cache/lastfailed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
