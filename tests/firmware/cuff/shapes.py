"""Recordings in the shapes that real cuffs give them: how the pressure falls, what the sensor tells apart, and what disturbs it.

Formulas only: an arm is two pressures, a pulse and an artery's walls; a shape is how its recording was made. Neither pump nor needle of the
simulator is in it, so a recording here owes nothing to what the cycle expects.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from simulator.parts.artery import Artery, ExponentialLinearArtery

CUFF_ml_per_mmHg = 0.45  # what the cuff and its air yield, so that a held volume becomes a wave of pressure
LOWEST_mmHg = 38.0


class Arm(NamedTuple):
    systolic_mmHg: float
    diastolic_mmHg: float
    pulse_per_min: float
    walls: Artery | ExponentialLinearArtery
    seed: int


def arm(number: int) -> Arm:
    """Return somebody of this number; every other one has the exponential-linear walls."""
    chance = random.Random(90_000 + number)
    diastolic_mmHg = chance.uniform(58, 98)
    systolic_mmHg = diastolic_mmHg + chance.uniform(30, 65)
    walls: Artery | ExponentialLinearArtery
    if number % 2:
        walls = ExponentialLinearArtery(chance.uniform(0.012, 0.03), chance.uniform(5.9, 10.1), chance.uniform(9.8, 13.8))
    else:
        walls = Artery(chance.uniform(0.2, 0.5), chance.uniform(0.041, 0.070), chance.uniform(0.030, 0.042))
    return Arm(systolic_mmHg, diastolic_mmHg, chance.uniform(52, 105), walls, number)


def linear(rate_mmHg_per_s: float) -> Callable[[float, float], float]:
    """Return how fast the pressure falls, at a pressure and a time: always the same."""
    return lambda _mmHg, _s: rate_mmHg_per_s


def by_hand(_mmHg: float, _s: float) -> float:
    """A hand's valve: faster at the top, as a flow through a hole is."""
    return 6.5 * (_mmHg / 180) ** 1.6 + 0.6


def in_steps(_mmHg: float, at_s: float) -> float:
    """Down by 6 mmHg in 0.4 s, then held for 2.2 s."""
    return 15.0 if at_s % 2.6 < 0.4 else 0.0


@dataclass(frozen=True)
class Shape:
    """How a recording is made. drift, hum and noise in mmHg; jitter: share of a sample's time; above: mmHg over systolic at the start."""

    falls: Callable[[float, float], float] = field(default_factory=lambda: linear(2.8))
    rate_per_s: float = 100.0
    above_mmHg: float = 32.0
    step_mmHg: float = 0.0
    noise_mmHg: float = 0.05
    hum_mmHg: float = 0.0
    hum_Hz: float = 50.0
    drift_mmHg: float = 0.0
    jitter: float = 0.0
    inflated_at_mmHg_per_s: float = 0.0
    empty_s: float = 0.0
    offset_mmHg: float = 0.0
    begins_s: float = 0.0
    exhausts: bool = False
    breathing_mmHg: float = 2.0
    lost: float = 0.0  # share of the samples that are not there


SHAPES: dict[str, Shape] = {
    "100 a second": Shape(),
    "20 a second": Shape(rate_per_s=20),
    "25 a second": Shape(rate_per_s=25),
    "250 a second": Shape(rate_per_s=250, noise_mmHg=0.15),
    "1000 a second": Shape(rate_per_s=1000, noise_mmHg=0.3),
    "2 mmHg a second": Shape(falls=linear(2.0)),
    "3.5 mmHg a second": Shape(falls=linear(3.5)),
    "5 mmHg a second": Shape(falls=linear(5.0)),
    "by hand": Shape(falls=by_hand, empty_s=3.0, inflated_at_mmHg_per_s=30.0, exhausts=True, noise_mmHg=0.1),
    "in steps": Shape(falls=in_steps),
    "in steps, 30 a second": Shape(falls=in_steps, rate_per_s=30),
    "inflated and deflated": Shape(inflated_at_mmHg_per_s=8.0, empty_s=2.0, exhausts=True),
    "slowly inflated": Shape(inflated_at_mmHg_per_s=5.0, empty_s=2.0, exhausts=True),
    "zero 6 mmHg off": Shape(inflated_at_mmHg_per_s=20.0, empty_s=2.5, offset_mmHg=6.0),
    "begins at 1000 s": Shape(begins_s=1000.0),
    "drifting": Shape(drift_mmHg=3.0),
    "hum of 50 Hz at 100 a second": Shape(hum_mmHg=0.5, hum_Hz=50.0),
    "hum of 50 Hz at 250 a second": Shape(hum_mmHg=1.0, hum_Hz=50.0, rate_per_s=250),
    "hum of 60 Hz at 128 a second": Shape(hum_mmHg=0.5, hum_Hz=60.0, rate_per_s=128),
    "noise of 0.3 mmHg": Shape(noise_mmHg=0.3),
    "uneven times": Shape(jitter=0.8),
    "a tenth lost": Shape(lost=0.1, rate_per_s=50),
    "half millimetres": Shape(step_mmHg=0.5),
    "whole millimetres": Shape(step_mmHg=1.0, noise_mmHg=0.02),
    "whole millimetres, 20 a second": Shape(step_mmHg=1.0, rate_per_s=20),
    "just above": Shape(above_mmHg=16.0),
}
BELOW = Shape(above_mmHg=-12.0)


