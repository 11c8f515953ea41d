"""Blood pressure from the pulse in a deflating cuff: the oscillometric estimate.

The pulse makes small waves on the falling pressure. They are largest where the cuff equals the mean arterial pressure; the systolic
and diastolic pressures are where the envelope has a fixed share of that maximum. Computed in one go after the air is out, so that
filters may run both ways: a causal filter shifts the envelope by 1 to 2 mmHg.

Source: characteristic ratios in the middle of the published ranges (Drzewiecki 1994: 0.45-0.73 and 0.69-0.83; Geddes 1982: 0.50 and
0.80), fixed before any recording was looked at. Ratios differ between people by more than any arithmetic can mend (Forouzanfar 2015).
"""

import math
from array import array
from collections import namedtuple

from micropython import const

from firmware.cuff.recording import CENTI, RATE_per_s
from firmware.errors import RefusedMeasurement
from protocol import faults

SYSTOLIC_RATIO = 0.59
DIASTOLIC_RATIO = 0.76

_HIGH_PASS_Hz = 0.5
_LOW_PASS_Hz = 5.0
_SLOWEST_S = 1.5  # 40 beats a minute
_FASTEST_S = 0.3  # 200
_SHORTEST = const(240)  # samples, 12 s
_AROUND_PEAK = const(160)  # samples, 8 s around the strongest waves, tell the heart's period
_FEWEST_BEATS = const(10)
_WEAKEST_mmHg = 0.3
_STRAY_SHARE = 0.4  # a beat so far from the median of its neighbours is no beat
_MOST_STRAYS = 0.35
_BANDWIDTH_mmHg = 5.0

Estimate = namedtuple("Estimate", ("systolic_mmHg", "diastolic_mmHg", "map_mmHg", "pulse_per_min"))
Beat = namedtuple("Beat", ("at", "cuff_mmHg", "amplitude_mmHg"))  # at: in samples, between two


def estimate(samples, count: int) -> Estimate:
    """Return the blood pressure for `count` samples as `recording.py` makes them, from above systolic to below diastolic.

    Raises RefusedMeasurement with the fault that says why: no pulse, movement, or an envelope that does not show all three.
    """
    if count < _SHORTEST:
        raise RefusedMeasurement(faults.CUFF_NO_PULSE, samples=count)
    waves = _band_pass(samples, count)
    period = _period(waves, count)
    beats = _beats(samples, waves, count, period)
    kept = _without_strays(beats)
    if len(kept) < _FEWEST_BEATS:
        raise RefusedMeasurement(faults.CUFF_NO_PULSE, beats=len(kept))
    if len(kept) < (1 - _MOST_STRAYS) * len(beats):
        raise RefusedMeasurement(faults.CUFF_MOVED, beats=len(beats), strays=len(beats) - len(kept))
    highest = int(max(beat.cuff_mmHg for beat in kept))
    lowest = int(min(beat.cuff_mmHg for beat in kept)) + 1
    envelope = array("f", [_envelope(kept, cuff_mmHg) for cuff_mmHg in range(lowest, highest + 1)])
    peak = max(range(len(envelope)), key=lambda at: envelope[at])
    if envelope[peak] < _WEAKEST_mmHg:
        raise RefusedMeasurement(faults.CUFF_NO_PULSE, amplitude_mmHg=envelope[peak])
    systolic = _crossing(envelope, peak, 1, SYSTOLIC_RATIO * envelope[peak])
    diastolic = _crossing(envelope, peak, -1, DIASTOLIC_RATIO * envelope[peak])
    if systolic is None or diastolic is None:
        raise RefusedMeasurement(faults.CUFF_IMPLAUSIBLE, lowest_mmHg=lowest, highest_mmHg=highest)
    return Estimate(round(lowest + systolic), round(lowest + diastolic), lowest + peak, _pulse_per_min(kept, period))


def _band_pass(samples, count):
    """Return the waves in mmHg: a high-pass and a low-pass, each once forwards and once backwards, so that nothing is shifted."""
    waves = array("f", bytes(4 * count))
    for at in range(count):
        waves[at] = samples[at] / CENTI
    keep = math.exp(-2 * math.pi * _HIGH_PASS_Hz / RATE_per_s)
    follow = 1 - math.exp(-2 * math.pi * _LOW_PASS_Hz / RATE_per_s)
    for direction in (1, -1):
        positions = range(count) if direction > 0 else range(count - 1, -1, -1)
        first = positions[0]
        # begin on the line through the first second, so that the slope makes no wave of its own
        slow = waves[first] - (waves[first + direction * RATE_per_s] - waves[first]) / RATE_per_s * keep / (1 - keep)
        smooth = waves[first] - slow
        for at in positions:
            slow = waves[at] + (slow - waves[at]) * keep
            smooth += (waves[at] - slow - smooth) * follow
            waves[at] = smooth
    return waves


