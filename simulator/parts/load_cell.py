"""Four half-bridges of 50 kg under a plate, wired as one bridge.

y = S (F (1 + a dT) + bend) + z dT + creep, bend = n Fmax 4 x (1 - x) with x = F / Fmax, creep = C F (1 - exp(-t / tau)): sensitivity, zero
and bend are this very cell's own, and a technician's calibration finds them at 20 degrees. Source of the figures: shared experience with
such cells, from memory; no datasheet was read.
"""

import math
import random
from typing import NamedTuple

from simulator.clock import Signal, constant
from simulator.errors import OutOfRange

STANDARD_GRAVITY_m_per_s2 = 9.80665
RATED_kg = 200.0
EXCITATION_V = 5.0
SENSITIVITY_mV_per_V = 1.0  # at the rated load
CALIBRATED_AT_Cel = 20.0

RANGE_N = (-50.0, 3000.0)  # beyond it the cell bends for good


class Properties(NamedTuple):
    """What tells one cell from another."""

    sensitivity_mV_per_N: float
    zero_mV: float
    sensitivity_per_K: float
    zero_mV_per_K: float
    creep_share: float
    creep_s: float
    bend_share: float = 0.0  # of the rated load, in the middle of it


def properties(seed: int) -> Properties:
    """Return the properties of one cell out of the heap."""
    chance = random.Random(seed)
    full_mV = SENSITIVITY_mV_per_V * EXCITATION_V
    return Properties(
        sensitivity_mV_per_N=full_mV / (RATED_kg * STANDARD_GRAVITY_m_per_s2) * (1 + chance.gauss(0.0, 0.005)),
        zero_mV=full_mV * chance.gauss(0.0, 0.01),
        sensitivity_per_K=max(-2e-5, min(2e-5, chance.gauss(0.0, 1e-5))),  # 0.02 % in 10 K at most
        zero_mV_per_K=full_mV * chance.gauss(0.0, 2e-5),
        creep_share=chance.uniform(0.0001, 0.0004),
        creep_s=chance.uniform(120.0, 600.0),
        bend_share=max(-0.0003, min(0.0003, chance.gauss(0.0, 0.00015))),
    )


def settled_mV(own: Properties, load_N: float) -> float:
    """Return what a cell gives at its calibration's temperature, before it creeps."""
    return (load_N + _bend_N(own, load_N)) * own.sensitivity_mV_per_N + own.zero_mV


def _bend_N(own: Properties, load_N: float) -> float:
    rated_N = RATED_kg * STANDARD_GRAVITY_m_per_s2
    share = max(0.0, load_N / rated_N)
    return own.bend_share * rated_N * 4 * share * (1 - share)


class LoadCell:
    """Turns newtons on the plate into millivolts between its wires."""

    def __init__(self, own: Properties, load_N: Signal, cell_Cel: Signal | None = None) -> None:
        self.own = own
        self._load_N = load_N
        self._cell_Cel = cell_Cel or constant(CALIBRATED_AT_Cel)
        self._crept_N = 0.0
        self._at_s: float | None = None
        self._last_N = 0.0
        self._broken = False

    def break_wire(self) -> None:
        """Tear a wire of the bridge: the converter sees its supply."""
        self._broken = True

    def mend_wire(self) -> None:
        """Solder the wire."""
        self._broken = False

    def output_mV(self, at_s: float) -> float:
        """Return the bridge's output at a time."""
        if self._broken:
            return EXCITATION_V * 1000
        load_N = self._load_N(at_s)
        if not RANGE_N[0] <= load_N <= RANGE_N[1]:
            raise OutOfRange("load cell", "load_N", load_N, *RANGE_N)
        self._creep(load_N, at_s)
        warmer_K = self._cell_Cel(at_s) - CALIBRATED_AT_Cel
        strained_N = load_N * (1 + self.own.sensitivity_per_K * warmer_K) + _bend_N(self.own, load_N) + self._crept_N
        return strained_N * self.own.sensitivity_mV_per_N + self.own.zero_mV + self.own.zero_mV_per_K * warmer_K

    def _creep(self, load_N: float, at_s: float) -> None:
        if self._at_s is not None and at_s > self._at_s:
            share = -math.expm1(-(at_s - self._at_s) / self.own.creep_s)
            self._crept_N += (self.own.creep_share * self._last_N - self._crept_N) * share
        self._at_s, self._last_N = at_s, load_N
