"""Run the same function under both Pythons: here, and in the 32-bit MicroPython of the devices with a 160 KiB heap.

What runs there lives in modules without pytest (`tests/*/bodies.py`); arguments and results cross as literals (ints, bytes, text, lists,
dicts), because `repr` writes them alike in both. `both_pythons` makes two tests of one:

    @both_pythons
    def test_something(call): assert call(bodies.something, b"...") == 7
"""

import ast
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tools.micropython import find

ROOT = Path(__file__).resolve().parent.parent
HEAP_KiB = 160
BATCH_KiB = 4096  # hundreds of inputs at once: compiling their literals scatters them over the heap


class MicroPythonFailed(AssertionError):
    """The code raised in MicroPython; the message holds its traceback."""


def command(heap_KiB: int = HEAP_KiB, options: Sequence[str] = ()) -> list[str]:
    """Return the start of a command line that runs MicroPython with this heap."""
    interpreter = find(ROOT / ".foyer" / "cache")
    if interpreter is None:
        pytest.fail("MicroPython is not here: run ./foyer test once, which fetches it.")
    return [*interpreter.command, "-X", f"heapsize={heap_KiB}k", *options]


def run(source: str, heap_KiB: int = HEAP_KiB, path: Sequence[Path] = (ROOT,), timeout_s: float = 60) -> str:
    """Return what `source` prints; `path` is where its imports are found before MicroPython's own.

    Raises MicroPythonFailed: it raised, or said nothing for `timeout_s`.
    """
    environment = {**os.environ, "MICROPYPATH": ":".join([*map(str, path), ".frozen"])}
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
        file.write(source)
        file.flush()
        try:
            done = subprocess.run(
                [*command(heap_KiB), file.name], env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as silence:
            raise MicroPythonFailed(f"no end after {timeout_s} s") from silence
    if done.returncode != 0:
        raise MicroPythonFailed(f"status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def here(function: Callable[..., object], *arguments: object) -> object:
    """Call `function` in this Python."""
    return function(*arguments)


def there(function: Callable[..., object], *arguments: object, heap_KiB: int = HEAP_KiB, timeout_s: float = 60) -> object:
    """Call `function`, found by its module and name, in MicroPython."""
    source = f"from {function.__module__} import {function.__name__} as function\nprint('\\x1e' + repr(function(*{arguments!r})))\n"
    return ast.literal_eval(run(source, heap_KiB, timeout_s=timeout_s).rpartition("\x1e")[2])


both_pythons = pytest.mark.parametrize("call", [here, there], ids=["cpython", "micropython"])
