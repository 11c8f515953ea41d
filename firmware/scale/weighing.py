"""How a weight is found among the converter's counts: zero, step-on, stillness, life, hold.

Pure: counts and times go in, events of `states.py` come out. All arithmetic is in whole grams, because a 32-bit float is coarse
where it matters and a device has no other. Heartbeat and tremor shake a standing person's force at 2 to 8 Hz by 20 to 40 g rms,
so stillness is judged on the mean of three conversions; and because nobody alive stands as still as a parcel lies, what does not
shake at all is not weighed.

Source of the figures: shares and strays of means over 99 people standing on a force platform (docs/devices/scale.md).
"""

from array import array

from micropython import const

from firmware.scale import states

_STEPPED_ON_g = const(5000)
_STEPPED_OFF_g = const(2000)
_LIGHTEST_g = const(8000)  # below it nobody stands: cats do
_STILL_g = const(200)
_STILL_MS = const(1000)
_SETTLED_g = const(200)  # over the whole settling: paws shift, and now and then back again
_SETTLED_MS = const(2000)  # still for so long after the first second
_MEAN_MS = const(3000)  # both together
_DRIFT_g = const(100)  # between the halves of the mean: a hand on the wall gives and takes
# A lying thing shows the converter's noise only, 5.4 g rms. Of the eight recorded people the stillest second and a half has 14 g.
_LIFELESS_g = const(9)
_LARGEST_g = const(200_000)  # four half-bridges of 50 kg
# The plate at switch-on may lie this far from the zero that the technician stored; beyond it somebody stands on it already.
_LARGEST_ZERO_g = const(3000)
_EMPTY_STILL_g = const(100)
_AUTO_ZERO_g = const(500)
_AUTO_ZERO_STEP_g = const(2)  # a conversion: 20 g a second, slower than anything a foot does
_ROOM = const(64)  # conversions in the window: more than three seconds at up to 20 a second
_SMOOTHED = const(3)


