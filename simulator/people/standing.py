"""The force of somebody who steps on a plate, stands there, and steps off again: simulated, or as a force platform recorded it.

A standing person is not still: breathing moves the force by a few grams, heartbeat and tremor between 2 and 8 Hz by 20 to 40. Stepping on
puts one foot down first (about 30 % of the weight), then the other, a little too hard.
Source: 99 trials of healthy people on a force platform (band rms, step-on times), https://doi.org/10.13026/C2WW2W for those of the data
set in tests/vectors/standing.
"""

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import SimulatorError
from simulator.parts.load_cell import STANDARD_GRAVITY_m_per_s2
from simulator.people.person import Person

# rms in g for somebody of 70 kg: band from, to in Hz
BANDS = ((0.05, 0.15, 3.0), (0.15, 0.5, 6.0), (0.5, 0.8, 5.0), (0.8, 2.0, 11.0), (2.0, 4.0, 20.0), (4.0, 8.0, 26.0), (8.0, 20.0, 13.0))
HEARTBEAT_g = 25.0  # rms of the ballistocardiogram, locked to the heart, within 4..8 Hz
HEARTBEAT_Hz = 5.0
RATE_Hz = 100
LOOP_s = 120

FIRST_FOOT = 0.3
RISE_s = 0.34  # a half cosine; 0.27 s from 10 to 90 %
SETTLED_s = 1.7  # after the second foot


class BadRecording(SimulatorError):
    """A file is not a recording of force over time."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(f"{path.name} line {line} is not a time and a force")
        self.path = path
        self.line = line


class Standing:
    """A visit to the plate from `from_s` for `seconds`; `load_N` begins and ends at 0."""

    def __init__(self, force_N: NDArray[np.float64], rate_Hz: float, from_s: float, seconds: float, seed: int) -> None:
        chance = np.random.default_rng(seed)
        self._force_N = force_N
        self._rate_Hz = rate_Hz
        self._from_s = from_s
        self._until_s = from_s + seconds
        self._second_foot_s = from_s + float(chance.uniform(0.35, 0.55))
        self._overshoot = float(chance.uniform(0.02, 0.05))

    def load_N(self, at_s: float) -> float:
        """Return the force on the plate at a time."""
        share = self._share(at_s)
        return share * self._standing_N(at_s) if share > 0 else 0.0

    def mean_N(self, from_s: float, until_s: float) -> float:
        """Return the true mean force of a stretch of standing."""
        moments_s = np.arange(from_s, until_s, 1 / self._rate_Hz)
        return float(np.mean([self._standing_N(float(moment_s)) for moment_s in moments_s]))

    def _standing_N(self, at_s: float) -> float:
        last = len(self._force_N) - 1
        place = max(0.0, at_s - self._from_s) * self._rate_Hz % (2 * last)
        place = 2 * last - place if place > last else place  # at its end a recording runs back, without a jump
        below = min(int(place), last - 1)
        return float(self._force_N[below] + (self._force_N[below + 1] - self._force_N[below]) * (place - below))

    def _share(self, at_s: float) -> float:
        """Return the share of the weight that the plate carries."""
        if not self._from_s <= at_s < self._until_s:
            return 0.0
        share = FIRST_FOOT * _risen(at_s - self._from_s) + (1 - FIRST_FOOT) * _risen(at_s - self._second_foot_s)
        since_s = at_s - self._second_foot_s - RISE_s
        if since_s > 0:
            share += self._overshoot * math.exp(-since_s / 0.4) * math.cos(2 * math.pi * 1.6 * since_s + 0.5)
        left_s = self._until_s - at_s
        return share * (FIRST_FOOT * _risen(left_s) + (1 - FIRST_FOOT) * _risen(left_s - 0.45))


def of_person(person: Person, from_s: float, seconds: float, visit: int = 0) -> Standing:
    """Return a simulated person's visit; `visit` makes each one different."""
    force_N = person.weight_kg * STANDARD_GRAVITY_m_per_s2 + _swaying_N(person, visit)
    return Standing(force_N, RATE_Hz, from_s, seconds, person.seed * 1009 + visit)


def of_recording(path: Path, from_s: float, seconds: float, start_s: float = 0.0) -> Standing:
    """Return the visit of a recorded person, whose file has the columns time_s and force_N; `start_s` skips its beginning.

    Raises BadRecording: the file holds something else, or less than ten seconds.
    """
    times_s: list[float] = []
    forces_N: list[float] = []
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                time_s, force_N = float(row["time_s"]), float(row["force_N"])
            except (KeyError, TypeError, ValueError):
                raise BadRecording(path, line) from None
            if not (math.isfinite(force_N) and 0 <= force_N <= 3000) or (times_s and time_s <= times_s[-1]):
                raise BadRecording(path, line)
            times_s.append(time_s)
            forces_N.append(force_N)
    if len(times_s) < 2 or times_s[-1] - times_s[0] < 10:
        raise BadRecording(path, len(times_s) + 1)
    rate_Hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    force = np.array(forces_N)[int(start_s * rate_Hz) :]
    if len(force) < 10 * rate_Hz:
        raise BadRecording(path, len(times_s) + 1)
    return Standing(force, rate_Hz, from_s, seconds, len(times_s))


def _risen(since_s: float) -> float:
    if since_s <= 0:
        return 0.0
    return 1.0 if since_s >= RISE_s else 0.5 - 0.5 * math.cos(math.pi * since_s / RISE_s)


def _swaying_N(person: Person, visit: int) -> NDArray[np.float64]:
    """Return what a person adds to and takes from their weight while they stand."""
    chance = np.random.default_rng((person.seed, visit))
    count = LOOP_s * RATE_Hz
    frequencies_Hz = np.fft.rfftfreq(count, 1 / RATE_Hz)
    sway_g = np.zeros(count)
    for lowest_Hz, highest_Hz, rms_g in BANDS:
        inside = (frequencies_Hz >= lowest_Hz) & (frequencies_Hz < highest_Hz)
        spectrum = np.where(inside, chance.normal(size=len(inside)) + 1j * chance.normal(size=len(inside)), 0)
        band = np.fft.irfft(spectrum, count)
        sway_g += band * rms_g / float(np.sqrt(np.mean(band**2)))
    sway_g += _heartbeats_g(person, chance, count)
    return np.asarray(sway_g * person.weight_kg / 70 * STANDARD_GRAVITY_m_per_s2 / 1000, dtype=np.float64)


def _heartbeats_g(person: Person, chance: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return the ballistocardiogram: after each beat a wave of about 5 Hz that dies away."""
    since_s = np.arange(int(0.6 * RATE_Hz)) / RATE_Hz
    wave = np.sin(2 * np.pi * HEARTBEAT_Hz * since_s) * np.exp(-since_s / 0.18)
    beats = np.zeros(count)
    at_s = 0.0
    while at_s < LOOP_s - 1:
        start = int(at_s * RATE_Hz)
        beats[start : start + len(wave)] += wave
        at_s += 60 / person.pulse_per_min * (1 + float(chance.normal(0.0, 0.04)))
    return np.asarray((beats - beats.mean()) * HEARTBEAT_g / float(np.sqrt(np.mean(beats**2))), dtype=np.float64)
