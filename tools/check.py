"""`foyer test`: the linters, the types, the device code through mpy-cross, and every test, in that order.

Each step prints one line; what a step has to complain about follows it. The tests come last, because they take longest and their
closing lines are what a reader looks for. `--long` runs the campaigns too, which take hours.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

from tools import build

AT_ONCE = 4  # files, on two cores
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


def _complaints(command: list[str]) -> str:
    done = subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"status {done.returncode}"


STEPS: dict[str, Callable[[], str]] = {
    "ruff: no complaints": lint,
    "ruff: laid out": layout,
    "mypy: strict": types,
    "mpy-cross: device code compiles": device_code,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./foyer test", description="Run every test, the linters and the type checks.")
    parser.add_argument("--long", action="store_true", help="run the long campaigns too (hours)")
    parser.add_argument("tests", nargs="*", help="files or folders of tests, instead of all of them")
    chosen = parser.parse_args(arguments)
    failed = False
    for words, step in STEPS.items():
        started = time.monotonic()
        complaint = step()
        failed = failed or bool(complaint)
        sys.stdout.write(
            f"{'✗' if complaint else '✓'} {words} ({time.monotonic() - started:.0f} s)\n{complaint + chr(10) if complaint else ''}"
        )
        sys.stdout.flush()
    # A file's tests stay together, side by side with other files': most of the time they wait for devices to live their lives.
    which = [] if chosen.long else ["-m", "not long", "-n", str(AT_ONCE), "--dist", "loadfile"]
    tested = subprocess.run([sys.executable, "-m", "pytest", "-q", "--durations=15", *which, *chosen.tests], cwd=build.ROOT, check=False)
    return tested.returncode or int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
