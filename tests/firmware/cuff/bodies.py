"""A recording from formulas, for both Pythons: Babbs' artery under an evenly falling cuff, written apart from the simulator's."""

import math

from firmware.cuff import oscillometry
from firmware.cuff.recording import Recording

A_per_mmHg, B_per_mmHg = 0.055, 0.036
STRENGTH_mmHg = 1.5
FALL_mmHg_per_s = 2.8


def _held(across_mmHg):
    if across_mmHg < 0:
        return math.exp(A_per_mmHg * across_mmHg)
    return 1 + A_per_mmHg / B_per_mmHg * (1 - math.exp(-B_per_mmHg * across_mmHg))


def recorded(systolic, diastolic, pulse_per_min, highest=175, lowest=45, rate_per_s=100, hum_mmHg=0.0):
    """Return the samples of a deflation, and how many."""
    recording = Recording()
    at_s = 0.0
    number = 0
    while highest - FALL_mmHg_per_s * at_s > lowest:
        cuff = highest - FALL_mmHg_per_s * at_s
        angle = 2 * math.pi * at_s * pulse_per_min / 60
        shape = 0.5 + 0.36 * (math.sin(angle) + 0.5 * math.sin(2 * angle) + 0.25 * math.sin(3 * angle))
        inside = diastolic + (systolic - diastolic) * shape
        pulse = STRENGTH_mmHg * (_held(inside - cuff) - _held(diastolic - cuff))
        noise = ((number * 7919) % 101 - 50) / 1000
        recording.feed(cuff + pulse + noise + hum_mmHg * math.sin(2 * math.pi * 19 * at_s), int(at_s * 1000 + 0.5))
        number += 1
        at_s = number / rate_per_s
    return recording.samples, recording.count


def estimated(systolic, diastolic, pulse_per_min, rate_per_s=100, hum_mmHg=0.0):
    """Return the Estimate of such a recording, as a list."""
    samples, count = recorded(systolic, diastolic, pulse_per_min, 175, 45, rate_per_s, hum_mmHg)
    return list(oscillometry.estimate(samples, count))
