"""How many instructions a device's own code takes: callgrind counts them over the 32-bit MicroPython, the same to some hundredths."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools import build

_PREFIXED = (bytes.fromhex("2e8db42600000000"), bytes.fromhex("2e8d742600"), bytes.fromhex("2e8db600000000"))


def without_prefixes(target: Path) -> list[str]:
    """Copy the interpreter, its no-ops with a CS prefix made ordinary ones, because valgrind stops at those; return its command."""
    shutil.copytree(build.ROOT / ".foyer/cache/micropython", target, symlinks=True)
    libraries = target / "usr/lib/i386-linux-gnu"
    for path in (target / "usr/bin/micropython", *libraries.glob("*.so*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            for found in _PREFIXED:
                data = data.replace(found, b"\x90" + found[1:])
            path.write_bytes(data)
    return [str(libraries / "ld-linux.so.2"), "--library-path", str(libraries), str(target / "usr/bin/micropython")]


def instructions(program: list[str], folder: Path, script: str, *arguments: str) -> int:
    """Return how many a script in the folder takes from its start to its end, with the device's 160 KiB of heap and the folder's code."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *program, "-X", "heapsize=160k", script, *arguments],
        env={**os.environ, "MICROPYPATH": f"{folder}:.frozen"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(re.findall(r"Collected : (\d+)", done.stderr)[0])