def recording(somebody: Arm, shape: Shape) -> list[tuple[float, float]]:
    """Return time in s and pressure in mmHg, as a sensor of this shape gives them."""
    chance = random.Random(somebody.seed)
    rows: list[tuple[float, float]] = []
    at_s, cuff_mmHg = 0.0, 0.0
    falling = not shape.inflated_at_mmHg_per_s
    highest_mmHg = somebody.systolic_mmHg + shape.above_mmHg
    if falling:
        cuff_mmHg = highest_mmHg
    emptied_s = None
    phase = chance.uniform(0, 2 * math.pi)
    beats = _Beats(somebody, chance, shape.breathing_mmHg)
    began_s = 0.0
    while emptied_s is None or at_s < emptied_s + 4.0:
        step_s = 1 / shape.rate_per_s
        inside_mmHg = beats.inside_mmHg(at_s)
        held_ml = somebody.walls.held_ml(inside_mmHg - cuff_mmHg) - somebody.walls.held_ml(somebody.diastolic_mmHg - cuff_mmHg)
        wave_mmHg = held_ml / CUFF_ml_per_mmHg if cuff_mmHg > 5 else 0.0
        seen_mmHg = cuff_mmHg + wave_mmHg + shape.offset_mmHg + chance.gauss(0, shape.noise_mmHg)
        seen_mmHg += shape.hum_mmHg * math.sin(2 * math.pi * shape.hum_Hz * at_s + phase)
        seen_mmHg += shape.drift_mmHg * math.sin(2 * math.pi * at_s / 45 + phase)
        if shape.step_mmHg:
            seen_mmHg = round(seen_mmHg / shape.step_mmHg) * shape.step_mmHg
        if chance.random() >= shape.lost:
            rows.append((shape.begins_s + at_s + shape.jitter * step_s * chance.random(), seen_mmHg))
        at_s += step_s
        if emptied_s is not None:
            cuff_mmHg *= math.exp(-step_s / 0.9)
        elif falling:
            cuff_mmHg -= shape.falls(cuff_mmHg, at_s - began_s) * step_s
            if cuff_mmHg < LOWEST_mmHg:
                emptied_s = at_s if shape.exhausts else at_s - 4.0
        elif at_s > shape.empty_s:
            cuff_mmHg += shape.inflated_at_mmHg_per_s * step_s
            falling = cuff_mmHg >= highest_mmHg
            began_s = at_s
    return rows


class _Beats:
    """The arterial pressure: Babbs' three sines from trough to trough, intervals and pressures moved by breathing."""

    def __init__(self, somebody: Arm, chance: random.Random, breathing_mmHg: float) -> None:
        self._somebody = somebody
        self._chance = chance
        self._breathing_mmHg = breathing_mmHg
        self._from_s = 0.0
        self._lasts_s = 60 / somebody.pulse_per_min
        self._breath = 0.0

    def inside_mmHg(self, at_s: float) -> float:
        while at_s >= self._from_s + self._lasts_s:
            self._from_s += self._lasts_s
            self._breath = math.sin(2 * math.pi * 0.25 * self._from_s)
            self._lasts_s = 60 / self._somebody.pulse_per_min * (1 + 0.03 * self._breath + self._chance.gauss(0, 0.02))
        angle = 2 * math.pi * (at_s - self._from_s) / self._lasts_s - 0.6
        shape = math.sin(angle) + 0.5 * math.sin(2 * angle) + 0.25 * math.sin(3 * angle)
        share = (shape + 1.396) / 2.792
        pulse_mmHg = self._somebody.systolic_mmHg - self._somebody.diastolic_mmHg + self._breathing_mmHg * self._breath
        return self._somebody.diastolic_mmHg + 0.4 * self._breathing_mmHg * self._breath + pulse_mmHg * share
