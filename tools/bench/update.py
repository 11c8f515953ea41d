"""`foyer bench update`: what it costs a device to verify one signature, the whole arithmetic of an update besides hashing.

Instructions are counted by callgrind over the 32-bit MicroPython with the device's own 160 KiB of heap and compiled code. A start of the
interpreter that verifies nothing is counted too and taken off.
"""

import shutil
import tempfile
from pathlib import Path

from tools import build, micropython
from tools.bench import counting
from tools.bench.figures import Figure

_LIMIT_M = 80.0  # issue 11: a second of an ESP32
_TIMES = 5
_COUNTED = """
import sys
from firmware.update import trying
from firmware.crypto import verify
for _ in range(int(sys.argv[1])):
    for _ in trying.known_answer_steps():
        pass
"""


def measure() -> list[Figure]:
    """Return the figure, or none where valgrind or the 32-bit interpreter is not here."""
    interpreter = micropython.find(build.ROOT / ".foyer/cache")
    if interpreter is None or interpreter.word_bits != 32 or not shutil.which("valgrind"):
        return []
    folder = Path(tempfile.mkdtemp(prefix="foyer-bench-"))
    try:
        for path, content in build.files("scale", build.ROOT / ".foyer/cache", build.SIMULATED).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "counted.py").write_text(_COUNTED, encoding="utf-8")
        program = counting.without_prefixes(folder / "program")
        often, never = (counting.instructions(program, folder, "counted.py", str(times)) for times in (_TIMES, 0))
        return [Figure("one signature verified", (often - never) / _TIMES / 1e6, "million instructions", _LIMIT_M)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
