"""Weighings that run under both Pythons."""

from firmware.scale import states
from firmware.scale.weighing import Weighing

SPAN = 1_073_742  # counts for 100 kg


def events(loads_g: list[int], zero_counts: int | None, offset_counts: int, interval_ms: int = 91) -> list[tuple[str, int | None]]:
    """Feed loads in g, one a conversion; return the events with the weight known after each."""
    weighing = Weighing(SPAN, zero_counts)
    seen: list[tuple[str, int | None]] = []
    for number, load_g in enumerate(loads_g):
        event = weighing.feed(offset_counts + load_g * SPAN // 100_000, number * interval_ms)
        if event:
            seen.append((event, weighing.weight_g))
    return seen


def table_is_total() -> bool:
    """Whether every state that a row leads to has rows itself."""
    return all(following in states.TRANSITIONS for rows in states.TRANSITIONS.values() for following in rows.values())
