"""`python -m tools.skewed FILE MODULE …`: runs a module whose clock is off by the seconds in a file, read anew at every look.

What the ordeal turns to set a program's clock forwards and back while it runs. Only the clock on the wall moves; the monotonic one goes
on, as it does on a machine whose time is set.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

_FORM = struct.Struct("<d")


def write(path: Path, offset_s: float) -> None:
    """Set the clock of the programs that look at this file."""
    if not path.exists():
        path.write_bytes(_FORM.pack(0.0))
    with path.open("r+b") as file:
        file.write(_FORM.pack(offset_s))


def main(path: Path, module: str, arguments: list[str]) -> None:
    """Run the module as if it had been called, with its clock in our hands."""
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), _FORM.size, prot=mmap.PROT_READ)
    true_ns = time.time_ns

    def time_ns() -> int:
        return true_ns() + int(_FORM.unpack(offset[:])[0] * 1e9)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
