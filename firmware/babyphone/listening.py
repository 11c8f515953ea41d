"""How loud the room is, in dB(A), out of microphone samples; nothing of the sound itself stays.

A-weighting (IEC 61672-1, poles at 20.6, 107.7, 737.9 and 12194 Hz) as four one-pole high-passes and one zero at 16 kHz, in whole numbers,
because a device's floats each cost memory: within 0.2 dB of the curve from 20 Hz to 6.3 kHz, 0.6 at 7.5 kHz (tests say so).
The device listens to a quarter of the time, 64 ms in every 250: enough for a level, and far within what an ESP32-S3 can do in
bytecode.
"""

import math

from micropython import const

# one-pole shares of 32768 at 16 kHz: 1 - exp(-2 pi f / 16000)
_SHARE_20 = const(264)
_SHARE_107 = const(1357)
_SHARE_738 = const(8243)
_HALF = const(16384)
_SHIFT = const(15)
# Two bits of 24 are below the microphone's own noise; without them, all up to 94 dB stays in a device's small numbers.
_DROPPED_BITS = const(2)
_SQUARE_BITS = const(6)

# 94 dB SPL are 297 286 counts rms (DS-000069, sensitivity); the filter above takes 0.526 dB at 1 kHz, where A-weighting takes none.
_COUNTS_AT_94_dB = const(297_286)
_FILTER_dB = 0.526
_QUIETEST_dB = 20.0  # below what this microphone can hear


class Loudness:
    """Feed it blocks of 24-bit counts at 16 kHz; `take_half_dB` gives the level of all since the last time."""

    def __init__(self):
        self._slow_1 = self._slow_2 = self._slow_3 = self._slow_4 = 0
        self._before = 0
        self._settling = True
        self._energy = 0
        self._number = 0

    def feed(self, samples, count: int) -> None:
        """Take the first `count` of `samples`. The first block only settles the filter."""
        slow_1, slow_2, slow_3, slow_4 = self._slow_1, self._slow_2, self._slow_3, self._slow_4
        before = self._before
        energy = 0
        for at in range(count):
            now = samples[at] >> _DROPPED_BITS
            value = (8 * now + before) // 9 - slow_1
            before = now
            slow_1 += (value * _SHARE_20 + _HALF) >> _SHIFT
            value -= slow_2
            slow_2 += (value * _SHARE_20 + _HALF) >> _SHIFT
            value -= slow_3
            slow_3 += (value * _SHARE_107 + _HALF) >> _SHIFT
            value -= slow_4
            slow_4 += (value * _SHARE_738 + _HALF) >> _SHIFT
            energy += value * value >> _SQUARE_BITS
        self._slow_1, self._slow_2, self._slow_3, self._slow_4 = slow_1, slow_2, slow_3, slow_4
        self._before = before
        if self._settling:
            self._settling = False
            return
        self._energy += energy
        self._number += count

    def take_half_dB(self) -> int | None:
        """Return the A-weighted level in half dB, or None when nothing was heard since the last time."""
        if not self._number:
            return None
        square = self._energy * (1 << _SQUARE_BITS) / self._number + 1
        self._energy = self._number = 0
        counts = math.sqrt(square) * (1 << _DROPPED_BITS)
        level_dB = 94 + 20 * math.log10(counts / _COUNTS_AT_94_dB) + _FILTER_dB
        return round(2 * max(_QUIETEST_dB, level_dB))
