"""One measurement, step by step: pressure and time in, pump and valves out. Guards for the table in `states.py`.

Pure, so that every state can be walked with any pressure at any moment. What the outputs are follows from the state alone: whatever a
guard gets wrong, the pump runs in one state only and the valves are closed in two.
"""

from micropython import const

from firmware.cuff import limits, states
from firmware.cuff.plausibility import Plausibility
from firmware.cuff.recording import CENTI, Recording
from firmware.cuff.swell import Swell
from protocol import faults

_ZEROING_MS = const(1000)
_RISE_mmHg_per_s = const(10)
_RATE_MS = const(400)  # the rise is measured over this time
_FIRST_DUTY = const(39_000)
_LEAST_DUTY = const(3000)
_MOST_DUTY = const(65_535)
# full duty lifts a wrapped cuff by some 75 mmHg/s: this brings the rise to its aim in about a second
_DUTY_per_mmHg_per_s = const(250)
_SHOWN_MS = const(120_000)

_FAULT_OF = {
    states.STOP: faults.CUFF_STOPPED,
    states.OVERPRESSURE: faults.CUFF_OVERPRESSURE,
    states.TIMED_OUT: faults.CUFF_TOO_SLOW,
    states.SENSOR_LOST: faults.CHIP_SILENT,
    states.SENSOR_DOUBTED: faults.CUFF_SENSOR,
    states.LEAK: faults.CUFF_LEAK,
    states.LOOSE: faults.CUFF_LOOSE,
    states.TUBE: faults.CUFF_TUBE,
    states.NOT_EMPTY: faults.CUFF_NOT_EMPTY,
}


