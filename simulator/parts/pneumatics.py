"""Pump, valve, bleed, cuff and the arm in it: one pressure, integrated in steps of 2 ms up to whenever somebody looks.

dP/dt = (P + 760) / V (Qpump - Qvalve - Qbleed + dVa/dt), where the cloth gives: a slack cuff fills before it presses, and goes on giving
for seconds after (V and a relaxing volume depend on P). The bleed is a needle that is always open; the valve is open without current.
Source: Babbs 2012, PMC3541069; constants so that bleed, exhaust (45 to 15 mmHg in 1.3..2.1 s) and relaxation (18..30 mmHg in the 3 s after
the peak) lie where real cuff recordings have them; pump from memory.
"""

import math
from collections.abc import Callable

from simulator.parts.artery import Artery

ATMOSPHERE_mmHg = 760.0
STEP_s = 0.002

PUMP_ml_per_s = 28.0  # free flow, 1.7 l/min
PUMP_STALLS_mmHg = 450.0
PUMP_STROKES_per_s = 45.0
BLEED_ml_per_s = 0.24  # times P^0.35
VALVE_ml_per_s = 2.1  # times P^0.75

SLACK_ml = 60.0
FILLING_ml = 130.0
FILLING_mmHg = 8.0
STRETCHING_ml_per_mmHg = 0.15
LOOSE_FILLING_ml = 700.0  # not around an arm
LOOSE_FILLING_mmHg = 60.0
RELAXING_ml_per_mmHg = 0.035
RELAXING_s = 1.5

RANGE_mmHg = (0.0, PUMP_STALLS_mmHg)

Pressure = Callable[[float], tuple[float, float]]  # at_s -> arterial mmHg, and its slope in mmHg/s


