"""What comes onto a plate and is no weigh-in: animals, parcels, somebody who leans on the wall or does not stay.

Each is a force over time, from a seed. Source of the figures: from memory; a dog that stands like a statue would be weighed.
"""

import math
import random

import numpy as np

from simulator.clock import Signal
from simulator.parts.load_cell import STANDARD_GRAVITY_m_per_s2
from simulator.people import standing
from simulator.people.person import Person

RATE_Hz = 50
RISE_s = 0.4


def animal(seed: int, from_s: float, seconds: float) -> Signal:
    """Return a cat of 3 to 7.5 kg or a dog of 9 to 35 kg: it shifts its paws every second or so, breathes or pants."""
    chance = random.Random(seed)
    is_cat = chance.random() < 0.5
    mass_kg = chance.uniform(3.0, 7.5) if is_cat else chance.uniform(9.0, 35.0)
    count = int(seconds * RATE_Hz) + 1
    shifts_kg = np.zeros(count)
    at = 0
    while at < count:
        until = at + int(chance.uniform(0.4, 1.6) * RATE_Hz)
        shifts_kg[at:until] = chance.gauss(0.0, 0.06 * mass_kg)
        at = until
    smooth = np.convolve(shifts_kg, np.ones(12) / 12, mode="same")
    breath_Hz, breath_kg = (0.5, 0.02) if is_cat else (3.5, 0.008 * mass_kg)
    breathing = breath_kg * np.sin(2 * math.pi * breath_Hz * np.arange(count) / RATE_Hz)
    return _present((mass_kg + smooth + breathing).tolist(), from_s, seconds)


def parcel(seed: int, from_s: float, seconds: float) -> Signal:
    """Return a thing of 1 to 60 kg that is laid down and lies still."""
    mass_kg = random.Random(seed).uniform(1.0, 60.0)
    return _present([mass_kg, mass_kg], from_s, seconds)


def leaning(seed: int, person: Person, from_s: float, seconds: float) -> Signal:
    """Return a person with a hand on the wall, which carries 2 to 20 kg and gives and takes within a second or two."""
    chance = np.random.default_rng(seed)
    count = int(seconds * RATE_Hz) + 1
    carried_kg, wanders_kg, lasts_s = chance.uniform(2, 20), chance.uniform(0.4, 2.0), chance.uniform(0.8, 3.0)
    keeps = math.exp(-1 / (RATE_Hz * lasts_s))
    hand_kg = np.empty(count)
    strays = 0.0
    for at in range(count):
        strays = keeps * strays + math.sqrt(1 - keeps * keeps) * float(chance.normal(0.0, wanders_kg))
        hand_kg[at] = carried_kg + strays
    body = standing.of_person(person, from_s, seconds, seed)
    hand = _present(hand_kg.tolist(), from_s + 1.0, max(0.1, seconds - 2.0))
    return lambda at_s: max(0.0, body.load_N(at_s) - hand(at_s))


def stepping_off_early(seed: int, person: Person, from_s: float) -> Signal:
    """Return a person who stays for 0.8 to 2.8 s."""
    return standing.of_person(person, from_s, random.Random(seed).uniform(0.8, 2.8), seed).load_N


def _present(masses_kg: list[float], from_s: float, seconds: float) -> Signal:
    def load_N(at_s: float) -> float:
        since_s, left_s = at_s - from_s, from_s + seconds - at_s
        if since_s <= 0 or left_s <= 0:
            return 0.0
        place = min(since_s * (len(masses_kg) - 1) / seconds, len(masses_kg) - 1.001)
        below = int(place)
        mass_kg = masses_kg[below] + (masses_kg[below + 1] - masses_kg[below]) * (place - below)
        return mass_kg * STANDARD_GRAVITY_m_per_s2 * min(1.0, since_s / RISE_s, left_s / RISE_s)

    return load_N
