"""An arm in a cuff, for tests: a second pneumatics and artery, simpler than the simulator's and written apart from it.

The pressure rises with the pump's duty, bleeds through the needle, leaves through the valve; the pulse is the volume that an artery's
compliance curve gives between diastolic and systolic, as in Babbs 2012 with the parameters that real envelopes ask for. Both Pythons.
"""

import math


class Arm:
    """Pressure in mmHg at a time; the faults are attributes."""

    def __init__(self, systolic=122.0, diastolic=80.0, pulse_per_min=70.0, a=0.055, b=0.036, strength=2.2):
        self.systolic, self.diastolic, self.period_s = systolic, diastolic, 60 / pulse_per_min
        self.a, self.b, self.strength = a, b, strength
        self.pressure_mmHg = 0.0
        self.highest_mmHg = 0.0
        self.over_15_ms = 0
        self.longest_over_15_ms = 0
        self.leak_per_s = 0.0
        self.valve_stuck = False
        self.pump_dead = False
        self.pump_runaway = False
        self.wrapped = True

    def step(self, duty, valve_closed, ms):
        """Let time pass with the outputs as they are."""
        rise = 0.0 if self.pump_dead else (65535 if self.pump_runaway else duty) / 65535 * 75 * max(0.0, 1 - self.pressure_mmHg / 450)
        if not self.wrapped:
            rise /= 30
        fall = 0.1 * self.pressure_mmHg**0.6 + self.leak_per_s * self.pressure_mmHg
        if not valve_closed and not self.valve_stuck:
            fall += self.pressure_mmHg / 0.15  # passes more than the whole pump gives, before 15 mmHg
        self.pressure_mmHg = max(0.0, self.pressure_mmHg + (rise - fall) * ms / 1000)
        self.highest_mmHg = max(self.highest_mmHg, self.pressure_mmHg)
        self.over_15_ms = self.over_15_ms + ms if self.pressure_mmHg > 15 else 0
        self.longest_over_15_ms = max(self.longest_over_15_ms, self.over_15_ms)

    def sensed_mmHg(self, at_ms):
        """Return what a perfect sensor says: the cuff's pressure and the pulse on it."""
        if not self.wrapped:
            return self.pressure_mmHg
        angle = 2 * math.pi * at_ms / 1000 / self.period_s
        shape = 0.5 + 0.36 * (math.sin(angle) + 0.5 * math.sin(2 * angle) + 0.25 * math.sin(3 * angle))
        inside = self.diastolic + (self.systolic - self.diastolic) * shape
        return self.pressure_mmHg + self.strength * (self._held(inside) - self._held(self.diastolic)) * (1 if self.pressure_mmHg > 5 else 0)

    def _held(self, arterial):
        across = arterial - self.pressure_mmHg
        if across < 0:
            return math.exp(self.a * across)
        return 1 + self.a / self.b * (1 - math.exp(-self.b * across))
