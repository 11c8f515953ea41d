"""A recording of a cuff's pressure, through the same code that measures on the device; no device carries this file.

The recording is read twice, in a bounded heap: once to find the deflation, which is the longest fall that nobody pumps up again, and
once to feed it. A cuff that was pumped by hand goes up in steps, and a moving arm lifts it for a second or two; neither begins anew.
"""

import struct
from array import array

from micropython import const

from firmware.cuff import limits, oscillometry
from firmware.cuff.recording import Recording
from firmware.cuff.stairs import Stairs
from firmware.errors import RefusedMeasurement
from protocol import faults

ROW = "<ii"  # time in ms, pressure in thousandths of a mmHg
_ROW_BYTES = const(8)
_ROWS = const(64)
_BIN_MS = const(500)
_BINS = const(3600)  # 30 minutes
_PUMPED_mmHg = const(12)
_PUMPED_BINS = const(6)
_LOWEST_mmHg = const(20)  # nothing is looked for below
_LEAST_FALL_mmHg = const(30)
_COARSEST_mmHg = const(1000)
_ZEROING_MS = const(1000)
_ZERO_MOST_mmHg = const(12)


def run(path: str) -> list:
    """Return the seven fields of an Estimate's kind: [fault code or 0, systolic, diastolic, MAP, pulse, irregular, quality]."""
    bins, count = _bins(path)
    start, end = deflation(bins, count)
    zero_mmHg = _zero_mmHg(path, start)
    recording = Recording()
    step_mmHg = last_mmHg = _COARSEST_mmHg
    for at_ms, pressure_mmHg in _rows(path):
        number = at_ms // _BIN_MS
        if start <= number <= end and pressure_mmHg - zero_mmHg >= _LOWEST_mmHg:
            recording.feed(pressure_mmHg - zero_mmHg, at_ms)
            if pressure_mmHg != last_mmHg:
                step_mmHg = min(step_mmHg, abs(pressure_mmHg - last_mmHg))
                last_mmHg = pressure_mmHg
    try:
        if end <= start or bins[start] - bins[end] < _LEAST_FALL_mmHg:
            raise RefusedMeasurement(faults.CUFF_CUT_OFF)
        found = oscillometry.estimate(recording.samples, recording.count, step_mmHg, Stairs)
    except RefusedMeasurement as refused:
        return [refused.fault, None, None, None, None, None, None]
    return [0] + list(found)


def deflation(bins, count: int) -> tuple[int, int]:
    """Return the first and last bin of the longest fall."""
    best_start = best_end = 0
    start = lowest = 0
    above = 0
    for number in range(count):
        if bins[number] >= bins[start] and lowest == start:
            start = lowest = number  # still on the way up
        if bins[number] < bins[lowest]:
            lowest = number
        above = above + 1 if bins[number] > bins[lowest] + _PUMPED_mmHg else 0
        if above > _PUMPED_BINS:
            # pumped up again: a new fall begins at the highest since
            start = lowest = max(range(lowest, number + 1), key=lambda at: bins[at])
            above = 0
        if bins[start] - bins[lowest] > bins[best_start] - bins[best_end]:
            best_start, best_end = start, lowest
    return best_start, best_end


def _zero_mmHg(path, start):
    """Return what an empty cuff showed before it was pumped up, 0 when the recording begins with air in it."""
    if start * _BIN_MS < 2 * _ZEROING_MS:
        return 0.0
    least, most, total, number = 1000.0, -1000.0, 0.0, 0
    for at_ms, pressure_mmHg in _rows(path):
        if at_ms >= _ZEROING_MS:
            break
        least, most = min(least, pressure_mmHg), max(most, pressure_mmHg)
        total += pressure_mmHg
        number += 1
    if most - least > limits.ZERO_SPREAD_mmHg or max(most, -least) > _ZERO_MOST_mmHg:
        return 0.0
    return total / number


def _bins(path):
    """Return the mean pressure of every half second, a hole repeating what was before, and how many there are."""
    bins = array("h", bytes(2 * _BINS))
    total = number = count = 0
    current = 0
    for at_ms, pressure_mmHg in _rows(path):
        place = min(_BINS - 1, at_ms // _BIN_MS)
        if place != current:
            mean = int(total / number) if number else 0
            for between in range(current, place):
                bins[between] = mean
            current, total, number = place, 0.0, 0
        total += pressure_mmHg
        number += 1
        count = place + 1
    if number:
        bins[current] = int(total / number)
    return bins, count


def _rows(path):
    buffer = bytearray(_ROW_BYTES * _ROWS)
    with open(path, "rb") as file:
        while True:
            got = file.readinto(buffer)
            if not got:
                return
            for place in range(0, got - _ROW_BYTES + 1, _ROW_BYTES):
                at_ms, thousandths = struct.unpack_from(ROW, buffer, place)
                yield at_ms, thousandths / 1000
