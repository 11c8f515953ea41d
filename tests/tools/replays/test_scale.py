"""Recorded and simulated people through load cell, converter and the device's own code in MicroPython; and those who are no people."""

import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean

import pytest

from simulator.clock import Signal
from simulator.parts.load_cell import STANDARD_GRAVITY_m_per_s2
from simulator.people import others, standing
from simulator.people.person import Person
from tools.replays import scale

ROOT = Path(__file__).parents[3]
RECORDINGS = sorted((ROOT / "tests/vectors/standing").glob("person*.csv"))
EMPTY_s = 3.0
STANDS_s = 12.0
SETTLED_s = 1.5  # the plate has come to rest after the step


def people(seed: int, number: int) -> list[Person]:
    """Adults and older children, drawn from a seed."""
    chance = random.Random(seed)
    weights_kg = (min(170.0, max(25.0, chance.gauss(72.0, 20.0))) for _ in range(number))
    return [
        Person(f"P{at}", weight_kg, pulse_per_min=chance.uniform(52, 92), seed=seed * 10_000 + at)
        for at, weight_kg in enumerate(weights_kg)
    ]


def visits(seed: int, number: int) -> list[tuple[Person, list[scale.Reading]]]:
    """Return each simulated person with the readings of their visit, over several scales."""
    drawn = people(seed, number)
    found: list[tuple[Person, list[scale.Reading]]] = []
    for cell in range(5):
        here = drawn[cell::5]
        plates = [(standing.of_person(person, EMPTY_s, STANDS_s).load_N, EMPTY_s + STANDS_s + 3) for person in here]
        found += zip(here, scale.weighed(plates, seed + cell), strict=True)
    return found


def nobodies(seed: int, number: int) -> list[tuple[str, Signal, float]]:
    """Return animals, parcels, people who lean and people who do not stay, a quarter each."""
    found: list[tuple[str, Signal, float]] = []
    for at, person in enumerate(people(seed, number)):
        own = seed * 1000 + at
        kind = ("animal", "parcel", "leaning", "early")[at % 4]
        if kind == "animal":
            plate = others.animal(own, EMPTY_s, 20.0)
        elif kind == "parcel":
            plate = others.parcel(own, EMPTY_s, 60.0)
        elif kind == "leaning":
            plate = others.leaning(own, person, EMPTY_s, 12.0)
        else:
            plate = others.stepping_off_early(own, person, EMPTY_s)
        found.append((kind, plate, 70.0 if kind == "parcel" else 26.0))
    return found


def check_people(found: list[tuple[Person, list[scale.Reading]]], record: object) -> None:
    assert all(len(readings) == 1 for _, readings in found), [(person, len(readings)) for person, readings in found if len(readings) != 1]
    errors_kg = sorted(abs(readings[0][1] / 1000 - person.weight_kg) for person, readings in found)
    latest_s = max(readings[0][0] - EMPTY_s - SETTLED_s for _, readings in found)
    within = sum(error <= 0.1 for error in errors_kg) / len(errors_kg)
    print(f"{len(found)} people: {within:.1%} within 0.1 kg, worst {errors_kg[-1]:.3f} kg, latest after {latest_s:.1f} s of standing")
    assert within >= 0.99
    assert errors_kg[-1] <= 0.15
    assert latest_s <= 6.0


def check_nobodies(seed: int, number: int) -> None:
    drawn = nobodies(seed, number)
    readings = list(scale.weighed([(plate, lasts_s) for _, plate, lasts_s in drawn]))
    published = [(kind, at, found) for at, ((kind, _, _), found) in enumerate(zip(drawn, readings, strict=True)) if found]
    assert published == []


def test_each_recorded_person_is_weighed_through_the_command() -> None:
    """All eight in one call: one reading each, within 0.1 kg of their own mean force and 6 s of standing, empty plate around them."""
    command = [sys.executable, "-m", "tools.replay", "scale", *map(str, RECORDINGS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reading["file"] for reading in found] == [path.name for path in RECORDINGS]
    for path, reading in zip(RECORDINGS, found, strict=True):
        truth_kg = mean(scale.recording(path)[1]) / STANDARD_GRAVITY_m_per_s2
        assert reading["kind"] == "scale"
        assert abs(reading["weight_kg"] - truth_kg) <= 0.1
        assert reading["settled_at_s"] <= 6.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "time_s,force_N\n",
        "time_s,force_N\n0,1\n0,1\n",
        "time_s,force_N\n0,nan\n1,2\n",
        "a,b\n1,2\n2,3\n",
        "time_s,force_N\n0,1\n1\n",
        "\x00",
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_a_reason(tmp_path: Path, text: str) -> None:
    """Never a traceback, and the other files are weighed all the same."""
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    refused, weighed = scale.replay([path, RECORDINGS[0]])
    assert refused["file"] == "bad.csv"
    assert refused["refused"]
    assert weighed["weight_kg"]
    assert next(iter(scale.replay([tmp_path / "absent.csv"])))["refused"]


def test_simulated_people_are_weighed_rightly(record_property: object) -> None:
    """Of 60 drawn from a seed, over five scales, 99 % within 0.1 kg and all within 0.15; each once and soon."""
    check_people(visits(1, 60), record_property)


def test_nobody_is_weighed_who_is_no_person() -> None:
    """Of 24 animals, parcels, leaners and people who do not stay none is published."""
    check_nobodies(1, 24)


@pytest.mark.long
@pytest.mark.parametrize("seed", [7, 8])
def test_five_hundred_simulated_people_are_weighed_rightly(seed: int, record_property: object) -> None:
    """The same for 500."""
    check_people(visits(seed, 500), record_property)


@pytest.mark.long
@pytest.mark.parametrize("seed", [7, 8])
def test_none_of_a_hundred_who_are_no_people_is_weighed(seed: int) -> None:
    """The same for 100."""
    check_nobodies(seed, 100)
