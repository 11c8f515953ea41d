"""`foyer replay cuff`: recordings of a cuff's pressure through the device's own arithmetic, in MicroPython with the device's heap.

A recording is a CSV file with the columns time_s and pressure_mmHg, 20 samples a second or more, a deflation or an inflation and a
deflation. One line of JSON for each file; a file that cannot be measured is refused with its reason, never with a traceback.
"""

import ast
import csv
import math
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from protocol import faults
from tools import micropython
from tools.build import ROOT

TIME, PRESSURE = "time_s", "pressure_mmHg"
FIELDS = ("systolic_mmHg", "diastolic_mmHg", "map_mmHg", "pulse_per_min", "irregular", "quality")

HEAP_KiB = 160
SLOWEST_ms = 51.0  # 20 samples a second, with a little patience for a rounded time
SHORTEST_s = 8.0
LONGEST_s = 30 * 60.0
MOST_BYTES = 64 << 20
MOST_BAD_SHARE = 0.1
RANGE_mmHg = (-50.0, 400.0)
TIMEOUT_s = 120.0

REASONS = {
    faults.CUFF_MOVED: "movement: the pulse is not regular enough in height to be read",
    faults.CUFF_NO_PULSE: "weak pulse: no clear pulse was found",
    faults.CUFF_TOO_FEW_BEATS: "too few beats",
    faults.CUFF_CUT_OFF: "cut off: the recording does not fall from above the systolic to below the diastolic pressure",
    faults.CUFF_IMPLAUSIBLE: "implausible: the pressures found cannot be right",
}


class Unreadable(Exception):
    """A file is no recording of a cuff; the message says why."""


def replay(paths: Sequence[Path]) -> Iterator[dict[str, object]]:
    """Yield for each file its systolic, diastolic and mean pressure, pulse, irregular, quality, and why it was refused or None."""
    for path in paths:
        try:
            found = _measured(_rows(path))
        except Unreadable as error:
            yield {**dict.fromkeys(FIELDS), "refused": str(error)}
            continue
        code, *values = found
        refused = REASONS.get(code, f"fault {code}") if code else None
        yield {**dict(zip(FIELDS, values, strict=True)), "refused": refused}


def _rows(path: Path) -> list[tuple[float, float]]:
    """Return time in s and pressure in mmHg, in the order of time. Raises Unreadable."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"the file is larger than {MOST_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable("the file is not text") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise Unreadable("the file is empty")
    separator = next((sign for sign in (";", "\t", ",") if sign in lines[0]), ",")
    try:
        cells = list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise Unreadable(f"the file is no CSV: {error}") from None
    names = [name.strip().lower() for name in cells[0]]
    if TIME in names and PRESSURE.lower() in names:
        time_at, pressure_at, cells = names.index(TIME), names.index(PRESSURE.lower()), cells[1:]
    elif len(names) >= 2 and _number(names[0]) is not None and _number(names[1]) is not None:
        time_at, pressure_at = 0, 1
    else:
        raise Unreadable(f"the columns {TIME} and {PRESSURE} are not there")
    rows = []
    for row in cells:
        if len(row) > max(time_at, pressure_at):
            at_s, pressure_mmHg = _number(row[time_at]), _number(row[pressure_at])
            if at_s is not None and pressure_mmHg is not None and RANGE_mmHg[0] <= pressure_mmHg <= RANGE_mmHg[1]:
                rows.append((at_s, pressure_mmHg))
    if len(rows) < (1 - MOST_BAD_SHARE) * len(cells):
        raise Unreadable(f"{len(cells) - len(rows)} of {len(cells)} lines hold no time and pressure")
    return _checked(rows)


def _number(text: str) -> float | None:
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _checked(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the rows, times beginning at 0. Raises Unreadable: time goes back, too slow, too short or too long."""
    if len(rows) < 2 or rows[-1][0] - rows[0][0] < SHORTEST_s:
        raise Unreadable(f"too short: less than {SHORTEST_s:.0f} s")
    if rows[-1][0] - rows[0][0] > LONGEST_s:
        raise Unreadable(f"too long: more than {LONGEST_s / 60:.0f} minutes")
    steps_ms = [(after[0] - before[0]) * 1000 for before, after in pairwise(rows)]
    if min(steps_ms) < 0:
        raise Unreadable("time goes back")
    if median(steps_ms) > SLOWEST_ms:
        raise Unreadable("fewer than 20 samples a second")
    return [(at_s - rows[0][0], pressure_mmHg) for at_s, pressure_mmHg in rows]


def _measured(rows: list[tuple[float, float]]) -> list[int]:
    """Return what `firmware/cuff/replaying.py` finds, in MicroPython. Raises Unreadable: it could not be run."""
    interpreter = micropython.find(ROOT / ".foyer/cache")
    if interpreter is None:
        raise Unreadable("MicroPython is not here: ./foyer setup fetches it")
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "rows", Path(folder) / "replay.py"
        data.write_bytes(b"".join(struct.pack("<ii", round(at_s * 1000), round(mmHg * 1000)) for at_s, mmHg in rows))
        script.write_text(f"from firmware.cuff import replaying\nprint('\\x1e' + repr(replaying.run({str(data)!r})))\n", encoding="utf-8")
        command = [*interpreter.command, "-X", f"heapsize={HEAP_KiB}k", str(script)]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unreadable(f"no result after {TIMEOUT_s:.0f} s") from None
    if done.returncode != 0:
        raise Unreadable(f"the device's code failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    found: list[int] = ast.literal_eval(done.stdout.rpartition("\x1e")[2])
    return found
