"""`foyer device calibrate`: a scale's zero and span, found with known masses, step by step on the terminal.

The masses must lie nearly on one line through the empty plate; one that does not is said, because a plate that catches somewhere shows
exactly so. What the device keeps, and that it bends a little from mass to mass, is firmware/scale/calibration.py's.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from firmware.errors import NotCalibrated
from firmware.scale import calibration
from tools import introduce, technician
from tools.faults import Fault
from tools.records import Records, now

CONVERSIONS = 21
LEAST_kg, MOST_kg = 5.0, 200.0
MOST_OFF_kg = 0.1
MOST_SPREAD_COUNTS = 4000


class Uncalibratable(ValueError):
    """The masses make no line."""


def fields(points: Sequence[tuple[float, float]], date: int) -> dict[str, Any]:
    """Return the calibration for (mass in kg, counts), the first of them the empty plate, on a day as yyyymmdd.

    Raises Uncalibratable: no mass, too light ones, counts that do not rise, or a mass more than 100 g off the line of all.
    """
    zero, laid = points[0][1], sorted(points[1:])
    if not laid:
        raise Uncalibratable("without a mass there is no calibration")
    per_kg = sum(kg * (counts - zero) for kg, counts in laid) / sum(kg * kg for kg, _ in laid)
    if per_kg <= 0:
        raise Uncalibratable("the counts do not rise with the mass: the load cell's two signal wires are exchanged, or it is not loaded")
    for kg, counts in laid:
        off_kg = (counts - zero) / per_kg - kg
        if abs(off_kg) > MOST_OFF_kg:
            raise Uncalibratable(f"{kg:g} kg reads {off_kg:+.2f} kg off the line of the others: does the plate touch something?")
    try:
        return dict(calibration.found(round(zero), [(round(kg * 1000), round(counts)) for kg, counts in laid], date))
    except NotCalibrated:
        raise Uncalibratable("at least one mass must be 20 kg or more, and each only once") from None


def guide(port: str, records: Records, say: Callable[[str], None], ask: Callable[[str], str]) -> dict[str, Any]:
    """Lead through a calibration. Raises Fault: the device or the masses do not allow one; the old calibration stays."""
    seen = technician.run(port, "look")
    introduce.check_firmware(port, seen, "scale")
    if not seen["kid"]:
        raise Fault("not-provisioned", port=port)
    ask("Take everything off the plate, then press Enter. ")
    points = [(0.0, _settled(port))]
    while True:
        said = ask(f"Put a known mass on the plate and type its kg ({LEAST_kg:g} to {MOST_kg:g}), or just Enter when done: ").strip()
        if not said:
            break
        try:
            kg = float(said.replace(",", ".").removesuffix("kg"))
        except ValueError:
            say(f"  {said} is no number: type for example 20 or 20.5.")
            continue
        if not LEAST_kg <= kg <= MOST_kg:
            say(f"  {kg:g} kg is too light or too heavy for a good calibration.")
            continue
        points.append((kg, _settled(port)))
        say(f"  {kg:g} kg: {points[-1][1] - points[0][1]:+.0f} counts")
    try:
        found = fields(points, int(time.strftime("%Y%m%d")))
    except Uncalibratable as error:
        raise Fault("device-said", port=port, said=f"{error}; its old calibration stays") from None
    technician.run(port, "weigh", {"calibration": found})
    record = records.of_serial(seen["serial"])
    if record is not None:
        records.write({**record, "calibration": {**found, "at": now(), "masses_kg": [kg for kg, _ in points]}})
    technician.reset(port)
    say(f"✓ calibrated with {len(points) - 1} masses: zero {found['zero_counts']} counts. The device has it.")
    return found


def _settled(port: str) -> float:
    """Return the plate's counts, once it is quiet. Raises Fault: it does not become quiet."""
    for _ in range(3):
        counts = technician.run(port, "weigh", {"conversions": CONVERSIONS})["counts"]
        if max(counts) - min(counts) <= MOST_SPREAD_COUNTS:
            return float(statistics.median(counts))
    raise Fault("device-said", port=port, said="the plate does not come to rest")
