"""Whether the sensor can be believed: against itself, and against what the pump and the needle do to a cuff.

Each check gives the event of the table that it stands for; any of them opens the valves. Numbers are in `limits.py`.
"""

from firmware.cuff import limits, states


class Plausibility:
    """`watch` every value; `enter` whenever the cycle's state changes."""

    def __init__(self):
        self._last = self._before = None
        self._same_since_ms = 0
        self._rough_sum = 0.0
        self._rough_number = 0
        self.enter(0.0, 0)

    def enter(self, pressure_mmHg: float, at_ms: int) -> None:
        """Begin anew with what depends on the state."""
        self._lowest_mmHg = pressure_mmHg
        self._from = (pressure_mmHg, at_ms)
        self._tube_from = (pressure_mmHg, at_ms)
        self._leaks_since_ms = None
        self._rate_from = (pressure_mmHg, at_ms)

    def watch(self, state: str, sensed_mmHg: float, pressure_mmHg: float, at_ms: int) -> str | None:
        """Return the event that this value means, or None."""
        doubted = self._against_itself(sensed_mmHg, at_ms)
        if state not in states.CAN_HOLD_AIR:
            return None
        if doubted or pressure_mmHg < limits.VACUUM_mmHg:
            return states.SENSOR_DOUBTED
        if state == states.INFLATING:
            return self._against_the_pump(pressure_mmHg, at_ms)
        if state == states.DEFLATING:
            return self._against_the_needle(pressure_mmHg, at_ms)
        return None

    def _against_itself(self, sensed_mmHg, at_ms):
        """Whether the values stand still or leap as no air does."""
        if sensed_mmHg != self._last:
            self._same_since_ms = at_ms
        rough = 0.0
        if self._before is not None:
            self._rough_sum += min(limits.LEAP_mmHg, abs(sensed_mmHg - 2 * self._last + self._before))
            self._rough_number += 1
            if self._rough_number >= limits.NOISY_VALUES:
                rough = self._rough_sum / self._rough_number
                self._rough_sum, self._rough_number = 0.0, 0
        self._before, self._last = self._last, sensed_mmHg
        return at_ms - self._same_since_ms >= limits.STUCK_MS or rough > limits.NOISY_mmHg

    def _against_the_pump(self, pressure_mmHg, at_ms):
        if at_ms - self._tube_from[1] >= limits.TUBE_MS:
            leapt = pressure_mmHg - self._tube_from[0] >= limits.TUBE_mmHg
            self._tube_from = (pressure_mmHg, at_ms)
            if leapt:
                return states.TUBE
        if at_ms - self._from[1] >= limits.WORK_MS:
            lifted_mmHg = pressure_mmHg - self._from[0]
            self._from = (pressure_mmHg, at_ms)
            if lifted_mmHg < limits.WORK_mmHg and pressure_mmHg >= limits.WRAPPED_mmHg:
                return states.LEAK
        return None

    def _against_the_needle(self, pressure_mmHg, at_ms):
        self._lowest_mmHg = min(self._lowest_mmHg, pressure_mmHg)
        if pressure_mmHg > self._lowest_mmHg + limits.RISE_mmHg:
            return states.SENSOR_DOUBTED
        if at_ms - self._from[1] >= limits.FALL_MS:
            fell_mmHg = self._from[0] - pressure_mmHg
            self._from = (pressure_mmHg, at_ms)
            if fell_mmHg < limits.FALL_mmHg:
                return states.SENSOR_DOUBTED
        passed_ms = at_ms - self._rate_from[1]
        if passed_ms >= 400:
            rate_mmHg_per_s = (pressure_mmHg - self._rate_from[0]) * 1000 / passed_ms
            self._rate_from = (pressure_mmHg, at_ms)
            if rate_mmHg_per_s < -limits.OFF_mmHg_per_s:
                return states.LEAK
            if rate_mmHg_per_s > -limits.LEAK_mmHg_per_s:
                self._leaks_since_ms = None
            elif self._leaks_since_ms is None:
                self._leaks_since_ms = at_ms
        if self._leaks_since_ms is not None and at_ms - self._leaks_since_ms >= limits.LEAK_MS:
            return states.LEAK
        return None
