"""One measurement, step by step: pressure and time in, pump and valve out. Guards for the table in `states.py`.

Pure, so that every state can be walked with any pressure at any moment. What the outputs are follows from the state alone: whatever a
guard gets wrong, the pump runs in one state only and the valve is closed in two.
"""

from micropython import const

from firmware.cuff import limits, states
from firmware.cuff.recording import Recording
from protocol import faults

_ZEROING_MS = const(1000)
_RISE_mmHg_per_s = const(15)
_RATE_MS = const(400)  # the rise is measured over this time
_FIRST_DUTY = const(39_000)
_LEAST_DUTY = const(6000)
_MOST_DUTY = const(65_535)
# full duty lifts a wrapped cuff by some 75 mmHg/s: this brings the rise to its aim in about a second
_DUTY_per_mmHg_per_s = const(350)

_FAULT_OF = {
    states.STOP: faults.CUFF_STOPPED,
    states.OVERPRESSURE: faults.CUFF_OVERPRESSURE,
    states.TIMED_OUT: faults.CUFF_TOO_SLOW,
    states.SENSOR_LOST: faults.CHIP_SILENT,
    states.LEAK: faults.CUFF_LEAK,
    states.NOT_EMPTY: faults.CUFF_NOT_EMPTY,
}


class Cycle:
    """`state`, `duty` (0..65535) and `valve_closed` are what the part shall do; `fault` is why the last measurement ended early."""

    def __init__(self, at_ms: int):
        self.state = states.IDLE
        self.duty = 0
        self.fault = None
        self.recording = Recording()
        self._entered_ms = at_ms
        self._fresh_ms = at_ms  # the last time that the sensor gave a pressure
        self._air_since_ms = None
        self._zero_mmHg = 0.0
        self._target_mmHg = limits.TARGET_mmHg
        self._rate_from = None  # (pressure, time) that the rate is measured from
        self._rate_mmHg_per_s = 0.0
        self._leaks_since_ms = None
        self._begin_zero()

    @property
    def valve_closed(self) -> bool:
        """Whether the valve shall hold the air."""
        return self.state in states.VALVE_CLOSED

    def press(self, at_ms: int) -> None:
        """The button: starts when nothing runs, stops everything else."""
        if states.START in states.TRANSITIONS[self.state]:
            self.fault = None
            self._target_mmHg = limits.TARGET_mmHg
            self._air_since_ms = None
            self._begin_zero()
            self._go(states.START, at_ms)
        else:
            self._go(states.STOP, at_ms)

    def computed(self, fault: int | None, at_ms: int) -> None:
        """The result is known (None) or refused with a fault. A stop or a fault in between has the last word."""
        if self.state == states.COMPUTING:
            self.fault = fault
            self._go(states.RESULT_FOUND if fault is None else states.REFUSED, at_ms)

    def step(self, sensed_mmHg: float | None, at_ms: int) -> None:
        """Take what the sensor says now, or None when it says nothing."""
        if sensed_mmHg is None:
            if at_ms - self._fresh_ms > limits.SENSOR_SILENT_MS:
                self._go(states.SENSOR_LOST, at_ms)
            self._watch_time(at_ms)
            return
        self._fresh_ms = at_ms
        pressure_mmHg = sensed_mmHg - self._zero_mmHg
        if max(pressure_mmHg, sensed_mmHg) > limits.OVERPRESSURE_mmHg:
            self._go(states.OVERPRESSURE, at_ms)
            return
        if self._watch_time(at_ms):
            return
        if self.state == states.ZEROING:
            self._while_zeroing(sensed_mmHg, at_ms)
        elif self.state == states.INFLATING:
            self._while_inflating(pressure_mmHg, at_ms)
        elif self.state == states.DEFLATING:
            self._while_deflating(pressure_mmHg, at_ms)
        elif self.state in (states.VENTING, states.ABORTING) and pressure_mmHg < limits.EMPTY_mmHg:
            self._go(states.EMPTY, at_ms)

    def _watch_time(self, at_ms):
        """Whether this state, or the air, has lasted too long; then the table has acted."""
        lasted_ms = at_ms - self._entered_ms
        held_ms = 0 if self._air_since_ms is None else at_ms - self._air_since_ms
        venting = self.state in (states.VENTING, states.ABORTING)
        late = (
            (venting and lasted_ms > limits.VENT_MS)
            or (self.state == states.INFLATING and lasted_ms > limits.INFLATION_MS)
            or (self.state in states.VALVE_CLOSED and held_ms > limits.HOLD_MS)
            or (self.state == states.ZEROING and lasted_ms > 3 * _ZEROING_MS)
        )
        if not late:
            return False
        if venting:
            # with a sensor, the air did not go; without one, nobody knows: the person must take the cuff off either way
            self.fault = faults.CUFF_VALVE
        self._go(states.TIMED_OUT, at_ms)
        return True

    def _while_zeroing(self, sensed_mmHg, at_ms):
        self._zero_sum += sensed_mmHg
        self._zero_number += 1
        self._zero_least = min(self._zero_least, sensed_mmHg)
        self._zero_most = max(self._zero_most, sensed_mmHg)
        if at_ms - self._entered_ms < _ZEROING_MS:
            return
        mean_mmHg = self._zero_sum / self._zero_number
        if abs(mean_mmHg) > limits.ZERO_mmHg or self._zero_most - self._zero_least > limits.ZERO_SPREAD_mmHg:
            self._go(states.NOT_EMPTY, at_ms)
            return
        self._zero_mmHg = mean_mmHg
        self._air_since_ms = at_ms
        self.recording.restart()
        self._go(states.ZERO_FOUND, at_ms)
        self.duty = _FIRST_DUTY

    def _while_inflating(self, pressure_mmHg, at_ms):
        if pressure_mmHg >= self._target_mmHg:
            self.recording.restart()
            self._go(states.TARGET_REACHED, at_ms)
            return
        if pressure_mmHg < limits.WRAPPED_mmHg and at_ms - self._entered_ms > limits.WRAPPED_MS:
            self._go(states.LEAK, at_ms)
            return
        if self._rate_known(pressure_mmHg, at_ms):
            wanted = self.duty + int((_RISE_mmHg_per_s - self._rate_mmHg_per_s) * _DUTY_per_mmHg_per_s)
            self.duty = max(_LEAST_DUTY, min(_MOST_DUTY, wanted))

    def _while_deflating(self, pressure_mmHg, at_ms):
        self.recording.feed(pressure_mmHg, at_ms)
        if self._leaking(pressure_mmHg, at_ms):
            self._go(states.LEAK, at_ms)
        elif self.recording.top_cut and self._target_mmHg < limits.HIGHEST_TARGET_mmHg:
            self._target_mmHg = min(limits.HIGHEST_TARGET_mmHg, self._target_mmHg + limits.TARGET_STEP_mmHg)
            self._go(states.TOP_CUT, at_ms)
            self.duty = _LEAST_DUTY
        elif self.recording.seen_enough or self.recording.full or pressure_mmHg < limits.LOWEST_mmHg:
            self._go(states.SEEN_ENOUGH, at_ms)

    def _leaking(self, pressure_mmHg, at_ms):
        if self._rate_known(pressure_mmHg, at_ms):
            if self._rate_mmHg_per_s > -limits.LEAK_mmHg_per_s:
                self._leaks_since_ms = None
            elif self._leaks_since_ms is None:
                self._leaks_since_ms = at_ms
        return self._leaks_since_ms is not None and at_ms - self._leaks_since_ms >= limits.LEAK_MS

    def _rate_known(self, pressure_mmHg, at_ms):
        """Whether a new rate of the pressure was measured just now."""
        if self._rate_from is None:
            self._rate_from = (pressure_mmHg, at_ms)
            return False
        passed_ms = at_ms - self._rate_from[1]
        if passed_ms < _RATE_MS:
            return False
        self._rate_mmHg_per_s = (pressure_mmHg - self._rate_from[0]) * 1000 / passed_ms
        self._rate_from = (pressure_mmHg, at_ms)
        return True

    def _begin_zero(self):
        self._zero_sum, self._zero_number = 0.0, 0
        self._zero_least, self._zero_most = 1000.0, -1000.0

    def _go(self, event, at_ms):
        before = self.state
        self.state = states.after(before, event)
        if self.state not in states.PUMP_RUNS:
            self.duty = 0
        if self.state in (states.ABORTING, states.FAULT) and self.fault is None:
            self.fault = _FAULT_OF.get(event)
        if self.state != before:
            self._entered_ms = at_ms
            self._rate_from = self._leaks_since_ms = None
