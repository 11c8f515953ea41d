"""The waves of the pulse on the falling pressure, beat by beat, and the smooth curve of their height against the cuff's pressure.

Filters run forwards and backwards, so that nothing is shifted: a causal one costs 1 to 2 mmHg. A beat's height is its top above the mean
of the troughs on both sides, which a slope of the baseline cannot change. The curve is a local parabola with robust weights, because a
running mean lowers and widens the top. Everything yields often: the arithmetic takes seconds on a device, and others must live.
"""

import math
from array import array
from collections import namedtuple

from micropython import const

from firmware.cuff import ranks
from firmware.cuff.recording import CENTI, RATE_per_s

_HIGH_PASS_Hz = 0.4
RHYTHM_Hz = 4.0  # the low pass for finding the rhythm; then it follows the heart
# A coarse sensor's steps make waves near 5 Hz, which widen the envelope: the coarser, the lower the pass.
# Step of the sensor in mmHg, low pass in harmonics of the pulse, the lowest in Hz.
_LOW_PASSES = ((0.8, 2.2, 2.0), (0.3, 3.0, 2.6), (0.0, 4.5, 3.5))
_LOW_PASS_MOST_Hz = 6.5
MILLI = const(1000)  # waves are thousandths of a mmHg
_MOST = const(32767)
_SLOWEST = const(32)  # samples between beats: 38 a minute
_FASTEST = const(6)  # 200
_WINDOW = const(120)  # samples, 6 s, in which the heart's period is looked for
_STRIDE = const(60)
_LIKE = 0.45  # a window less like itself has no rhythm
_REACH_percent = const(55)  # of a period, to each side, within which a top is the highest
BANDWIDTH_mmHg = 9.0
_LOOKS = const(300)
_ROUGHEST = const(65_535)
_LEAST_WEIGHT = 0.01

# at: the top, in samples, between two
Beat = namedtuple("Beat", ("at", "cuff_mmHg", "height_mmHg"))


class Beats:
    """Beats in their order, as three arrays: a list of tuples of numbers takes seven times the memory, and a fast pulse makes hundreds."""

    def __init__(self, most: int):
        self.at, self.cuff_mmHg, self.height_mmHg = numbers(most), numbers(most), numbers(most)
        self._count = 0

    def append(self, beat: Beat) -> None:
        """Take one more, up to `most`."""
        self.at[self._count], self.cuff_mmHg[self._count], self.height_mmHg[self._count] = beat
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Beat:
        if number >= self._count:
            raise IndexError
        return Beat(self.at[number], self.cuff_mmHg[number], self.height_mmHg[number])

    def only(self, wanted) -> "Beats":
        """Return those for which wanted(number, beat) holds."""
        chosen = Beats(sum(1 for number, beat in enumerate(self) if wanted(number, beat)))
        for number, beat in enumerate(self):
            if wanted(number, beat):
                chosen.append(beat)
        return chosen


def numbers(count: int):
    """Return so many zeros in one piece: what grows moves, and leaves holes in the heap that nothing large fits into."""
    return array("f", bytes(4 * count))


