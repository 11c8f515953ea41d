"""One hill for all beats: which of them belong to the envelope, and which are the arm's own movement.

An envelope has one top and falls on both sides, so a bell with two widths describes any of them well enough to tell a beat from a jerk,
even where half of the neighbours are jerks. It only sorts: the pressures are read from the beats that it keeps, not from the bell.
It is found by the least usual distance among some coarse bells, then refined by least squares with weights that forget what lies far off.
"""

import math

from micropython import const

from firmware.cuff import envelope, ranks

_TOPS = const(12)
_WIDTHS_mmHg = (12.0, 20.0, 34.0)
_LEAST_mmHg, _MOST_mmHg = 7.0, 70.0
_ROUNDS = const(8)
_FAR = 4.7  # Tukey's biweight, in usual distances
_LEAST_SPREAD = 0.08  # of the top: breathing alone moves beats so far


def sort(beats, found):
    """Append to `found` whether each beat belongs to the hill, and return the usual distance as a share of its top. Yields often."""
    count = len(beats)
    distances, sizes = envelope.numbers(count), envelope.numbers(count)
    bell = yield from _coarse(beats, distances, sizes)
    spread = _LEAST_SPREAD * bell[0]
    for _ in range(_ROUNDS):
        for number, beat in enumerate(beats):
            distances[number] = beat.height_mmHg - _height(bell, beat.cuff_mmHg)
            sizes[number] = abs(distances[number])
        spread = max(_LEAST_SPREAD * bell[0], 1.48 * ranks.median(sizes, count))
        if not _refine(bell, beats, distances, spread):
            break
        yield
    for beat in beats:
        fitted = _height(bell, beat.cuff_mmHg)
        # on the foot of the hill a beat twice as high as it should be is still a small one
        found.append(abs(beat.height_mmHg - fitted) <= max(0.3 * fitted + 0.05 * bell[0], min(2.5 * spread, 0.2 * bell[0])))
    return spread / 1.48 / max(0.01, bell[0])


def _height(bell, cuff_mmHg):
    away = (cuff_mmHg - bell[1]) / (bell[2] if cuff_mmHg > bell[1] else bell[3])
    return bell[0] * math.exp(-0.5 * away * away)


def _coarse(beats, shapes, scratch):
    """Return [top_mmHg, at_mmHg, width above, width below] of the coarse bell that most beats lie near to, measured by their height.

    shapes, scratch: arrays with room for a number for each beat.
    """
    count, heights = len(beats), beats.height_mmHg
    lowest, highest = min(beats.cuff_mmHg), max(beats.cuff_mmHg)
    best, least = None, 0.0
    for top in range(_TOPS):
        at = lowest + (highest - lowest) * (top + 0.5) / _TOPS
        for above in _WIDTHS_mmHg:
            for below in _WIDTHS_mmHg:
                bell = [1.0, at, above, below]
                tall = 0
                for number in range(count):
                    shapes[number] = _height(bell, beats.cuff_mmHg[number])
                    if shapes[number] > 0.3:
                        scratch[tall] = heights[number] / shapes[number]
                        tall += 1
                if tall >= 5:
                    bell[0] = ranks.median(scratch, tall)
                    for number in range(count):
                        scratch[number] = abs(heights[number] - bell[0] * shapes[number])
                    distance = ranks.median(scratch, count)
                    distance /= max(0.05, bell[0])
                    # two beats alone explain nothing: a bell shall stand over many
                    distance += 0.1 * (1 - tall / count)
                    if best is None or distance < least:
                        best, least = bell, distance
            yield
    if best:
        return best
    scratch[:] = heights
    return [ranks.median(scratch, count), (lowest + highest) / 2, 30.0, 30.0]


def _refine(bell, beats, distances, spread):
    """Move the bell one step of least squares; return whether it still moved."""
    rows = [[0.0] * 5 for _ in range(4)]
    for beat, distance in zip(beats, distances):
        share = distance / (_FAR * spread)
        if -1 < share < 1:
            weight = (1 - share * share) ** 2
            width = bell[2] if beat.cuff_mmHg > bell[1] else bell[3]
            away = (beat.cuff_mmHg - bell[1]) / width
            shape = math.exp(-0.5 * away * away)
            tilt = bell[0] * shape * away / width
            slopes = (shape, tilt, tilt * away if away > 0 else 0.0, tilt * away if away <= 0 else 0.0)
            for row in range(4):
                weighted = weight * slopes[row]
                for column in range(4):
                    rows[row][column] += weighted * slopes[column]
                rows[row][4] += weighted * distance
    step = solve(rows)
    if step is None:
        return False
    bell[0] = max(0.05, bell[0] + max(-0.5 * bell[0], min(0.5 * bell[0], step[0])))
    bell[1] += max(-10.0, min(10.0, step[1]))
    for place in (2, 3):
        bell[place] = max(_LEAST_mmHg, min(_MOST_mmHg, bell[place] + max(-8.0, min(8.0, step[place]))))
    return max(abs(step[1]), abs(step[2]), abs(step[3])) > 0.1


def solve(rows: list[list[float]]) -> list[float] | None:
    """Return the solution of as many equations as there are rows, the right side last in each; a little damped; None: there is none."""
    size = len(rows)
    for row in range(size):
        rows[row][row] = rows[row][row] * 1.02 + 1e-6
    for row in range(size):
        pivot = rows[row][row]
        if pivot <= 1e-9:
            return None
        for below in range(row + 1, size):
            share = rows[below][row] / pivot
            for column in range(row, size + 1):
                rows[below][column] -= share * rows[row][column]
    answer = [0.0] * size
    for row in range(size - 1, -1, -1):
        total = rows[row][size]
        for column in range(row + 1, size):
            total -= rows[row][column] * answer[column]
        answer[row] = total / rows[row][row]
    return answer
