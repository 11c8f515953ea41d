"""`foyer replay scale`: recordings of the force on a plate, through load cell and converter, into the device's own code in MicroPython.

A recording is a CSV file with the columns time_s and force_N. Three seconds of empty plate are put before and after it. One line of JSON
for each reading that the scale would publish, none for a file without one; a file that cannot be read is refused with its reason.
Times are the recording's own: settled_at_s is when the weight was found, standing still included.
"""

import csv
import json
import math
import os
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from simulator import boards
from simulator.chips.hx711 import HX711
from simulator.clock import Signal
from simulator.parts import load_cell
from simulator.parts.load_cell import LoadCell
from tools import micropython
from tools.build import ROOT

EMPTY_s = 3.0
HEAP_KiB = 160
SEED = 1  # which scale out of the heap
RANGE_N = load_cell.RANGE_N
LONGEST_s = 24 * 3600.0
MOST_BYTES = 64 << 20
TIMEOUT_s = 600.0

# The device's side: one plate after the other on its input, its readings on its output. The code that weighs is firmware/scale.
_DEVICE = """
import json, sys
from firmware.scale import states
from firmware.scale.calibration import Curve
from firmware.scale.label import weight
from firmware.scale.weighing import Weighing
for line in sys.stdin:
    if line[0] == "{":
        calibration = json.loads(line)
        weighing = Weighing(Curve(calibration), calibration["zero_counts"])
        weighing.wake()
    elif line[0] == "-" and len(line) < 3:
        print("-")
    else:
        ms, counts = line.split()
        if weighing.feed(int(counts), int(ms)) == states.SETTLED:
            print(ms, weighing.weight_g, weight(weighing.weight_g, "kg", "en"))
            weighing.impedance_ended()
"""


class Unreadable(Exception):
    """A file is no recording of a force on a plate; the message says why."""


Reading = tuple[float, int, str]  # seconds, grams, and what the display shows


def replay(paths: Sequence[Path]) -> Iterator[dict[str, object]]:
    """Yield each reading that the scale publishes: file, kind, weight_kg, shown, settled_at_s; or file, kind, refused."""
    for path in paths:
        try:
            times_s, forces_N = recording(path)
        except Unreadable as error:
            yield {"file": path.name, "kind": "scale", "refused": str(error)}
            continue
        lasts_s = times_s[-1] - times_s[0]
        (found,) = weighed([(_stands(times_s, forces_N), lasts_s + 2 * EMPTY_s)])
        for at_s, grams, shown in found:
            settled_at_s = round(at_s - EMPTY_s + times_s[0], 2)
            yield {"file": path.name, "kind": "scale", "weight_kg": grams / 1000, "shown": shown, "settled_at_s": settled_at_s}


def recording(path: Path) -> tuple[list[float], list[float]]:
    """Return a recording's times and forces. Raises Unreadable."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable("larger than 64 MB")
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(float(row["time_s"]), float(row["force_N"])) for row in csv.DictReader(file)]
    except OSError as error:
        raise Unreadable(error.strerror or "it cannot be read") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise Unreadable("a recording has the columns time_s and force_N, with a number in each row") from None
    if len(rows) < 2:
        raise Unreadable("it has fewer than two rows")
    for at, (time_s, force_N) in enumerate(rows):
        if not (math.isfinite(time_s) and RANGE_N[0] <= force_N <= RANGE_N[1]):
            raise Unreadable(f"row {at + 1} has no time, or a force outside {RANGE_N[0]:g} to {RANGE_N[1]:g} N")
        if at and time_s <= rows[at - 1][0]:
            raise Unreadable(f"row {at + 1} is not later than the row before")
    if rows[-1][0] - rows[0][0] > LONGEST_s:
        raise Unreadable("it lasts longer than a day")
    return [row[0] for row in rows], [row[1] for row in rows]


def weighed(plates: Iterable[tuple[Signal, float]], seed: int = SEED) -> Iterator[list[Reading]]:
    """Yield for each (force on the plate over time, seconds it lasts) the readings that the device publishes.

    All of them go through one device after the other; each begins as one that was just switched on.
    """
    interpreter = micropython.find(ROOT / ".foyer/cache")
    if interpreter is None:
        raise Unreadable("MicroPython is not here: ./foyer setup fetches it")
    lines = []
    for force_N, lasts_s in plates:
        lines.append(json.dumps({name: value for name, value in boards.scale_calibration(seed).items() if name != "date"}))
        lines += [f"{round(at_s * 1000)} {counts}" for at_s, counts in _conversions(force_N, lasts_s, seed)]
        lines.append("-")
    done = subprocess.run(
        [*interpreter.command, "-X", f"heapsize={HEAP_KiB}k", "-c", _DEVICE],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_s,
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
    )
    if done.returncode:
        raise Unreadable(f"the device's code failed: {(done.stderr or done.stdout).strip()[-500:]}")
    found: list[Reading] = []
    for line in done.stdout.splitlines():
        if line == "-":
            yield found
            found = []
        else:
            ms, grams, shown = line.split(" ", 2)
            found.append((int(ms) / 1000, int(grams), shown))


def _conversions(force_N: Signal, lasts_s: float, seed: int) -> Iterator[tuple[float, int]]:
    cell = LoadCell(load_cell.properties(seed), force_N)
    converter = HX711(0.0, seed)
    converter.follow(cell.output_mV)
    return converter.conversions(lasts_s)


def _stands(times_s: Sequence[float], forces_N: Sequence[float]) -> Signal:
    """Return the force over time, EMPTY_s later than recorded, 0 before and after."""

    def force_N(at_s: float) -> float:
        recorded_s = at_s - EMPTY_s + times_s[0]
        if not times_s[0] <= recorded_s <= times_s[-1]:
            return 0.0
        after = min(bisect_right(times_s, recorded_s), len(times_s) - 1)
        before = after - 1
        share = (recorded_s - times_s[before]) / (times_s[after] - times_s[before])
        return forces_N[before] + (forces_N[after] - forces_N[before]) * share

    return force_N