def band_pass(samples, first: int, end: int, waves, low_pass_Hz: float):
    """Fill waves[first:end] with the pulse in thousandths of a mmHg. A generator that yields often.

    One pole at 0.4 Hz and two at `low_pass_Hz`, once forwards and once backwards.
    """
    keep = math.exp(-2 * math.pi * _HIGH_PASS_Hz / RATE_per_s)
    follow = 1 - math.exp(-2 * math.pi * low_pass_Hz / RATE_per_s)
    lag = keep / (1 - keep)
    for direction in (1, -1):
        start = first if direction > 0 else end - 1
        source, scale = (samples, MILLI // CENTI) if direction > 0 else (waves, 1)
        # begin on the line through the first two seconds, so that the slope makes no wave of its own
        one, other = _mean(source, start, direction) * scale, _mean(source, start + direction * RATE_per_s, direction) * scale
        slope = (other - one) / RATE_per_s
        slow = one - slope * (RATE_per_s / 2 + lag)
        smooth = smoother = source[start] * scale - slow if direction > 0 else 0.0
        for number in range(end - first):
            at = start + direction * number
            value = source[at] * scale
            slow = value + (slow - value) * keep
            smooth += (value - slow - smooth) * follow
            smoother += (smooth - smoother) * follow
            waves[at] = max(-_MOST, min(_MOST, int(smoother)))
            if number & 255 == 255:
                yield


def low_pass_Hz(rhythm: float, step_mmHg: float) -> float:
    """Return the low pass that keeps the shape of beats `rhythm` samples apart, from a sensor with such steps."""
    _, harmonics, least_Hz = next(row for row in _LOW_PASSES if step_mmHg >= row[0])
    return max(least_Hz, min(_LOW_PASS_MOST_Hz, harmonics * RATE_per_s / rhythm))


def _mean(values, start, direction):
    total = 0
    for number in range(RATE_per_s):
        total += values[start + direction * number]
    return total / RATE_per_s


def period(waves, first: int, end: int, found):
    """Set found[0] to the heart's period in samples, 0 when there is none, and found[1] to the share of windows with a rhythm.

    Each window votes with the first clear maximum of its likeness to itself, its vote weighed by likeness and by the size of its waves
    up to the usual one: a jerk of the arm is large, yet not like itself. A generator that yields often.
    """
    votes = []
    windows = 0
    for start in range(first, end - _WINDOW + 1, _STRIDE):
        energy = 1.0
        for at in range(start, start + _WINDOW):
            energy += waves[at] * waves[at]
        yield
        windows += 1
        lag, likeness = _rhythm(waves, start, energy)
        if likeness > _LIKE:
            votes.append((lag, likeness, math.sqrt(energy)))
    if not votes:
        found[0], found[1] = 0.0, 0.0
        return
    usual = sorted(vote[2] for vote in votes)[len(votes) // 2]
    total = sum(vote[1] ** 2 * min(vote[2], usual) for vote in votes)
    votes.sort()
    passed = 0.0
    for lag, likeness, size in votes:
        passed += likeness**2 * min(size, usual)
        if passed >= total / 2:
            found[0], found[1] = lag, len(votes) / windows
            return


def _rhythm(waves, start, energy):
    likeness = []
    for lag in range(_FASTEST - 1, _SLOWEST + 2):
        total = 0.0
        for at in range(start, start + _WINDOW - lag):
            total += waves[at] * waves[at + lag]
        likeness.append(total / energy * _WINDOW / (_WINDOW - lag))
    # the first clear maximum: twice the period is as alike
    best = max(likeness)
    for place in range(1, len(likeness) - 1):
        left, middle, right = likeness[place - 1], likeness[place], likeness[place + 1]
        if middle > 0.8 * best and middle >= left and middle >= right:
            curve = left - 2 * middle + right
            return place + _FASTEST - 1 + (0.5 * (left - right) / curve if curve else 0.0), middle
    return 0.0, 0.0


def beats(samples, waves, first: int, end: int, rhythm: float):
    """Return the Beats whose tops are the highest within most of a period on both sides. A generator that yields often."""
    reach = max(3, int(rhythm * _REACH_percent / 100))
    half = max(3, int(rhythm / 2 + 0.5))
    tops = array("h")
    at = first + 1
    while at < end - 1:
        value = waves[at]
        if value > 0 and value >= waves[at - 1] and value > waves[at + 1]:
            low, high = max(first, at - reach), min(end, at + reach + 1)
            if value >= max(waves[low:high]):
                tops.append(at)
                at += reach - 1
        at += 1
        if at & 127 == 0:
            yield
    found = Beats(sum(first <= top - half and top + half < end for top in tops))
    for number, top in enumerate(tops):
        before = max(tops[number - 1] if number else first, top - int(rhythm * 1.3))
        after = min(tops[number + 1] if number + 1 < len(tops) else end - 1, top + int(rhythm * 1.3))
        if top - half < first or top + half >= end:
            continue
        place, height = _vertex(waves, top)
        left, right = _lowest(waves, before, top), _lowest(waves, top, after)
        # the line between both troughs, read at the top
        span = right - left
        floor = waves[left] + (waves[right] - waves[left]) * (top - left) / span if span else waves[left]
        cuff = 0
        for sample in range(top - half, top + half + 1):
            cuff += samples[sample]
        found.append(Beat(place, cuff / (2 * half + 1) / CENTI, (height - floor) / MILLI))
        if number & 7 == 7:
            yield
    return found


def roughness_mmHg(samples, first: int, end: int) -> float:
    """Return how rough the calmest quarter of the series is between 5 and 9 Hz, where hardly any pulse is left and no hum either."""
    step = max(1, (end - first) // _LOOKS)
    found = array("H", bytes(2 * ((end - 5 - first + step - 1) // step)))
    for number in range(len(found)):
        at = first + number * step
        # the fourth difference of sums of two, which takes away what lies at half of the rate
        one, two, three, four, five, six = samples[at : at + 6]
        found[number] = min(_ROUGHEST, abs(one + six - 3 * (two + five) + 2 * (three + four)))
    return ranks.nth(found, len(found) // 4, len(found)) / CENTI


def _lowest(waves, start, end):
    lowest = start
    for at in range(start, end + 1):
        if waves[at] < waves[lowest]:
            lowest = at
    return lowest


def _vertex(waves, at):
    """Return place and height of the parabola through a top and its two neighbours."""
    left, middle, right = waves[at - 1], waves[at], waves[at + 1]
    curve = left - 2 * middle + right
    if curve == 0:
        return float(at), middle
    shift = 0.5 * (left - right) / curve
    return at + shift, middle - 0.25 * (left - right) * shift


def height(kept: Beats, weights, cuff_mmHg: float) -> float:
    """Return the usual height of a beat at this cuff pressure: a parabola through the near beats, a mean where they are few."""
    s0 = s1 = s2 = s3 = s4 = t0 = t1 = t2 = 0.0
    for number in range(len(kept)):
        x = (kept.cuff_mmHg[number] - cuff_mmHg) / BANDWIDTH_mmHg
        if -3 < x < 3:
            weight = weights[number] * math.exp(-0.5 * x * x)
            y = kept.height_mmHg[number]
            s0 += weight
            t0 += weight * y
            weight *= x
            s1 += weight
            t1 += weight * y
            weight *= x
            s2 += weight
            t2 += weight * y
            weight *= x
            s3 += weight
            s4 += weight * x
    if s0 < _LEAST_WEIGHT:
        return 0.0
    # a little of everything upright keeps the parabola from leaping where beats are few
    s2 += 0.02 * s0
    s4 += 0.35 * s0
    one, two, three = s2 * s4 - s3 * s3, s1 * s4 - s2 * s3, s1 * s3 - s2 * s2
    whole = s0 * one - s1 * two + s2 * three
    if whole <= 1e-6 * s0 * s0 * s0:
        return t0 / s0
    return max(0.0, (t0 * one - s1 * (t1 * s4 - t2 * s3) + s2 * (t1 * s3 - t2 * s2)) / whole)
