"""The cuff's pressure as an even series of 20 samples a second, and what its pulse says while the air is still in.

Samples arrive as often as the sensor manages, some 100 a second and never evenly; taking every fifth would fold the pump's and the
hand's noise onto the pulse (without an anti-alias filter the spread of real results tripled, docs/devices/cuff.md). So they are
averaged in slices of 25 ms, and a half-band filter goes before every second slice is left out.
The running amplitude only steers the cuff; the result is computed afterwards, from the series, in `oscillometry.py`.
"""

from array import array

from micropython import const

RATE_per_s = const(20)
_SLICE_MS = const(25)
_SAMPLES = const(2600)  # 130 s: from 260 to 40 mmHg at 2 mmHg/s, and a little
CENTI = const(100)  # samples are hundredths of a mmHg

# The amplitude is looked at over 1.5 s, one beat at 40 a minute, twice a second.
_WINDOW = const(30)
_LOOK = const(10)
_SLOW = 0.1  # share of the way that the slow mean goes in a sample: 0.3 Hz
_SETTLING = const(50)  # samples until relaxing cloth and filter leave the pulse alone
_PAST_PEAK = 0.85
_TOP = 0.5  # less than systolic's characteristic ratio
_BOTTOM = 0.5  # less than diastolic's
_LOOKS_BELOW = const(5)
_LEAST_AMPLITUDE_mmHg = 0.3


class Recording:
    """One deflation. `samples` holds `count` hundredths of a mmHg, 20 a second."""

    def __init__(self):
        self.samples = array("h", bytes(2 * _SAMPLES))
        self._window = array("f", bytes(4 * _WINDOW))
        self._slices = array("f", bytes(4 * 7))
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self.count = 0
        self.full = False
        self._began_ms = None
        self._slice = 0  # number of the slice being filled
        self._sum = 0.0
        self._number = 0
        self._filled = 0
        self._slow_1 = self._slow_2 = None
        self._first_amplitude = 0.0
        self._peak_amplitude = 0.0
        self._peak_mmHg = 0.0
        self._below = 0
        self.top_cut = False
        self.seen_enough = False

    def feed(self, pressure_mmHg: float, at_ms: int) -> None:
        """Take a sample at a time that never falls; sets `top_cut`, `seen_enough` and `full`."""
        if self._began_ms is None:
            self._began_ms = at_ms
        number = (at_ms - self._began_ms) // _SLICE_MS
        while self._slice < number:
            # a slice that stayed empty repeats what came last
            self._close_slice(self._sum / self._number if self._number else pressure_mmHg)
            if self._slice == number:
                self._sum, self._number = 0.0, 0
        self._sum += pressure_mmHg
        self._number += 1

    def _close_slice(self, mean_mmHg):
        slices = self._slices
        if not self._filled:
            for at in range(7):
                slices[at] = mean_mmHg
            self._filled = 1
        for at in range(6):
            slices[at] = slices[at + 1]
        slices[6] = mean_mmHg
        self._slice += 1
        if self._slice % 2 == 0:
            # half-band, seven taps: -1 0 9 16 9 0 -1 of 32
            self._keep((9 * (slices[2] + slices[4]) + 16 * slices[3] - slices[0] - slices[6]) / 32)

    def _keep(self, pressure_mmHg):
        if self.count >= _SAMPLES:
            self.full = True
            return
        self.samples[self.count] = max(-32768, min(32767, int(pressure_mmHg * CENTI + 0.5)))
        self.count += 1
        # two slow means take away the falling pressure, the pulse stays
        if self._slow_1 is None:
            self._slow_1 = pressure_mmHg
            self._slow_2 = 0.0
        self._slow_1 += (pressure_mmHg - self._slow_1) * _SLOW
        fast = pressure_mmHg - self._slow_1
        self._slow_2 += (fast - self._slow_2) * _SLOW
        self._window[self.count % _WINDOW] = fast - self._slow_2
        if self.count >= _SETTLING + _WINDOW and self.count % _LOOK == 0:
            self._look(max(self._window) - min(self._window), pressure_mmHg)

    def _look(self, amplitude_mmHg, pressure_mmHg):
        if not self._first_amplitude:
            self._first_amplitude = amplitude_mmHg
        if amplitude_mmHg > self._peak_amplitude:
            self._peak_amplitude = amplitude_mmHg
            self._peak_mmHg = pressure_mmHg
        if self._peak_amplitude < _LEAST_AMPLITUDE_mmHg:
            return
        if amplitude_mmHg < _PAST_PEAK * self._peak_amplitude and self._first_amplitude > _TOP * self._peak_amplitude:
            self.top_cut = True
        below = amplitude_mmHg < _BOTTOM * self._peak_amplitude and pressure_mmHg < self._peak_mmHg
        self._below = self._below + 1 if below else 0
        if self._below >= _LOOKS_BELOW:
            self.seen_enough = True
