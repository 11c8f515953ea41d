"""Blood pressure from the pulse in a deflating cuff: the oscillometric estimate, its doubts, and when it is refused.

The pulse makes small waves on the falling pressure. Their height is largest near the mean arterial pressure; the systolic and diastolic
pressures are where the envelope has a characteristic share of that maximum. The shares differ between people, and the largest known
reason is the pulse pressure itself: the wider the envelope, the smaller the shares (Babbs 2012, PMC3541069; Chandrasekhar 2019,
PMC6881246). So they stand in a table over the envelope's own width. `envelope.py` makes the envelope; here it is read and doubted.
"""

from array import array

from micropython import const

from firmware.cuff import envelope, hill, ranks, walls
from firmware.cuff.recording import RATE_per_s
from firmware.cuff.results import Estimate
from firmware.errors import RefusedMeasurement
from protocol import faults

# Width of the envelope between the two middle shares below (mmHg), systolic share, diastolic share. The shares span what was published:
# 0.45-0.73 and 0.69-0.83 (Drzewiecki 1994, Forouzanfar 2015), 0.50 and 0.80 (Geddes 1982), and 0.44-0.74 and 0.51-0.85 as what meets
# 5 +- 8 mmHg on average (219 measurements, PubMed 32897911). An ordinary envelope, 42 to 49 mmHg wide, has the middle of those ranges; how
# the shares fall with the width is the mean of what Babbs' model and the exponential-linear one (PMC9958264) say of it.
# Fixed before any recording of a real arm was looked at.
RATIOS = (
    (30, 0.67, 0.79),
    (36, 0.625, 0.765),
    (42, 0.575, 0.735),
    (49, 0.525, 0.70),
    (56, 0.485, 0.665),
    (64, 0.455, 0.635),
    (72, 0.44, 0.615),
    (90, 0.44, 0.59),
)
MIDDLE_SYSTOLIC, MIDDLE_DIASTOLIC = 0.58, 0.77  # between which the width is measured

_SHORTEST = const(160)  # samples, 8 s
_SKIPPED = const(10)  # samples at the beginning, while the cloth relaxes fastest
_SKIPPED_MOST = const(40)
_RELAXING = const(2500)  # hundredths of a mmHg in a second: a hand cuff loses up to 10 mmHg/s in its first seconds
_EXHAUSTING = const(900)  # in half a second, and the next in four: faster is no deflation that one measures in
_EXHAUSTED = const(3200)
_FEWEST_BEATS = const(8)
_FEWEST_HIGH_BEATS = const(5)  # over half of the highest
_WEAKEST_mmHg = 0.25
# How far the highest beat must stand out of the sensor's steps, and of the height that noise alone would have (a share of its roughness,
# measured on noise): less, and the flanks are noise that widens the envelope.
_WEAKEST_steps = 0.85
_WEAKEST_noises = 5.0
_NOISE_HEIGHT = 0.85
_COARSE_mmHg = 0.3  # such steps are rough by themselves, and counted above
_WEAK_BEAT = 0.35
_MOST_STRAYS = 0.4
_MOST_SPREAD = 0.16
_MOST_ROUGH = 0.2  # median distance of a beat from the curve, as a share of it
_LEAST_quality = const(42)
_GRID_mmHg = const(2)
_BEYOND_mmHg = const(8)  # so far the envelope's flank is continued when the recording ends on it
_WIDEST_GAP_mmHg = const(16)  # two beats missed at 5 mmHg a second: more, and the envelope is a guess there
_LEAST_THERE = 0.6  # of the beats that the rhythm promises there: an arm at rest has 0.8 or more (measured), extra beats and all
_GAP_PERIODS = 2.2
_IRREGULAR_SHARE = 0.15  # Kabutoya 2017, PMC8030935: a beat 15 % off the mean, in one of five beats
_IRREGULAR_percent = const(20)
_RHYTHM_LEAST = 0.25


