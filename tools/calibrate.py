"""`foyer device calibrate`: a scale's zero and span, found with known masses, and its electrodes, with a resistor, step by step.

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
# Four half-bridges of 50 kg give 1 mV/V at 200 kg, which is 10,500 counts a kilogram; none is half or twice as good.
SPAN_COUNTS_per_kg = (7_000.0, 16_000.0)
RESISTOR_ohm = 500
TRANSFORMS = 32
LEAST_MAGNITUDE, MOST_MAGNITUDES_SPREAD = 1000, 0.02


class Uncalibratable(ValueError):
    """The masses make no line."""


def fields(points: Sequence[tuple[float, float]], date: int) -> dict[str, Any]:
    """Return the calibration for (mass in kg, counts), the first of them the empty plate, on a day as yyyymmdd.

    Raises Uncalibratable: no mass, too light ones, one twice, counts that do not rise or not as such cells do, or a mass more than 100 g
    off the line of all.
    """
    zero, laid = points[0][1], sorted(points[1:])
    if not laid:
        raise Uncalibratable("without a mass there is no calibration")
    per_kg = _per_kg(points)
    if per_kg <= 0:
        raise Uncalibratable("the counts do not rise with the mass: the load cell's two signal wires are exchanged, or it is not loaded")
    least, most = SPAN_COUNTS_per_kg
    if not least <= per_kg <= most:
        raise Uncalibratable(f"{per_kg:.0f} counts a kilogram is not what such cells give, or another mass was on the plate than was typed")
    for kg, off_kg in strays(points):
        if abs(off_kg) > MOST_OFF_kg:
            raise Uncalibratable(f"{kg:g} kg reads {off_kg:+.2f} kg off the line of the others, as when the plate touches something")
    try:
        return dict(calibration.found(round(zero), [(round(kg * 1000), round(counts)) for kg, counts in laid], date))
    except NotCalibrated:
        raise Uncalibratable("at least one mass must be 20 kg or more, and each only once") from None


def strays(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return each mass, lightest first, with how far in kg it reads off the one line of all through the empty plate."""
    zero, per_kg = points[0][1], _per_kg(points)
    return [(kg, (counts - zero) / per_kg - kg) for kg, counts in sorted(points[1:])]


def _per_kg(points: Sequence[tuple[float, float]]) -> float:
    zero = points[0][1]
    return sum(kg * (counts - zero) for kg, counts in points[1:]) / sum(kg * kg for kg, _ in points[1:])


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
        raise Fault("not-calibrated", port=port, said=error) from None
    found |= _feet(port, say, ask)
    kept = technician.run(port, "weigh", {"calibration": found})["kept"]
    if any(kept.get(name) != value for name, value in found.items()):
        raise Fault("device-said", port=port, said="it does not keep the calibration as it was given")
    record = records.of_serial(seen["serial"])
    if record is not None:
        records.write({**record, "calibration": {**found, "at": now(), "masses_kg": [kg for kg, _ in points]}})
    technician.reset(port)
    worst_kg = max(abs(off_kg) for _, off_kg in strays(points))
    say(
        f"✓ calibrated with {len(points) - 1} masses on {found['date']}: zero {found['zero_counts']} counts, no mass more than"
        f" {worst_kg * 1000:.0f} g off the line of all. The device has it."
    )
    return found


def _settled(port: str) -> float:
    """Return the plate's counts, once it is quiet. Raises Fault: it does not become quiet."""
    for _ in range(3):
        counts = technician.run(port, "weigh", {"conversions": CONVERSIONS})["counts"]
        if max(counts) - min(counts) <= MOST_SPREAD_COUNTS:
            return float(statistics.median(counts))
    raise Fault("not-calibrated", port=port, said="the plate does not come to rest")


def _feet(port: str, say: Callable[[str], None], ask: Callable[[str], str]) -> dict[str, int]:
    """Return what the electrodes' circuit makes of a resistor, or nothing where there is none. Raises Fault: it makes nothing of it."""
    asked = f"Take the masses off, put the {RESISTOR_ohm} ohm resistor in place of feet and press Enter, or type no to go without: "
    if ask(asked).strip().casefold().startswith("n"):
        say("  Without it the scale weighs and measures no impedance.")
        return {}
    found = technician.run(port, "weigh", {"transforms": TRANSFORMS})["magnitudes"]
    middle = statistics.median(found)
    if middle < LEAST_MAGNITUDE or max(found) - min(found) > MOST_MAGNITUDES_SPREAD * middle:
        raise Fault("not-calibrated", port=port, said="the electrodes see no resistor, or it does not sit firmly")
    return {"counts_at_500_ohm": round(middle)}
