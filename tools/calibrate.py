"""`foyer device calibrate`: a scale's zero and span, found with known masses, step by step on the terminal.

The span is a straight line through the empty plate and every mass; a mass that lies off it is said, because a plate that catches somewhere
shows exactly so.
"""

import statistics
from collections.abc import Callable, Sequence

from tools import introduce, technician
from tools.faults import Fault
from tools.records import Records, now

CONVERSIONS = 21
LEAST_kg, MOST_kg = 5.0, 200.0
MOST_OFF_kg = 0.1
MOST_SPREAD_COUNTS = 4000


class Uncalibratable(ValueError):
    """The masses make no line."""


def line(points: Sequence[tuple[float, float]]) -> dict[str, int]:
    """Return the calibration for (mass in kg, counts); the first is the empty plate.

    Raises Uncalibratable: no mass, no slope, or a mass more than 100 g off the line of the others.
    """
    zero = points[0][1]
    weight = sum(kg * kg for kg, _ in points)
    if not weight:
        raise Uncalibratable("without a mass there is no span")
    per_kg = sum(kg * (counts - zero) for kg, counts in points) / weight
    if per_kg <= 0:
        raise Uncalibratable("the counts do not rise with the mass: the load cell's two signal wires are exchanged, or it is not loaded")
    for kg, counts in points:
        off_kg = (counts - zero) / per_kg - kg
        if abs(off_kg) > MOST_OFF_kg:
            raise Uncalibratable(f"{kg:g} kg reads {off_kg:+.2f} kg off the line of the others: does the plate touch something?")
    return {"counts_per_100_kg": round(per_kg * 100), "zero_counts": round(zero)}


def guide(port: str, records: Records, say: Callable[[str], None], ask: Callable[[str], str]) -> dict[str, int]:
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
        found = line(points)
    except Uncalibratable as error:
        raise Fault("device-said", port=port, said=f"{error}; its old calibration stays") from None
    technician.run(port, "weigh", {"calibration": found})
    record = records.of_serial(seen["serial"])
    if record is not None:
        records.write({**record, "calibration": {**found, "at": now(), "masses_kg": [kg for kg, _ in points]}})
    technician.reset(port)
    say(f"✓ calibrated with {len(points) - 1} masses: {found['counts_per_100_kg']} counts for 100 kg. The device has it.")
    return found


def _settled(port: str) -> float:
    """Return the plate's counts, once it is quiet. Raises Fault: it does not become quiet."""
    for _ in range(3):
        counts = technician.run(port, "weigh", {"conversions": CONVERSIONS})["counts"]
        if max(counts) - min(counts) <= MOST_SPREAD_COUNTS:
            return float(statistics.median(counts))
    raise Fault("device-said", port=port, said="the plate does not come to rest")