def estimate(samples, count: int, step_mmHg: float = 0.0, stairs=None) -> Estimate:
    """Return the blood pressure for `count` samples as `recording.py` makes them, from above systolic to below diastolic.

    step_mmHg: what the sensor tells apart, when that is coarse; stairs: makes `stairs.Stairs` of a recording that may fall in steps.

    Raises RefusedMeasurement with the fault that says why: weak pulse, too few beats, movement, or an envelope cut off.
    """
    work = steps(samples, count, step_mmHg, stairs)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def steps(samples, count: int, step_mmHg: float = 0.0, stairs=None):
    """Do the same as a generator, which yields often and returns the Estimate. Raises as `estimate`."""
    first, end = _deflation(samples, count)
    if end - first < _SHORTEST:
        raise RefusedMeasurement(faults.CUFF_TOO_FEW_BEATS, samples=end - first)
    waves = array("h", bytes(2 * count))
    falling = stairs(samples, first, end) if stairs else None
    level = falling.level if falling and falling.level else samples
    yield from envelope.band_pass(level, first, end, waves, envelope.RHYTHM_Hz)
    rhythm = [0.0, 0.0]
    yield from envelope.period(waves, first, end, rhythm)
    if not rhythm[0]:
        raise RefusedMeasurement(_without_rhythm(waves, first, end))
    low_pass_Hz = envelope.low_pass_Hz(rhythm[0], step_mmHg)
    yield from envelope.band_pass(level, first, end, waves, low_pass_Hz)
    found = yield from envelope.beats(samples, waves, first, end, rhythm[0])
    waves = None  # its room is wanted below
    if falling:
        half = rhythm[0] / 2
        found = found.only(lambda _, beat: falling.whole(int(beat.at - half), int(beat.at + half)))
    if len(found) < _FEWEST_BEATS:
        raise RefusedMeasurement(faults.CUFF_TOO_FEW_BEATS, beats=len(found))
    belongs = bytearray()
    spread = yield from hill.sort(found, belongs)
    kept = found.only(lambda number, beat: belongs[number] and beat.height_mmHg > 0)
    if len(kept) < _FEWEST_BEATS or len(kept) < (1 - _MOST_STRAYS) * len(found):
        raise RefusedMeasurement(faults.CUFF_MOVED, beats=len(found), kept=len(kept))
    weights = envelope.numbers(len(kept))
    rough = yield from _weigh(kept, weights)
    curve, lowest = yield from _curve(kept, weights)
    peak = max(range(len(curve)), key=lambda at: curve[at])
    top = curve[peak]
    noise_mmHg = 0.0 if step_mmHg > _COARSE_mmHg else _NOISE_HEIGHT * envelope.roughness_mmHg(samples, first, end)
    if top < max(_WEAKEST_mmHg, _WEAKEST_steps * step_mmHg, _WEAKEST_noises * noise_mmHg):
        raise RefusedMeasurement(faults.CUFF_NO_PULSE, height_mmHg=top)
    if sum(height_mmHg > top / 2 for height_mmHg in kept.height_mmHg) < _FEWEST_HIGH_BEATS:
        raise RefusedMeasurement(faults.CUFF_TOO_FEW_BEATS, beats=len(kept))
    strays = 1 - len(kept) / len(found)
    if rough > _MOST_ROUGH or spread > _MOST_SPREAD or rhythm[1] < _RHYTHM_LEAST:
        raise RefusedMeasurement(faults.CUFF_MOVED, strays=strays, spread=spread, rough=rough, rhythm=rhythm[1])
    systolic, diastolic = _read(curve, peak)
    if systolic is None or diastolic is None:
        raise RefusedMeasurement(faults.CUFF_CUT_OFF, top=systolic is None)
    mean, systolic, diastolic = [lowest + place * _GRID_mmHg for place in (peak + _vertex(curve, peak), systolic, diastolic)]
    harmonics = low_pass_Hz * rhythm[0] / RATE_per_s
    systolic, diastolic = yield from walls.pressures(kept, weights, rough, harmonics, systolic, diastolic)
    gap_mmHg, there = _holes(kept, systolic, diastolic, rhythm[0])
    # in a staircase a beat that a step cuts is no sign of movement
    if gap_mmHg > _WIDEST_GAP_mmHg or (there < _LEAST_THERE and not (falling and falling.level)):
        raise RefusedMeasurement(faults.CUFF_MOVED, gap_mmHg=gap_mmHg, there=there)
    pressures = [round(pressure_mmHg) for pressure_mmHg in (systolic, mean, diastolic)]
    if not 40 <= pressures[0] <= 280 or not 20 <= pressures[2] <= 200 or pressures[0] - pressures[2] < 10:
        raise RefusedMeasurement(faults.CUFF_IMPLAUSIBLE, systolic_mmHg=pressures[0], diastolic_mmHg=pressures[2])
    mean_mmHg = max(pressures[2] + 1, min(pressures[0] - 1, pressures[1]))
    pulse_per_min, irregular = _pulse(found, top, rhythm[0], falling)
    doubt = 120 * strays + 250 * rough + 40 * (1 - rhythm[1]) + (15 if top < 2 * _WEAKEST_mmHg else 0)
    quality = max(0, min(100, int(100 - doubt)))
    if quality < _LEAST_quality:
        raise RefusedMeasurement(faults.CUFF_MOVED, quality=quality)
    return Estimate(pressures[0], pressures[2], mean_mmHg, pulse_per_min, irregular, quality)


