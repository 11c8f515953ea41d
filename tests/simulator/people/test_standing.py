"""How people stand, against what force platforms saw."""

from pathlib import Path

import numpy as np
import pytest

from simulator.people import standing
from simulator.people.person import Person
from simulator.people.standing import BadRecording

ADA = Person("Ada", 70.0, seed=5)
G = 9.80665
RECORDINGS = Path(__file__).parents[2] / "vectors/standing"


def loads(visit: standing.Standing, from_s: float, until_s: float, rate_Hz: int = 100) -> np.ndarray:
    return np.array([visit.load_N(at_s) for at_s in np.arange(from_s, until_s, 1 / rate_Hz)])


def test_the_force_begins_and_ends_at_nothing() -> None:
    """Before the first foot and after the last nothing acts on the plate."""
    visit = standing.of_person(ADA, 100.0, 8.0)
    assert visit.load_N(99.9) == visit.load_N(108.0) == visit.load_N(200.0) == 0.0


def test_stepping_on_takes_the_time_it_takes_people() -> None:
    """First foot about a third, overshoot 2 to 6 %, within 1 % after at most 2 s."""
    for visit_number in range(10):
        force = loads(standing.of_person(ADA, 0.0, 20.0, visit_number), 0.0, 10.0) / (70 * G)
        assert force[34] == pytest.approx(0.3, abs=0.03)
        assert 1.01 < force[:200].max() < 1.07
        assert np.abs(force[200:] - 1).max() < 0.01


def test_standing_people_sway_as_recorded() -> None:
    """The scatter of the force is 30 to 110 g at 70 kg, mostly between 2 and 8 Hz, and its mean is the weight."""
    sway_g = loads(standing.of_person(ADA, 0.0, 100.0), 3.0, 63.0) / G * 1000 - 70_000
    assert abs(sway_g.mean()) < 5
    assert 30 < sway_g.std() < 110
    power = np.abs(np.fft.rfft(sway_g)) ** 2
    frequency = np.fft.rfftfreq(len(sway_g), 0.01)
    assert power[(frequency >= 2) & (frequency < 8)].sum() > 0.6 * power[1:].sum()


def test_two_visits_differ_and_one_repeats() -> None:
    """The seed and the number of the visit decide everything."""
    first, again, second = (standing.of_person(ADA, 0.0, 20.0, number) for number in (1, 1, 2))
    assert first.load_N(5.0) == again.load_N(5.0) != second.load_N(5.0)


@pytest.mark.parametrize("number", range(1, 9))
def test_recorded_people_stand_as_they_were_recorded(number: int) -> None:
    """The mean force of each recording lies within 5.5 % of what a scale once said, and the plate carries it."""
    lines = (RECORDINGS / "people.csv").read_text(encoding="utf-8").splitlines()
    weight_kg = float(lines[number].split(",")[-1])
    visit = standing.of_recording(RECORDINGS / f"person{number}.csv", 0.0, 12.0)
    assert visit.mean_N(2.0, 12.0) / G == pytest.approx(weight_kg, rel=0.055)
    assert loads(visit, 3.0, 11.0).mean() == pytest.approx(visit.mean_N(3.0, 11.0), rel=1e-3)


def test_a_recording_runs_back_at_its_end() -> None:
    """A visit longer than its recording has no jump in it."""
    force = loads(standing.of_recording(RECORDINGS / "person1.csv", 0.0, 90.0, start_s=30.0), 3.0, 80.0)
    assert np.abs(np.diff(force)).max() < 20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "time_s,force_N\n",
        "a,b\n1,2\n",
        "time_s,force_N\n0,700\n0.1,heavy\n",
        "time_s,force_N\n0,700\n0,700\n",
        "time_s,force_N\n0,nan\n0.1,700\n",
        "time_s,force_N\n0,700\n0.1,-5000\n",
        "time_s,force_N\n0,700\n5,700\n",
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    """Missing columns, words, time that stands still, forces nobody exerts, too short a stretch."""
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadRecording):
        standing.of_recording(path, 0.0, 10.0)
