"""Pump, valves, bleed, cuff and the arm in it: one pressure, integrated in steps of 2 ms up to whenever somebody looks.

dP/dt = (P + 760) / V (Qpump - Qvalve - Qbleed + dVa/dt), where the cloth gives: a slack cuff fills before it presses, and goes on giving
for seconds after (V and a relaxing volume depend on P). The bleed is a needle that is always open; both valves are open without current.
Valves, bleed and the cut-off's sensor sit in a block on the cuff; pump and main sensor in the box at the other end of the tube, which
can be bent (then the box has a pressure of its own) or slip off.
Source: Babbs 2012, PMC3541069; constants so that bleed, exhaust (45 to 15 mmHg in 1.3..2.1 s) and relaxation (18..30 mmHg in the 3 s after
the peak) lie where real cuff recordings have them; pump from memory.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from simulator.parts.artery import Walls

ATMOSPHERE_mmHg = 760.0
STEP_s = 0.002

PUMP_ml_per_s = 28.0  # free flow, 1.7 l/min
PUMP_STALLS_mmHg = 450.0
PUMP_STROKES_per_s = 45.0
BLEED_ml_per_s = 0.24  # times P^0.35
VALVE_ml_per_s = 2.1  # times P^0.75, each of the two
SLIPPED_ml_per_s = 30.0  # times P^0.75, out of a tube that came off
BOX_ml = 15.0  # pump, tube and sensor on the far side of a bend
KINKED_ml_per_s_per_mmHg = 0.004

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


VALVES = 2


class Squeeze(NamedTuple):
    """A movement that presses on the cuff: about so many mmHg, to and fro, for a while."""

    from_s: float
    seconds: float
    mmHg: float
    Hz: float

    def flow_ml_per_s(self, at_s: float) -> float:
        """Return the volume that it pushes into the cuff's air, per second."""
        share = (at_s - self.from_s) / self.seconds
        if not 0 <= share <= 1:
            return 0.0
        ml = self.mmHg * (STRETCHING_ml_per_mmHg + 0.25)
        turning = 2 * math.pi * self.Hz * (at_s - self.from_s)
        rise = math.pi / self.seconds * math.cos(math.pi * share) * math.sin(turning)
        return ml * (rise + math.sin(math.pi * share) * 2 * math.pi * self.Hz * math.cos(turning))