class Pneumatics:
    """Everything that holds or moves air; `pressure_mmHg` is its gauge pressure."""

    def __init__(self, start_s: float) -> None:
        self._at_s = start_s
        self._pressure_mmHg = 0.0
        self._relaxed_ml = 0.0
        self._pump_share = 0.0
        self._valve_closed = False
        self._artery: Artery | None = None
        self._arterial: Pressure | None = None
        self._leak_ml_per_s_per_mmHg = 0.0
        self._cut_off = False
        self._valve_stuck: bool | None = None
        self._pump_dead = False
        self.watchers: list[Callable[[float, float], None]] = []  # told pressure_mmHg and at_s at every step with pressure

    # the electric face

    def drive_pump(self, share: float, at_s: float) -> None:
        """Run the pump at a share of its power, 0..1."""
        self._advance(at_s)
        self._pump_share = share

    def drive_valve(self, closed: bool, at_s: float) -> None:
        """Give the valve current (it closes), or none (it opens)."""
        self._advance(at_s)
        self._valve_closed = closed

    def cut_off(self, on: bool, at_s: float) -> None:
        """Take the current from pump and valve, whatever the firmware says."""
        self._cut_off = on
        self._advance(at_s)

    # the world face

    def wrap(self, artery: Artery, arterial: Pressure, at_s: float) -> None:
        """Put the cuff around an arm."""
        self._advance(at_s)
        self._artery, self._arterial = artery, arterial

    def unwrap(self, at_s: float) -> None:
        """Take the cuff off: nothing presses on its air any more."""
        self._advance(at_s)
        self._artery = self._arterial = None
        self._pressure_mmHg = self._relaxed_ml = 0.0

    def leak(self, ml_per_s_at_100_mmHg: float) -> None:
        """Let air out through a hole; 0 mends it."""
        self._leak_ml_per_s_per_mmHg = ml_per_s_at_100_mmHg / 100

    def jam_valve(self, closed: bool) -> None:
        """Let the valve stay as it is told here, with current or without."""
        self._valve_stuck = closed

    def free_valve(self) -> None:
        """Let the valve move again."""
        self._valve_stuck = None

    def break_pump(self) -> None:
        """Let the pump move no air."""
        self._pump_dead = True

    def mend_pump(self) -> None:
        """Let the pump work again."""
        self._pump_dead = False

    def pressure_mmHg(self, at_s: float) -> float:
        """Return the gauge pressure at a time."""
        self._advance(at_s)
        return self._pressure_mmHg

    @property
    def wrapped(self) -> bool:
        """Whether the cuff is around an arm."""
        return self._artery is not None

    @property
    def pump_runs(self) -> bool:
        """Whether the pump moves air now."""
        return self._pump_share > 0 and not self._cut_off and not self._pump_dead

    @property
    def valve_is_closed(self) -> bool:
        """Whether the valve holds the air now."""
        return self._valve_closed and not self._cut_off if self._valve_stuck is None else self._valve_stuck

    def _advance(self, to_s: float) -> None:
        if self._pressure_mmHg < 0.005 and not self.pump_runs:
            self._pressure_mmHg = self._relaxed_ml = 0.0
            self._at_s = max(self._at_s, to_s)
            return
        while self._at_s + STEP_s <= to_s:
            self._at_s += STEP_s
            self._step()
            for watcher in self.watchers:
                watcher(self._pressure_mmHg, self._at_s)

    def _step(self) -> None:
        gauge_mmHg = self._pressure_mmHg
        absolute_mmHg = gauge_mmHg + ATMOSPHERE_mmHg
        flow_ml_per_s = self._flow_ml_per_s(gauge_mmHg) * ATMOSPHERE_mmHg / absolute_mmHg
        filling_ml, filling_mmHg = (FILLING_ml, FILLING_mmHg) if self._artery else (LOOSE_FILLING_ml, LOOSE_FILLING_mmHg)
        unfilled = math.exp(-gauge_mmHg / filling_mmHg)
        volume_ml = SLACK_ml + filling_ml * (1 - unfilled) + STRETCHING_ml_per_mmHg * gauge_mmHg + self._relaxed_ml
        # the cloth's own compliance, the air's, and the artery's all share what flows in
        yields_ml_per_mmHg = filling_ml / filling_mmHg * unfilled + STRETCHING_ml_per_mmHg + volume_ml / absolute_mmHg
        relaxing_ml_per_s = (RELAXING_ml_per_mmHg * gauge_mmHg - self._relaxed_ml) / RELAXING_s
        flow_ml_per_s -= relaxing_ml_per_s
        if self._artery and self._arterial:
            arterial_mmHg, slope_mmHg_per_s = self._arterial(self._at_s)
            compliance = self._artery.compliance_ml_per_mmHg(arterial_mmHg - gauge_mmHg)
            flow_ml_per_s += compliance * slope_mmHg_per_s
            yields_ml_per_mmHg += compliance
        self._relaxed_ml += relaxing_ml_per_s * STEP_s
        self._pressure_mmHg = max(0.0, gauge_mmHg + flow_ml_per_s / yields_ml_per_mmHg * STEP_s)

    def _flow_ml_per_s(self, gauge_mmHg: float) -> float:
        """Return what flows in, in ml of air at atmospheric pressure."""
        flow_ml_per_s = 0.0
        if self.pump_runs:
            stroke = 1 + 0.5 * math.sin(2 * math.pi * PUMP_STROKES_per_s * self._at_s)
            flow_ml_per_s += self._pump_share * PUMP_ml_per_s * max(0.0, 1 - gauge_mmHg / PUMP_STALLS_mmHg) * stroke
        if gauge_mmHg > 0:
            flow_ml_per_s -= BLEED_ml_per_s * gauge_mmHg**0.35 + self._leak_ml_per_s_per_mmHg * gauge_mmHg
            if not self.valve_is_closed:
                flow_ml_per_s -= VALVE_ml_per_s * gauge_mmHg**0.75
        return flow_ml_per_s