def _deflation(samples, count):
    """Return where the deflation begins and ends: without the fast relaxation before it and the exhaust after it."""
    first = _SKIPPED
    while first < _SKIPPED_MOST and first + RATE_per_s < count // 2 and samples[first] - samples[first + RATE_per_s] > _RELAXING:
        first += 2
    for at in range(max(first, count // 4, 2 * RATE_per_s), count - RATE_per_s // 2):
        # a jerk of the arm falls as fast, but from above where the pressure was, and comes back
        later = min(count - 1, at + 2 * RATE_per_s)
        if samples[at] - samples[at + RATE_per_s // 2] > _EXHAUSTING and samples[at - 2 * RATE_per_s] - samples[later] > _EXHAUSTED:
            return first, max(first, at - RATE_per_s // 4)
    return first, count


def _without_rhythm(waves, first, end):
    """Return the fault: nothing there, or much and no pulse in it."""
    total = 0.0
    for at in range(first, end):
        total += abs(waves[at])
    return faults.CUFF_NO_PULSE if total / (end - first) < _WEAKEST_mmHg * envelope.MILLI else faults.CUFF_MOVED


def _weigh(kept, weights):
    """Weigh all beats alike, then twice those less that lie off the curve through the others; return their usual distance as its share."""
    rough, count = 0.0, len(kept)
    distances, sizes = envelope.numbers(count), envelope.numbers(count)
    for number in range(count):
        weights[number] = 1.0
    for _ in range(2):
        for number, beat in enumerate(kept):
            fitted = max(0.05, envelope.height(kept, weights, beat.cuff_mmHg))
            distances[number] = (beat.height_mmHg - fitted) / fitted
            sizes[number] = abs(distances[number])
            yield
        rough = ranks.median(sizes, count)
        reach = max(0.1, 6 * rough)
        for number, distance in enumerate(distances):
            share = min(1.0, abs(distance) / reach)
            weights[number] = max(0.001, (1 - share * share) ** 2)
    return rough


def _curve(kept, weights):
    """Return the envelope every 2 mmHg, and the pressure it begins at."""
    lowest, highest = int(min(kept.cuff_mmHg)), max(kept.cuff_mmHg)
    curve = envelope.numbers(int(highest - lowest) // _GRID_mmHg + 1)
    for place in range(len(curve)):
        curve[place] = envelope.height(kept, weights, lowest + place * _GRID_mmHg)
        yield
    return curve, lowest


def _read(curve, peak):
    """Return the places of the systolic and diastolic pressures on the curve, None for what it does not show."""
    systolic = _crossing(curve, peak, 1, MIDDLE_SYSTOLIC)
    diastolic = _crossing(curve, peak, -1, MIDDLE_DIASTOLIC)
    if systolic is None or diastolic is None:
        return systolic, diastolic
    systolic_ratio, diastolic_ratio = ratios((systolic - diastolic) * _GRID_mmHg)
    return _crossing(curve, peak, 1, systolic_ratio), _crossing(curve, peak, -1, diastolic_ratio)


def ratios(width_mmHg: float) -> tuple[float, float]:
    """Return the systolic and diastolic shares for an envelope of this width, between the rows of RATIOS."""
    before = RATIOS[0]
    for row in RATIOS:
        if width_mmHg <= row[0]:
            share = (width_mmHg - before[0]) / (row[0] - before[0]) if row[0] > before[0] else 0.0
            return before[1] + share * (row[1] - before[1]), before[2] + share * (row[2] - before[2])
        before = row
    return before[1], before[2]


def _holes(kept, systolic_mmHg, diastolic_mmHg, rhythm):
    """Return the widest stretch without a beat between the two pressures and a little beyond, and the share of its beats that are there."""
    lowest, highest = diastolic_mmHg - _BEYOND_mmHg, systolic_mmHg + _BEYOND_mmHg
    near = kept.only(lambda _, beat: lowest < beat.cuff_mmHg < highest)
    widest = 0.0
    for number in range(1, len(kept)):
        earlier, later = kept.cuff_mmHg[number - 1], kept.cuff_mmHg[number]
        if later < highest and earlier > lowest:
            widest = max(widest, earlier - later)
    lasted = near.at[-1] - near.at[0] if len(near) else 0
    return widest, (len(near) - 1) * rhythm / lasted if lasted else 0.0


def _crossing(curve, peak, step, ratio):
    """Return where the envelope, going away from its peak, first falls to this share of it, between two grid points; None if nowhere.

    A flank that the recording cuts off just before is continued as it last fell, for a little.
    """
    level = ratio * curve[peak]
    at = peak
    while 0 <= at + step < len(curve):
        if curve[at + step] <= level:
            return at + step * (curve[at] - level) / (curve[at] - curve[at + step])
        at += step
    back = 8 // _GRID_mmHg
    if abs(at - peak) < 2 * back:
        return None
    fall = (curve[at - step * back] - curve[at]) / back
    if fall <= 0:
        return None
    beyond = (curve[at] - level) / fall
    return at + step * beyond if beyond * _GRID_mmHg <= _BEYOND_mmHg else None


def _vertex(curve, peak):
    if not 0 < peak < len(curve) - 1:
        return 0.0
    left, middle, right = curve[peak - 1], curve[peak], curve[peak + 1]
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend else 0.0


def _pulse(beats, top, rhythm, falling):
    """Return the pulse, and whether it is irregular: weak beats, gaps and steps do not count."""
    intervals, count = envelope.numbers(len(beats)), 0
    for number in range(1, len(beats)):
        earlier, later = beats[number - 1], beats[number]
        if min(earlier.height_mmHg, later.height_mmHg) >= _WEAK_BEAT * top:
            interval = later.at - earlier.at
            if interval <= _GAP_PERIODS * rhythm and not (falling and not falling.whole(int(earlier.at), int(later.at))):
                intervals[count] = interval
                count += 1
    if count < _FEWEST_HIGH_BEATS:
        return round(60 * RATE_per_s / rhythm), False
    usual = ranks.median(intervals, count)
    total = near = off = 0
    for number in range(count):
        if abs(intervals[number] - usual) < usual / 2:
            total += intervals[number]
            near += 1
    mean = total / near
    for number in range(count):
        off += abs(intervals[number] - mean) >= _IRREGULAR_SHARE * mean
    return round(60 * RATE_per_s / mean), 100 * off >= _IRREGULAR_percent * count
