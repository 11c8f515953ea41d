"""The cuff's pressure as an even series of 20 samples a second, and what its pulse says while the air is still in.

Samples arrive as often as the sensor manages, some 100 a second and never evenly, or, from a recording, at 20 a second and more. Taking
every fifth would fold the pump's and the hand's noise onto the pulse: without an anti-alias filter the spread of real results tripled
(docs/devices/cuff.md). So they are averaged in slices of at least 20 ms, each mean standing at its own mean time; a cubic curve
through the means is read every 25 ms; and a half-band filter goes before every second value is left out.
The running amplitude only steers the cuff; the result is computed afterwards, from the series, in `oscillometry.py`.
"""

from array import array

from micropython import const

RATE_per_s = const(20)
_SLICE_MS = const(20)
_GRID_MS = const(25)
_GAP_MS = const(1000)  # longer without a value is a hole: bridged by a straight line
CAPACITY = const(3400)  # 170 s, as long as the cuff may hold air
CENTI = const(100)  # samples are hundredths of a mmHg
_MOST = const(32767)
_TAPS = const(11)


class Recording:
    """One deflation. `samples` holds `count` hundredths of a mmHg, 20 a second."""

    def __init__(self):
        self.samples = array("h", bytes(2 * CAPACITY))
        self._line = array("f", bytes(4 * _TAPS))
        self._means = array("f", bytes(4 * 4))  # the last four slices' pressures
        self._times = array("i", bytes(4 * 4))  # and times, in ms from the beginning
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self.count = 0
        self.full = False
        self._began_ms = None
        self._sum = self._sum_ms = 0.0
        self._number = 0
        self._slice_ms = 0
        self._known = 0  # how many slices there are, up to four
        self._grid_ms = 0
        self._filled = False
        self._even = False

    def feed(self, pressure_mmHg: float, at_ms: int) -> bool:
        """Take a sample at a time that never falls; return whether the series grew. `full` says that it cannot any more."""
        if self._began_ms is None:
            self._began_ms = at_ms
        at_ms -= self._began_ms
        before = self.count
        if self._number and at_ms - self._slice_ms >= _SLICE_MS:
            self._point(self._sum / self._number, int(self._sum_ms / self._number + 0.5))
            self._number, self._sum, self._sum_ms = 0, 0.0, 0.0
        if not self._number:
            self._slice_ms = at_ms
        self._sum += pressure_mmHg
        self._sum_ms += at_ms
        self._number += 1
        return self.count > before

    def _point(self, mean_mmHg, at_ms):
        """Take a slice's mean, and read the curve between the two slices before it."""
        means, times = self._means, self._times
        if self._known and at_ms <= times[3]:
            return
        for place in range(3):
            means[place], times[place] = means[place + 1], times[place + 1]
        means[3], times[3] = mean_mmHg, at_ms
        self._known += 1
        if self._known == 1:
            self._grid_ms = at_ms
        if self._known == 3:  # the curve's beginning leans on its first two slices
            means[0], times[0] = 2 * means[1] - means[2], 2 * times[1] - times[2]
        if self._known >= 3:
            while self._grid_ms < times[2] and not self.full:
                self._grid(self._curve_mmHg(self._grid_ms))
                self._grid_ms += _GRID_MS

    def _curve_mmHg(self, at_ms):
        """Return the cubic through the two middle slices with the slopes that their neighbours give them (Hermite, uneven)."""
        means, times = self._means, self._times
        span = times[2] - times[1]
        rise = means[2] - means[1]
        share = (at_ms - times[1]) / span
        if span > _GAP_MS:
            return means[1] + share * rise
        left = (means[2] - means[0]) / (times[2] - times[0]) * span
        right = (means[3] - means[1]) / (times[3] - times[1]) * span
        bend = left + right - 2 * rise
        return means[1] + share * (left + share * (rise - left - bend + share * bend))

    def _grid(self, pressure_mmHg):
        line = self._line
        if not self._filled:
            for place in range(_TAPS):
                line[place] = pressure_mmHg
            self._filled = True
        for place in range(_TAPS - 1):
            line[place] = line[place + 1]
        line[_TAPS - 1] = pressure_mmHg
        self._even = not self._even
        if self._even:
            # half-band, eleven taps: 3 0 -25 0 150 256 150 0 -25 0 3 of 512; flat to 6 Hz, nothing folds onto the pulse
            wave = 256 * line[5] + 150 * (line[4] + line[6]) - 25 * (line[2] + line[8]) + 3 * (line[0] + line[10])
            self._keep(wave / 512)

    def _keep(self, pressure_mmHg):
        if self.count >= CAPACITY:
            self.full = True
            return
        self.samples[self.count] = max(-_MOST, min(_MOST, int(pressure_mmHg * CENTI + 0.5)))
        self.count += 1
