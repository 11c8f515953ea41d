"""Somebody's arterial pressure, beat by beat: heart rate varies by itself and with breathing, and so does the systolic pressure.

The shape of a beat is Babbs' sum of three sines, stretched so that it reaches exactly from the diastolic to the systolic pressure.
Source: Babbs 2012, PMC3541069 (shape); SDNN 30..60 ms, breathing at 0.25 Hz with 2..5 mmHg on the systolic pressure, from memory.
"""

import math
import random

import numpy as np

from simulator.people.person import Person

BREATH_Hz = 0.25
BREATH_systolic_mmHg = 2.5
BREATH_diastolic_mmHg = 1.0
BREATH_interval = 0.03  # share of the beat interval
RANDOM_interval = 0.025

_POINTS = 256


def _beat() -> tuple[list[float], list[float]]:
    """Return one beat from trough to trough as shares 0..1, and its slope per beat."""
    turns = np.arange(_POINTS) / _POINTS
    angle = 2 * np.pi * turns
    shape = np.sin(angle) + 0.5 * np.sin(2 * angle) + 0.25 * np.sin(3 * angle)
    shape = np.roll(shape, -int(np.argmin(shape)))
    shape = (shape - shape.min()) / (shape.max() - shape.min())
    slope = (np.roll(shape, -1) - np.roll(shape, 1)) * _POINTS / 2
    return [float(value) for value in shape], [float(value) for value in slope]


_SHAPE, _SLOPE = _beat()


PREMATURE_interval = 0.65  # an extra beat comes early, is weak, and the next one comes late
PREMATURE_strength = 0.6


class Circulation:
    """A beating heart; `arterial` is asked with times that never go back.

    scatter: random share of the beat interval (0.2 and more is atrial fibrillation, from memory); premature: share of extra beats.
    """

    def __init__(self, person: Person, start_s: float, scatter: float = RANDOM_interval, premature: float = 0.0) -> None:
        self._person = person
        self._scatter = scatter
        self._premature = premature
        self._late = 1.0
        self._random = random.Random(person.seed)
        self._beat_s = start_s
        self._interval_s = 60 / person.pulse_per_min
        self._breath_turn = self._random.random()
        self._systolic_mmHg = person.systolic_mmHg
        self._diastolic_mmHg = person.diastolic_mmHg

    def arterial(self, at_s: float) -> tuple[float, float]:
        """Return the arterial pressure in mmHg and its slope in mmHg/s."""
        while at_s >= self._beat_s + self._interval_s:
            self._next_beat()
        share = (at_s - self._beat_s) / self._interval_s
        place = min(_POINTS - 1, max(0, int(share * _POINTS)))
        pulse_mmHg = self._systolic_mmHg - self._diastolic_mmHg
        return self._diastolic_mmHg + pulse_mmHg * _SHAPE[place], pulse_mmHg * _SLOPE[place] / self._interval_s

    def _next_beat(self) -> None:
        self._beat_s += self._interval_s
        breath = math.sin(2 * math.pi * (BREATH_Hz * self._beat_s + self._breath_turn))
        varied = 1 + BREATH_interval * breath + self._random.gauss(0.0, self._scatter)
        strength = 1.0
        varied, self._late = varied * self._late, 1.0
        if self._premature and self._random.random() < self._premature:
            varied, self._late, strength = varied * PREMATURE_interval, 2 - PREMATURE_interval, PREMATURE_strength
        self._interval_s = 60 / self._person.pulse_per_min * max(0.5, varied)
        self._diastolic_mmHg = self._person.diastolic_mmHg + BREATH_diastolic_mmHg * breath
        pulse_mmHg = self._person.systolic_mmHg - self._person.diastolic_mmHg
        breathing_mmHg = (BREATH_systolic_mmHg - BREATH_diastolic_mmHg) * breath
        self._systolic_mmHg = self._diastolic_mmHg + strength * (pulse_mmHg + breathing_mmHg)
