"""Weighings that run under both Pythons."""

from firmware.errors import BatteryEmpty, NotCalibrated
from firmware.scale import calibration, states
from firmware.scale.battery import Battery
from firmware.scale.calibration import Curve
from firmware.scale.label import weight
from firmware.scale.weighing import Weighing

SPAN = 1_073_742  # counts for 100 kg


def events(
    loads_g: list[int], zero_counts: int | None, offset_counts: int, interval_ms: int = 91, held_zero: int | None = None
) -> list[tuple[str, int | None]]:
    """Feed loads in g, one a conversion; return the events with the weight known after each. held_zero: woken under a load with it."""
    weighing = Weighing(Curve({"counts_per_100_kg": SPAN}), zero_counts)
    seen: list[tuple[str, int | None]] = [(weighing.wake(held_zero, held_zero is not None), None)]
    for number, load_g in enumerate(loads_g):
        event = weighing.feed(offset_counts + load_g * SPAN // 100_000, number * interval_ms)
        if event:
            seen.append((event, weighing.weight_g))
        if event == states.SETTLED:
            seen.append((weighing.impedance_ended(), weighing.weight_g))
    return seen


def judged(loads_g: list[int], interval_ms: int = 91) -> list[bool]:
    """Return whether a load on a plate of zero 0 was ever called [lifeless, too light, overloaded]."""
    weighing = Weighing(Curve({"counts_per_100_kg": SPAN}), 0)
    weighing.wake()
    found = [False, False, False]
    for number, load_g in enumerate(loads_g):
        weighing.feed(load_g * SPAN // 100_000, number * interval_ms)
        found = [found[0] or weighing.lifeless, found[1] or weighing.too_light, found[2] or weighing.overloaded]
        if weighing.state == states.MEASURING_IMPEDANCE:
            weighing.impedance_ended()
    return found


def zero_follows(loads_g: list[int], interval_ms: int = 91) -> int:
    """Return how far the zero moved, in g, over loads on an empty plate."""
    weighing = Weighing(Curve({"counts_per_100_kg": SPAN}), 0)
    weighing.wake()
    for number, load_g in enumerate(loads_g):
        weighing.feed(load_g * SPAN // 100_000, number * interval_ms)
    return weighing.zero_counts * 100_000 // SPAN


def table_is_total() -> bool:
    """Whether every state that a row leads to has rows itself."""
    return all(following in states.TRANSITIONS for rows in states.TRANSITIONS.values() for following in rows.values())


def grams(fields: dict[str, object], counts: list[int]) -> object:
    """Return what these counts weigh, or the field that is refused."""
    try:
        curve = Curve(fields)
    except NotCalibrated as refused:
        return refused.field
    return [curve.grams(count) for count in counts]


def calibrated(zero_counts: int, laid: list[tuple[int, int]], date: int) -> object:
    """Return the settings a technician's masses make, or the field that is refused."""
    try:
        return calibration.found(zero_counts, laid, date)
    except NotCalibrated as refused:
        return refused.field


def labels(grams_: int) -> list[str]:
    """Return a weight in every unit and language."""
    return [weight(grams_, unit, language) for language in ("en", "fr") for unit in ("kg", "lb", "st")]


class Adc:
    """A converter that always sees the same."""

    def __init__(self, uV: int) -> None:
        self._uV = uV

    def read_uv(self) -> int:
        """machine.ADC's."""
        return self._uV


def percents(pin_uV: list[int]) -> list[int]:
    """Return what a device says is left in its cells for these voltages at the pin."""
    return [Battery(Adc(uV)).percent for uV in pin_uV]


def are_empty(pin_uV: list[int]) -> list[bool]:
    """Return whether the cells are called empty."""
    found = []
    for uV in pin_uV:
        try:
            Battery(Adc(uV)).check()
            found.append(False)
        except BatteryEmpty:
            found.append(True)
    return found