def _period(waves, count):
    """Return the heart's period in samples: where the strongest waves are most like themselves."""
    start, energy = _strongest(waves, count)
    end = start + _AROUND_PEAK
    likeness = array("f", bytes(4 * (int(_SLOWEST_S * RATE_per_s) + 2)))
    for lag in range(int(_FASTEST_S * RATE_per_s) - 1, len(likeness)):
        total = 0.0
        for at in range(start, end - lag):
            total += waves[at] * waves[at + lag]
        likeness[lag] = total / (end - start - lag) * _AROUND_PEAK / energy
    # the first clear maximum: twice the period is as alike
    best = max(likeness)
    for lag in range(int(_FASTEST_S * RATE_per_s), len(likeness) - 1):
        if likeness[lag] > 0.8 * best and likeness[lag] >= likeness[lag - 1] and likeness[lag] >= likeness[lag + 1]:
            return lag
    raise RefusedMeasurement(faults.CUFF_NO_PULSE, likeness=best)


def _strongest(waves, count):
    """Return where the strongest stretch of waves begins, and its energy; the ends, where filters settle, do not count."""
    start, energy, best_start, best = RATE_per_s, 0.0, RATE_per_s, 0.0
    for at in range(start, count - RATE_per_s):
        energy += waves[at] * waves[at]
        if at - start >= _AROUND_PEAK:
            energy -= waves[start] * waves[start]
            start += 1
        if energy > best and start + _AROUND_PEAK <= count - RATE_per_s:
            best, best_start = energy, start
    if best <= 0.0:
        raise RefusedMeasurement(faults.CUFF_NO_PULSE, samples=count)
    return best_start, best


def _beats(samples, waves, count, period):
    """Return the beats: each maximum that is the highest within nearly a period, with the trough before it."""
    reach = max(2, period * 45 // 100)
    beats = []
    at = reach
    while at < count - reach:
        value = waves[at]
        if value > 0 and value >= max(waves[at - reach : at]) and value > max(waves[at + 1 : at + reach + 1]):
            trough = at - 1
            for earlier in range(at - 1, max(0, at - period), -1):
                if waves[earlier] < waves[trough]:
                    trough = earlier
            place, top = _vertex(waves, at, count)
            _, bottom = _vertex(waves, trough, count)
            first, last = max(0, at - period // 2), min(count, at + period - period // 2)
            cuff_mmHg = sum(samples[first:last]) / (last - first) / CENTI
            beats.append(Beat(place, cuff_mmHg, top - bottom))
            at += reach
        else:
            at += 1
    return beats


def _vertex(waves, at, count):
    """Return place and value of the parabola through an extremum and its two neighbours."""
    if not 0 < at < count - 1:
        return float(at), waves[at]
    left, middle, right = waves[at - 1], waves[at], waves[at + 1]
    curve = left - 2 * middle + right
    if curve == 0:
        return float(at), middle
    shift = 0.5 * (left - right) / curve
    return at + shift, middle - 0.25 * (left - right) * shift


def _without_strays(beats):
    """Return the beats whose amplitude is near the median of the five around them."""
    kept = []
    for number, beat in enumerate(beats):
        around = sorted(other.amplitude_mmHg for other in beats[max(0, number - 2) : number + 3])
        middle = around[len(around) // 2]
        if abs(beat.amplitude_mmHg - middle) <= _STRAY_SHARE * middle:
            kept.append(beat)
    return kept


def _envelope(beats, cuff_mmHg):
    """Return the mean amplitude of the beats near this cuff pressure, the nearest counting most."""
    total = weights = 0.0
    for beat in beats:
        distance = (beat.cuff_mmHg - cuff_mmHg) / _BANDWIDTH_mmHg
        if -3 < distance < 3:
            weight = math.exp(-0.5 * distance * distance)
            total += weight * beat.amplitude_mmHg
            weights += weight
    return total / weights if weights else 0.0


def _crossing(envelope, peak, step, level):
    """Return where the envelope, going away from its peak, first falls to the level, between two grid points; None if nowhere."""
    at = peak
    while 0 <= at + step < len(envelope):
        if envelope[at + step] <= level:
            return at + step * (envelope[at] - level) / (envelope[at] - envelope[at + step])
        at += step
    return None


def _pulse_per_min(beats, period):
    """Return the pulse from the intervals that are one period long, give or take a quarter."""
    total, number = 0.0, 0
    for earlier, later in zip(beats, beats[1:]):  # noqa: RUF007 - no itertools here
        interval = later.at - earlier.at
        if 0.75 * period <= interval <= 1.25 * period:
            total += interval
            number += 1
    return round(60 * RATE_per_s * number / total) if number else round(60 * RATE_per_s / period)
