"""A heart over some minutes."""

from itertools import pairwise

import numpy as np
import pytest

from simulator.people.circulation import Circulation
from simulator.people.person import Person


def test_pressure_moves_between_diastolic_and_systolic() -> None:
    """Peaks and troughs of three minutes are the person's own on average, within breathing's few mmHg each."""
    heart = Circulation(Person("Ada", 61.0, 128.0, 79.0, 60.0, 9), 0.0)
    pressure = np.array([heart.arterial(place / 100)[0] for place in range(18_000)])
    beats = pressure[: len(pressure) // 100 * 100].reshape(-1, 100)
    assert beats.max(axis=1).mean() == pytest.approx(128.0, abs=1.5)
    assert pressure.max() < 128 + 6
    assert pressure.min() > 79 - 6


def test_beats_vary_as_a_healthy_hearts_do() -> None:
    """The pulse is the person's; beat intervals scatter by 20 to 70 ms."""
    heart = Circulation(Person("Ada", 61.0, pulse_per_min=60.0, seed=2), 0.0)
    pressure = np.array([heart.arterial(place / 200)[0] for place in range(200 * 300)])
    rising = np.flatnonzero((pressure[:-1] < 100) & (pressure[1:] >= 100)) / 200
    intervals_s = np.diff(rising)
    assert 60 / intervals_s.mean() == pytest.approx(60.0, abs=2.0)
    assert 0.02 < intervals_s.std() < 0.07


def test_the_slope_is_the_derivative() -> None:
    """What the artery is told about change is what the pressure does."""
    heart = Circulation(Person("Ada", 61.0, seed=1), 0.0)
    values = [heart.arterial(place / 1000) for place in range(800)]
    rise = sum(slope / 1000 for _, slope in values[100:400])
    assert rise == pytest.approx(values[400][0] - values[100][0], abs=1.5)


def test_an_irregular_heart_scatters_and_an_extra_beat_is_early_and_weak() -> None:
    """As much as it is asked to, and a regular one does not."""
    person = Person("Ada", 61.0, 120.0, 80.0, 60.0, seed=4)
    for scatter, premature, least_s, most_s in ((0.025, 0.0, 0.02, 0.07), (0.2, 0.0, 0.15, 0.25), (0.025, 0.1, 0.08, 0.2)):
        heart = Circulation(person, 0.0, scatter, premature)
        pressure = np.array([heart.arterial(place / 200)[0] for place in range(200 * 300)])
        rising = np.flatnonzero((pressure[:-1] < 90) & (pressure[1:] >= 90)) / 200
        assert least_s < np.diff(rising).std() < most_s
    tops = [pressure[int(one * 200) : int(other * 200)].max() for one, other in pairwise(rising)]
    assert min(tops) < 110 < np.median(tops)
