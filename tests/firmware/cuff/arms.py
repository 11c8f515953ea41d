"""Arms drawn by chance, for campaigns: who they are, what their artery is like, how their heart beats and how still they sit.

Two models of the artery, Babbs' and the exponential-linear one, both in view when the estimate was developed. `held_out` draws arms for
the figures that count: other numbers, and walls, noise and rhythm from wider ranges, which nobody looked at before the estimate was fixed.
The seed of an arm is its number, so a failure can be looked at again.
"""

import random
from typing import NamedTuple

from simulator.parts.artery import Artery, ExponentialLinearArtery, Walls
from simulator.people.movement import restless
from simulator.people.person import Person
from tests.firmware.cuff.world import World

SMALLEST_PULSE_mmHg, LARGEST_PULSE_mmHg = 25.0, 90.0


class Arm(NamedTuple):
    person: Person
    walls: Walls
    scatter: float
    premature: float
    noise_mmHg: float


def draw(number: int, second_model: bool) -> Arm:
    """Return the arm of this number: systolic 90..200, diastolic 50..120, pulse 45..130."""
    chance = random.Random(number)
    while True:
        systolic_mmHg, diastolic_mmHg = chance.uniform(90, 200), chance.uniform(50, 120)
        if SMALLEST_PULSE_mmHg <= systolic_mmHg - diastolic_mmHg <= LARGEST_PULSE_mmHg:
            break
    person = Person(f"arm {number}", 70.0, systolic_mmHg, diastolic_mmHg, chance.uniform(45, 130), number)
    if second_model:
        walls: Walls = ExponentialLinearArtery(chance.uniform(0.015, 0.03), chance.uniform(7.5, 11.0), chance.uniform(10.0, 15.0))
    else:
        walls = Artery(chance.uniform(0.3, 0.45), chance.uniform(0.041, 0.070), chance.uniform(0.030, 0.042))
    premature = chance.choice([0.0, 0.0, 0.03, 0.08])
    return Arm(person, walls, chance.uniform(0.02, 0.06), premature, chance.uniform(0.03, 0.1))


def held_out(number: int, second_model: bool) -> Arm:
    """Return the arm of this number with walls, noise and rhythm beyond what the estimate was developed on."""
    arm = draw(number, second_model)
    chance = random.Random(-number)
    if second_model:
        walls: Walls = ExponentialLinearArtery(chance.uniform(0.012, 0.033), chance.uniform(6.0, 12.0), chance.uniform(9.0, 16.0))
    else:
        walls = Artery(chance.uniform(0.25, 0.5), chance.uniform(0.036, 0.080), chance.uniform(0.026, 0.046))
    return Arm(arm.person, walls, chance.uniform(0.02, 0.08), chance.choice([0.0, 0.0, 0.05, 0.1]), chance.uniform(0.02, 0.12))


def measure(arm: Arm, moves_every_s: float | None = None) -> tuple[World, object]:
    """Measure an arm; return the world and the Estimate, or the fault that refuses it."""
    world = World(arm.person, arm.walls, scatter=arm.scatter, premature=arm.premature)
    world.board.mprls.rattle(arm.noise_mmHg)
    world.run(0.2)
    if moves_every_s:
        for squeeze in restless(arm.person.seed, 15.0, 160.0, moves_every_s):
            world.air.squeeze(squeeze)
    assert world.press()
    world.until(("computing", "fault"))
    return world, world.estimate()
