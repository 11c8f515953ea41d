"""Levels and climate under both Pythons."""

import math
from array import array

from firmware.babyphone.climate import Climate, period_ms, sample_ms
from firmware.babyphone.listening import FRAME, Listening
from firmware.babyphone.states import Sense


def tone_half_dB(frequency_Hz: float, level_dB: float, frames: int = 8) -> int | None:
    """Return what the device says of a tone of this unweighted level: 94 dB SPL are 297 286 counts rms."""
    peak = 297286 * math.sqrt(2) * 10 ** ((level_dB - 94) / 20)
    listening = Listening()
    slots = array("i", bytes(4 * FRAME))
    turn = 2 * math.pi * frequency_Hz / 16000
    for frame in range(frames):
        for at in range(FRAME):
            slots[at] = int(peak * math.sin(turn * (frame * FRAME + at))) * 256
        listening.feed(slots)
    return listening.take_half_dB()


def climate_of(conversions: list[tuple[int, int]]) -> list[object]:
    """Feed conversions; return [mean, latest, what is left]."""
    climate = Climate()
    for centi_Cel, centi_percent in conversions:
        climate.feed(centi_Cel, centi_percent)
    taken = climate.take()
    return [taken and list(taken), climate.latest and list(climate.latest), climate.take()]


def intervals(climates_ms: list[int]) -> list[int]:
    """Return the times between conversions."""
    return [sample_ms(climate_ms) for climate_ms in climates_ms]


def periods(climate_ms: int, waiting: list[int]) -> list[int]:
    """Return the times to the next reading while so many wait."""
    return [period_ms(climate_ms, number) for number in waiting]


def sense(happenings: str) -> list[object]:
    """Let a sense sense (s) and miss (m); return [how often it was said, its state]."""
    one = Sense()
    said = 0
    for happening in happenings:
        if happening == "s":
            one.sensed()
        elif one.missed():
            said += 1
    return [said, one.state]