class Cycle:
    """`state`, `duty` (0..65535) and `valve_closed` are what the parts shall do; `fault` is why the last measurement ended early."""

    def __init__(self, at_ms: int):
        self.state = states.IDLE
        self.duty = 0
        self.fault = None
        self.of_two = False  # two measurements, a pause between them
        self.second = False
        self.recording = Recording()
        self.swell = Swell()
        self._plausibility = Plausibility()
        self._entered_ms = at_ms
        self._fresh_ms = at_ms  # the last time that the sensor gave a pressure
        self._air_since_ms = None
        self._emptied_ms = None
        self._aired_ms = None  # the last time that the cuff pressed
        self._recorded = False
        self._zero_mmHg = 0.0
        self._pressure_mmHg = 0.0
        self._target_mmHg = limits.TARGET_mmHg
        self._rate_from = None  # (pressure, time) that the rate is measured from
        self._begin_zero()

    @property
    def valve_closed(self) -> bool:
        """Whether the valves shall hold the air."""
        return self.state in states.VALVE_CLOSED

    def press(self, at_ms: int) -> bool:
        """The button: starts when nothing runs, stops everything else. Returns whether it did; in the pause after air it does not."""
        if states.START not in states.TRANSITIONS[self.state]:
            self.stop(at_ms)
            return True
        if self.pause_ms(at_ms):
            return False
        self.of_two = self.second = False
        self._begin()
        self._go(states.START, at_ms)
        return True

    def stop(self, at_ms: int) -> None:
        """Stop, from anywhere: the air goes out, whatever the state."""
        self._go(states.STOP, at_ms)

    def pause_ms(self, at_ms: int) -> int:
        """Return how long the arm must still rest before the next measurement."""
        return 0 if self._aired_ms is None else max(0, self._aired_ms + limits.PAUSE_MS - at_ms)

    def computed(self, fault: int | None, at_ms: int) -> None:
        """The result is known (None) or refused with a fault. A stop or a fault in between has the last word."""
        if self.state != states.COMPUTING:
            return
        if abs(self._pressure_mmHg) > limits.ZERO_MOVED_mmHg:
            fault = faults.CUFF_SENSOR
        self.fault = fault
        self._go(states.RESULT_FOUND if fault is None else states.REFUSED, at_ms)
        if fault is None and self.of_two and not self.second:
            self._go(states.ONCE_MORE, at_ms)

    def step(self, sensed_mmHg: float | None, at_ms: int) -> None:
        """Take what the sensor says now, or None when it says nothing."""
        if sensed_mmHg is None:
            if at_ms - self._fresh_ms > limits.SENSOR_SILENT_MS and self.state in states.CAN_HOLD_AIR:
                self._go(states.SENSOR_LOST, at_ms)
            self._watch_time(at_ms)
            return
        self._fresh_ms = at_ms
        pressure_mmHg = self._pressure_mmHg = sensed_mmHg - self._zero_mmHg
        if pressure_mmHg > limits.EMPTY_mmHg and self.state in states.CAN_HOLD_AIR:
            self._aired_ms = at_ms
        if max(pressure_mmHg, sensed_mmHg) > limits.OVERPRESSURE_mmHg:
            self._go(states.OVERPRESSURE, at_ms)
            return
        if self._watch_time(at_ms):
            return
        doubt = self._plausibility.watch(self.state, sensed_mmHg, pressure_mmHg, at_ms)
        if doubt is not None:
            self._go(doubt, at_ms)
        if self.state == states.ZEROING:
            self._while_zeroing(sensed_mmHg, at_ms)
        elif self.state == states.INFLATING:
            self._while_inflating(pressure_mmHg, at_ms)
        elif self.state == states.DEFLATING:
            self._while_deflating(pressure_mmHg, at_ms)
        elif self.state == states.VENTING:
            self._while_venting(pressure_mmHg, at_ms)

    def _watch_time(self, at_ms):
        """Whether this state, or the air, has lasted too long; then the table has acted."""
        lasted_ms = at_ms - self._entered_ms
        state = self.state
        if state == states.VENTING:
            if self._emptied_ms is not None or lasted_ms <= limits.VENT_MS:
                return False
            # with a sensor, the air did not go; without one, nobody knows: the person must take the cuff off either way
            self.fault = faults.CUFF_VALVE
            self._go(states.TIMED_OUT, at_ms)
            return True
        if state == states.RESTING and lasted_ms > limits.PAIR_PAUSE_MS:
            self.second = True
            self._begin()
            self._go(states.RESTED, at_ms)
            return True
        if state in (states.RESULT, states.FAULT) and lasted_ms > _SHOWN_MS:
            self._go(states.DISMISSED, at_ms)
            return True
        held_ms = 0 if self._air_since_ms is None else at_ms - self._air_since_ms
        late = (
            (state == states.INFLATING and lasted_ms > limits.INFLATION_MS)
            or (state in states.VALVE_CLOSED and held_ms > limits.HOLD_MS)
            or (state == states.ZEROING and lasted_ms > 3 * _ZEROING_MS)
        )
        if late:
            self._go(states.TIMED_OUT, at_ms)
        return late

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
        self._record_anew(True)
        self._go(states.ZERO_FOUND, at_ms)
        self.duty = _FIRST_DUTY

    def _while_inflating(self, pressure_mmHg, at_ms):
        if pressure_mmHg >= limits.WRAPPED_mmHg:  # while a slack cuff fills, its pressure bends like no pulse
            self._record(pressure_mmHg, at_ms)
        if pressure_mmHg >= self._aim_mmHg():
            self._record_anew(False)
            self._go(states.TARGET_REACHED, at_ms)
            return
        if pressure_mmHg < limits.WRAPPED_mmHg and at_ms - self._entered_ms > limits.WRAPPED_MS:
            self._go(states.LOOSE, at_ms)
            return
        rate_mmHg_per_s = self._new_rate(pressure_mmHg, at_ms)
        if rate_mmHg_per_s is not None:
            wanted = self.duty + int((_RISE_mmHg_per_s - rate_mmHg_per_s) * _DUTY_per_mmHg_per_s)
            most = limits.FULL_CUFF_DUTY if pressure_mmHg >= limits.WRAPPED_mmHg else _MOST_DUTY
            self.duty = max(_LEAST_DUTY, min(most, wanted))

    def _aim_mmHg(self):
        """Return how high to go: over the systolic pressure as it shows on the way up; a pulse that has not faded asks for more."""
        if self._target_mmHg != limits.TARGET_mmHg:  # a re-inflation knows how high
            return self._target_mmHg
        seen_mmHg = self.swell.systolic_mmHg
        if seen_mmHg is not None:
            aim_mmHg = int(seen_mmHg) + limits.ABOVE_SYSTOLIC_mmHg
            return max(limits.LOWEST_TARGET_mmHg, min(limits.HIGHEST_TARGET_mmHg, aim_mmHg))
        return limits.SEARCHING_TARGET_mmHg if self.swell.felt else limits.TARGET_mmHg

    def _while_deflating(self, pressure_mmHg, at_ms):
        self._record(pressure_mmHg, at_ms)
        if self.swell.top_cut and self._target_mmHg < limits.HIGHEST_TARGET_mmHg:
            base_mmHg = max(self._target_mmHg, int(self._highest_mmHg))
            self._target_mmHg = min(limits.HIGHEST_TARGET_mmHg, base_mmHg + limits.TARGET_STEP_mmHg)
            self._record_anew(True)
            self._go(states.TOP_CUT, at_ms)
            self.duty = _LEAST_DUTY
        elif self.swell.seen_enough or self.recording.full or pressure_mmHg < limits.LOWEST_mmHg:
            self._recorded = True
            self._go(states.SEEN_ENOUGH, at_ms)

    def _while_venting(self, pressure_mmHg, at_ms):
        if pressure_mmHg >= limits.EMPTY_mmHg:
            self._emptied_ms = None
            return
        if self._emptied_ms is None:
            self._emptied_ms = at_ms
        if at_ms - self._emptied_ms < limits.VENT_SETTLES_MS:
            return
        if self._recorded:
            self._go(states.EMPTY_RECORDED, at_ms)
        else:
            self._go(states.EMPTY_AT_REST if self.fault is None else states.EMPTY_FAILED, at_ms)

    def _record(self, pressure_mmHg, at_ms):
        self._highest_mmHg = max(self._highest_mmHg, pressure_mmHg)
        recording = self.recording
        if recording.feed(pressure_mmHg, at_ms):
            self.swell.feed(recording.samples[recording.count - 1] / CENTI)

    def _record_anew(self, upward):
        self.recording.restart()
        self.swell.restart(upward)
        self._highest_mmHg = 0.0

    def _new_rate(self, pressure_mmHg, at_ms):
        """Return the rate of the pressure in mmHg/s when a new one was measured just now."""
        if self._rate_from is None:
            self._rate_from = (pressure_mmHg, at_ms)
            return None
        passed_ms = at_ms - self._rate_from[1]
        if passed_ms < _RATE_MS:
            return None
        rate_mmHg_per_s = (pressure_mmHg - self._rate_from[0]) * 1000 / passed_ms
        self._rate_from = (pressure_mmHg, at_ms)
        return rate_mmHg_per_s

    def _begin(self):
        self.fault = None
        self._recorded = False
        self._target_mmHg = limits.TARGET_mmHg
        self._air_since_ms = None
        self._begin_zero()

    def _begin_zero(self):
        self._zero_sum, self._zero_number = 0.0, 0
        self._zero_least, self._zero_most = 1000.0, -1000.0

    def _go(self, event, at_ms):
        before = self.state
        self.state = states.after(before, event)
        if self.state not in states.PUMP_RUNS:
            self.duty = 0
        if self.state == states.VENTING and event in _FAULT_OF:
            # a stop of what had not begun is no broken measurement
            self._recorded = False
            if self.fault is None and before not in (states.IDLE, states.RESULT, states.FAULT):
                self.fault = _FAULT_OF[event]
        if self.state != before:
            self._entered_ms = at_ms
            self._emptied_ms = None
            self._rate_from = None
            self._plausibility.enter(self._pressure_mmHg, at_ms)
