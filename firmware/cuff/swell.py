"""How strong the pulse is while the air is still in: a running height of its waves, which steers the cuff and measures nothing.

On the way up it shows where the pulse has faded, which is about the systolic pressure; on the way down, whether the recording began too
low, and when it has seen enough. The result is computed afterwards, from the whole recording, in `oscillometry.py`.
"""

from array import array

from micropython import const

# The height is looked at over 1.5 s, one beat at 40 a minute, twice a second.
_WINDOW = const(30)
_LOOK = const(10)
_SLOW = 0.1  # share of the way that a slow mean goes in a sample: 0.3 Hz
_SETTLING = const(50)  # samples until relaxing cloth and filters leave the pulse alone
_PAST_PEAK = 0.85
_TOP = 0.5  # about systolic's characteristic ratio
_BOTTOM = 0.5  # less than diastolic's
_LOOKS_BELOW = const(3)
_CALM = const(13)  # looks, 6.5 s, of which the middle one counts on the way down: a jerk is over before
_LOOKS_FADED = const(2)
_LEAST_mmHg = 0.3


class Swell:
    """`feed` it 20 samples a second. `top_cut`, `seen_enough`: on the way down. `systolic_mmHg`: on the way up, None before."""

    def __init__(self):
        self._window = array("f", bytes(4 * _WINDOW))
        self._heights = []
        self.restart(True)

    def restart(self, upward: bool) -> None:
        """Begin anew, on the way up or down."""
        self._upwards = upward
        self._heights.clear()
        self.top_cut = False
        self.seen_enough = False
        self.systolic_mmHg = None
        self._count = 0
        self._slow_1 = self._slow_2 = 0.0
        self._first = 0.0
        self._peak = 0.0
        self._peak_mmHg = 0.0
        self._below = 0
        self._faded = 0
        self._faded_mmHg = 0.0

    @property
    def felt(self) -> bool:
        """Whether there is a pulse at all."""
        return self._peak >= _LEAST_mmHg

    def feed(self, pressure_mmHg: float) -> None:
        """Take the next sample."""
        if not self._count:
            self._slow_1 = pressure_mmHg
        self._count += 1
        # two slow means take away the moving pressure, the pulse stays
        self._slow_1 += (pressure_mmHg - self._slow_1) * _SLOW
        fast = pressure_mmHg - self._slow_1
        self._slow_2 += (fast - self._slow_2) * _SLOW
        self._window[self._count % _WINDOW] = fast - self._slow_2
        if self._count >= _SETTLING + _WINDOW and self._count % _LOOK == 0:
            self._look(max(self._window) - min(self._window), pressure_mmHg)

    def _look(self, height_mmHg, pressure_mmHg):
        if self._upwards:
            self._look_up(height_mmHg, pressure_mmHg)
            return
        heights = self._heights
        heights.append(height_mmHg)
        if len(heights) > _CALM:
            heights.pop(0)
        if len(heights) < _CALM // 2:
            return
        height_mmHg = sorted(heights)[len(heights) // 2]
        if not self._first:
            self._first = height_mmHg
        self._higher(height_mmHg, pressure_mmHg)
        if self._peak < _LEAST_mmHg:
            return
        if height_mmHg < _PAST_PEAK * self._peak and self._first > _TOP * self._peak:
            self.top_cut = True
        below = height_mmHg < _BOTTOM * self._peak and pressure_mmHg < self._peak_mmHg
        self._below = self._below + 1 if below else 0
        if self._below >= _LOOKS_BELOW:
            self.seen_enough = True

    def _look_up(self, height_mmHg, pressure_mmHg):
        self._higher(height_mmHg, pressure_mmHg)
        if self.felt and height_mmHg < _TOP * self._peak and pressure_mmHg > self._peak_mmHg:
            if not self._faded:
                self._faded_mmHg = pressure_mmHg
            self._faded += 1
            if self._faded >= _LOOKS_FADED and self.systolic_mmHg is None:
                self.systolic_mmHg = self._faded_mmHg
        else:
            self._faded = 0
            self.systolic_mmHg = None

    def _higher(self, height_mmHg, pressure_mmHg):
        if height_mmHg > self._peak:
            self._peak = height_mmHg
            self._peak_mmHg = pressure_mmHg