class Weighing:
    """One plate, asleep at first: `wake` it, feed it conversions, and ask it for `state` and `grams`.

    curve: counts to grams, as in `calibration.py`; zero_counts: an empty plate as last calibrated, or None when unknown.
    """

    def __init__(self, curve, zero_counts: int | None = None):
        self.state = states.ASLEEP
        self.grams = 0  # of the last conversion
        self.weight_g = None  # of the person, from SETTLED until they step off
        self.lifeless = False  # what lies still on the plate does not live
        self.too_light = False  # what stands still on the plate is too light to be a person
        self.zero_counts = zero_counts or 0
        self.zero_found = False
        self._curve = curve
        self._stored_zero = zero_counts
        self._loads = array("i", bytes(4 * _ROOM))
        self._times = array("i", bytes(4 * _ROOM))
        self._count = 0
        self._still_since_ms = None

    def wake(self, held_zero: int | None = None, loaded: bool = False) -> str:
        """The processor is on. held_zero: what `zero_counts` was when it slept; loaded: something is on the plate already."""
        if held_zero is not None:
            self.zero_counts = self._stored_zero = held_zero
            self.zero_found = True
        return self._go(states.WOKEN_UNDER_LOAD if loaded and held_zero is not None else states.WOKEN)

    def leave(self) -> str:
        """Nobody has been here for a while: sleep."""
        self._forget()
        return self._go(states.LEFT_ALONE)

    def impedance_ended(self) -> str:
        """The current has flowed, or not; the weight may be shown."""
        return self._go(states.IMPEDANCE_ENDED)

    @property
    def overloaded(self) -> bool:
        """Whether more lies on the plate than its cells may carry."""
        return self.grams > _LARGEST_g

    def lost(self) -> str:
        """The converter failed: forget what was seen."""
        self._forget()
        return self._go(states.CONVERTER_LOST)

    def feed(self, counts: int, at_ms: int) -> str | None:
        """Take one conversion, counts at a time in ms that never falls; return the event it makes, or None."""
        if self.state == states.FAULT:
            return self._go(states.CONVERTER_BACK)
        self.grams = self._curve.grams(counts - self.zero_counts)
        self._remember(self.grams, at_ms)
        if self.state == states.ZEROING:
            return self._while_zeroing(at_ms)
        if self.state == states.READY:
            return self._while_ready(at_ms)
        if self._recent_g() < _STEPPED_OFF_g and self.state != states.MEASURING_IMPEDANCE:
            self._forget()
            self.weight_g = None
            self.lifeless = self.too_light = False
            return self._go(states.STEPPED_OFF)
        if self.state == states.LOADING:
            return self._while_loading(at_ms)
        if self.state == states.SETTLING:
            return self._while_settling(at_ms)
        return None

    def _while_zeroing(self, at_ms):
        if self._spread_g(at_ms) > _EMPTY_STILL_g:
            return self._stepped_on_if_stored(at_ms)
        lies_g = self._mean_g(at_ms, _STILL_MS)
        if self._stored_zero is None or abs(lies_g) <= _LARGEST_ZERO_g:
            self._move_zero(lies_g)
            self._forget()
            self.zero_found = True
            return self._go(states.ZERO_FOUND)
        return self._stepped_on_if_stored(at_ms)

    def _stepped_on_if_stored(self, at_ms):
        # switched on under a person's feet: the stored zero serves
        if self._stored_zero is not None and self._filled(at_ms, _STILL_MS) and self._recent_g() > _STEPPED_ON_g:
            return self._go(states.STEPPED_ON)
        return None

    def _while_ready(self, at_ms):
        recent_g = self._recent_g()
        if recent_g > _STEPPED_ON_g:
            self._forget()
            return self._go(states.STEPPED_ON)
        if self._spread_g(at_ms) <= _EMPTY_STILL_g:
            if abs(recent_g) < _AUTO_ZERO_g:
                self._move_zero(max(-_AUTO_ZERO_STEP_g, min(_AUTO_ZERO_STEP_g, recent_g)))
            elif recent_g < -_AUTO_ZERO_g:
                # nothing weighs less than nothing: the zero was learnt under a load that is gone
                self._move_zero(recent_g)
                self._forget()
        return None

    def _while_loading(self, at_ms):
        self.lifeless = self.too_light = False
        if self.overloaded or self._spread_g(at_ms) > _STILL_g:
            return None
        event = self._go(states.STOOD_STILL)
        self._still_since_ms = at_ms
        return event

    def _while_settling(self, at_ms):
        if self.overloaded or self._spread_g(at_ms) > _STILL_g:
            return self._go(states.MOVED)
        if at_ms - self._still_since_ms < _SETTLED_MS:
            return None
        mean_g = self._mean_g(at_ms, _MEAN_MS)
        self.too_light = mean_g < _LIGHTEST_g
        self.lifeless = not self._alive(at_ms)
        if self.too_light or self.lifeless or self._drift_g(at_ms) > _DRIFT_g or self._spread_g(at_ms, _MEAN_MS) > _SETTLED_g:
            return None
        self.weight_g = mean_g
        return self._go(states.SETTLED)

    def _go(self, event):
        self.state = states.after(self.state, event)
        self._still_since_ms = None
        return event

    def _move_zero(self, by_g):
        self.zero_counts += self._curve.counts(by_g)

    def _remember(self, load_g, at_ms):
        slot = self._count % _ROOM
        self._loads[slot] = load_g
        self._times[slot] = at_ms
        self._count += 1

    def _forget(self):
        self._count = 0
        self._still_since_ms = None

    def _smoothed_g(self, position):
        total = 0
        first = max(0, position - _SMOOTHED + 1)
        for earlier in range(first, position + 1):
            total += self._loads[earlier % _ROOM]
        return total // (position + 1 - first)

    def _recent_g(self):
        return self._smoothed_g(self._count - 1)

    def _within(self, at_ms, window_ms):
        """Return the first position, counted from the first conversion ever, that lies inside the window ending now."""
        first = self._count - 1
        oldest = self._oldest()
        while first > oldest and at_ms - self._times[(first - 1) % _ROOM] <= window_ms:
            first -= 1
        return first

    def _oldest(self):
        # smoothing looks two further back, where the ring must not have been written over
        return max(0, self._count - _ROOM + _SMOOTHED)

    def _filled(self, at_ms, window_ms):
        """Whether the conversions remembered reach back over the whole window."""
        oldest = self._oldest()
        return self._count > oldest and at_ms - self._times[oldest % _ROOM] >= window_ms

    def _spread_g(self, at_ms, window_ms=_STILL_MS):
        """Return peak to peak of the window's smoothed loads; very large while it is not filled."""
        if not self._filled(at_ms, window_ms):
            return _LARGEST_g
        first = self._within(at_ms, window_ms)
        highest = lowest = self._smoothed_g(first)
        for position in range(first + 1, self._count):
            load_g = self._smoothed_g(position)
            highest = max(highest, load_g)
            lowest = min(lowest, load_g)
        return highest - lowest

    def _sum_g(self, first, end):
        total = 0
        for position in range(first, end):
            total += self._loads[position % _ROOM]
        return total

    def _mean_g(self, at_ms, window_ms):
        first = self._within(at_ms, window_ms)
        number = self._count - first
        return (self._sum_g(first, self._count) + number // 2) // number

    def _halves(self, at_ms):
        """Return (first, end) of the settling's two halves."""
        first = self._within(at_ms, _MEAN_MS)
        half = (self._count - first) // 2
        return ((first, first + half), (self._count - half, self._count))

    def _drift_g(self, at_ms):
        """Return how far the means of the two halves lie apart."""
        means = [self._sum_g(first, end) // max(1, end - first) for first, end in self._halves(at_ms)]
        return abs(means[0] - means[1])

    def _alive(self, at_ms):
        """Whether the load shakes by more than the converter does, in both halves: a parcel that is lifted shakes in one."""
        for first, end in self._halves(at_ms):
            mean_g = self._sum_g(first, end) // max(1, end - first)
            squares = 0
            for position in range(first, end):
                strays_g = self._loads[position % _ROOM] - mean_g
                squares += strays_g * strays_g
            if squares <= _LIFELESS_g * _LIFELESS_g * (end - first):
                return False
        return True