class Pneumatics:
    """Everything that holds or moves air; `pressure_mmHg` is the gauge pressure on the arm, `sensed_mmHg` what reaches the sensor."""

    def __init__(self, start_s: float) -> None:
        self._at_s = start_s
        self._pressure_mmHg = 0.0
        self._relaxed_ml = 0.0
        self._pump_share = 0.0
        self._valves_closed = [False] * VALVES
        self._artery: Walls | None = None
        self._arterial: Pressure | None = None
        self._leak_ml_per_s_per_mmHg = 0.0
        self._cut_off = False
        self._valves_stuck: list[bool | None] = [None] * VALVES
        self._bleed_blocked = False
        self._pump_dead = False
        self._pump_shorted = False
        self._slack = 0.0  # 0 wrapped snugly, 1 around nothing
        self._box_mmHg: float | None = None
        self._slipped = False
        self._squeezes: list[Squeeze] = []
        self.watchers: list[Callable[[float, float], None]] = []  # told pressure_mmHg and at_s at every step with pressure

    # the electric face

    def drive_pump(self, share: float, at_s: float) -> None:
        """Run the pump at a share of its power, 0..1."""
        self._advance(at_s)
        self._pump_share = share

    def drive_valve(self, closed: bool, at_s: float, which: int | None = None) -> None:
        """Give a valve current (it closes), or none (it opens); both when it is not said which."""
        self._advance(at_s)
        for number in range(VALVES) if which is None else (which,):
            self._valves_closed[number] = closed

    def cut_off(self, on: bool, at_s: float) -> None:
        """Take the current from pump and valves, whatever the firmware says."""
        self._cut_off = on
        self._advance(at_s)

    # the world face

    def wrap(self, artery: Walls, arterial: Pressure, at_s: float, slack: float = 0.0) -> None:
        """Put the cuff around an arm; slack: 0 snugly .. 1 as loose as around nothing."""
        self._advance(at_s)
        self._artery, self._arterial, self._slack = artery, arterial, slack

    def unwrap(self, at_s: float) -> None:
        """Take the cuff off: nothing presses on its air any more."""
        self._advance(at_s)
        self._artery = self._arterial = None
        self._pressure_mmHg = self._relaxed_ml = 0.0

    def leak(self, ml_per_s_at_100_mmHg: float) -> None:
        """Let air out through a hole; 0 mends it."""
        self._leak_ml_per_s_per_mmHg = ml_per_s_at_100_mmHg / 100

    def jam_valve(self, closed: bool, which: int = 0) -> None:
        """Let a valve stay as it is told here, with current or without."""
        self._valves_stuck[which] = closed

    def free_valve(self) -> None:
        """Let both valves move again."""
        self._valves_stuck = [None] * VALVES

    def block_bleed(self) -> None:
        """Let no air through the needle."""
        self._bleed_blocked = True

    def short_pump(self) -> None:
        """Let the pump run at full power as long as it has a supply: only the cut-off stops it."""
        self._pump_shorted = True

    def kink(self, at_s: float) -> None:
        """Bend the tube between box and cuff until hardly anything passes."""
        self._advance(at_s)
        self._box_mmHg = self._pressure_mmHg

    def straighten(self, at_s: float) -> None:
        """Let the tube pass again."""
        self._advance(at_s)
        self._box_mmHg = None

    def slip_off(self, at_s: float) -> None:
        """Pull the tube off the cuff."""
        self._advance(at_s)
        self._slipped = True

    def squeeze(self, squeeze: Squeeze) -> None:
        """Let a movement press on the cuff."""
        self._squeezes.append(squeeze)

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

    def sensed_mmHg(self, at_s: float) -> float:
        """Return the gauge pressure at the main sensor."""
        self._advance(at_s)
        if self._slipped:
            return 0.0
        return self._pressure_mmHg if self._box_mmHg is None else self._box_mmHg

    @property
    def wrapped(self) -> bool:
        """Whether the cuff is around an arm."""
        return self._artery is not None

    @property
    def pump_runs(self) -> bool:
        """Whether the pump moves air now."""
        return (self._pump_share > 0 or self._pump_shorted) and not self._cut_off and not self._pump_dead

    @property
    def valve_is_closed(self) -> bool:
        """Whether both valves hold the air now."""
        return self._open_valves() == 0

    def _advance(self, to_s: float) -> None:
        if self._pressure_mmHg < 0.005 and not self.pump_runs and self._box_mmHg is None:
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
        slack = self._slack if self._artery else 1.0
        filling_ml = FILLING_ml + slack * (LOOSE_FILLING_ml - FILLING_ml)
        filling_mmHg = FILLING_mmHg + slack * (LOOSE_FILLING_mmHg - FILLING_mmHg)
        unfilled = math.exp(-gauge_mmHg / filling_mmHg)
        volume_ml = SLACK_ml + filling_ml * (1 - unfilled) + STRETCHING_ml_per_mmHg * gauge_mmHg + self._relaxed_ml
        # the cloth's own compliance, the air's, and the artery's all share what flows in
        yields_ml_per_mmHg = filling_ml / filling_mmHg * unfilled + STRETCHING_ml_per_mmHg + volume_ml / absolute_mmHg
        relaxing_ml_per_s = (RELAXING_ml_per_mmHg * gauge_mmHg - self._relaxed_ml) / RELAXING_s
        flow_ml_per_s -= relaxing_ml_per_s
        if self._squeezes:
            self._squeezes = [squeeze for squeeze in self._squeezes if squeeze.from_s + squeeze.seconds > self._at_s]
            if gauge_mmHg > 1:
                flow_ml_per_s += sum(squeeze.flow_ml_per_s(self._at_s) for squeeze in self._squeezes)
        if self._artery and self._arterial:
            arterial_mmHg, slope_mmHg_per_s = self._arterial(self._at_s)
            compliance = (1 - slack) * self._artery.compliance_ml_per_mmHg(arterial_mmHg - gauge_mmHg)
            flow_ml_per_s += compliance * slope_mmHg_per_s
            yields_ml_per_mmHg += compliance
        self._relaxed_ml += relaxing_ml_per_s * STEP_s
        self._pressure_mmHg = max(0.0, gauge_mmHg + flow_ml_per_s / yields_ml_per_mmHg * STEP_s)

    def _flow_ml_per_s(self, gauge_mmHg: float) -> float:
        """Return what flows in, in ml of air at atmospheric pressure."""
        flow_ml_per_s = 0.0
        if self._box_mmHg is not None:
            flow_ml_per_s += self._through_the_bend(gauge_mmHg)
        elif self.pump_runs and not self._slipped:
            flow_ml_per_s += self._pumped_ml_per_s(gauge_mmHg)
        if gauge_mmHg > 0:
            flow_ml_per_s -= self._leak_ml_per_s_per_mmHg * gauge_mmHg
            if not self._bleed_blocked:
                flow_ml_per_s -= BLEED_ml_per_s * gauge_mmHg**0.35
            out_ml_per_s = VALVE_ml_per_s * self._open_valves() + (SLIPPED_ml_per_s if self._slipped else 0.0)
            if out_ml_per_s:
                flow_ml_per_s -= out_ml_per_s * gauge_mmHg**0.75
        return flow_ml_per_s

    def _pumped_ml_per_s(self, against_mmHg: float) -> float:
        stroke = 1 + 0.5 * math.sin(2 * math.pi * PUMP_STROKES_per_s * self._at_s)
        share = 1.0 if self._pump_shorted else self._pump_share
        return share * PUMP_ml_per_s * max(0.0, 1 - against_mmHg / PUMP_STALLS_mmHg) * stroke

    def _through_the_bend(self, gauge_mmHg: float) -> float:
        """Move the box's own pressure, and return what passes into the cuff."""
        box_mmHg = self._box_mmHg or 0.0
        passing_ml_per_s = KINKED_ml_per_s_per_mmHg * (box_mmHg - gauge_mmHg)
        into_box_ml_per_s = -passing_ml_per_s + (self._pumped_ml_per_s(box_mmHg) if self.pump_runs else 0.0)
        self._box_mmHg = max(0.0, box_mmHg + into_box_ml_per_s * (box_mmHg + ATMOSPHERE_mmHg) / BOX_ml * STEP_s)
        return passing_ml_per_s

    def _open_valves(self) -> int:
        number = 0
        for driven, stuck in zip(self._valves_closed, self._valves_stuck, strict=True):
            closed = driven and not self._cut_off if stuck is None else stuck
            number += not closed
        return number
