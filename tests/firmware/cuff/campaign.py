"""Everything that can go wrong with a cuff, in every state and at several moments in it, and what the arm felt.

A run brings a measurement to a moment, lets one fault happen, and looks at the pressure on the arm itself until the cuff is at rest:
never over 330 mmHg, never above 15 mmHg for more than 180 s, and below 15 mmHg within 10 s of every stop, every fault that the firmware
sees, and every reset. Each is run twice: left alone, and stopped by hand two seconds later.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from firmware.cuff import states
from simulator.boards import I2C_SCL, I2C_SDA
from simulator.parts.pneumatics import Squeeze
from simulator.people.person import Person
from tests.firmware.cuff.world import ARM_mmHg, World

HIGHEST_mmHg = 330.0
LONGEST_s = 180.0
EMPTIES_WITHIN_s = 10.0
LOOKS_s = 300.0
STOPPED_AFTER_s = 2.0

PERSON = Person("Ada", 61.0, 128.0, 82.0, 66.0, 3)
# state: how long it ordinarily lasts, in s
LASTS_s = {
    states.IDLE: 1.0,
    states.ZEROING: 1.0,
    states.INFLATING: 17.0,
    states.DEFLATING: 40.0,
    states.VENTING: 6.0,
    states.COMPUTING: 2.0,
    states.RESULT: 5.0,
    states.RESTING: 50.0,
    states.FAULT: 5.0,
}


class Outcome(NamedTuple):
    state: str
    fault: int | None
    highest_mmHg: float
    longest_s: float
    slowest_s: float  # from a stop, a seen fault or a reset until below 15 mmHg


def _hang(world: World) -> None:
    world.running = False


def _squeeze(mmHg: float, Hz: float, seconds: float) -> Callable[[World], None]:
    return lambda world: world.air.squeeze(Squeeze(world.clock.now_s(), seconds, mmHg, Hz))


FAULTS: dict[str, Callable[[World], object]] = {
    "stopped": lambda world: world.stop(),
    "button pressed": lambda world: world.press(),
    "processor resets": lambda world: world.reset(),
    "power lost": lambda world: world.lose_power(),
    "program hangs": _hang,
    "sensor unplugged": lambda world: world.board.mprls.unplug(),
    "sensor frozen": lambda world: world.board.mprls.freeze(),
    "sensor busy for ever": lambda world: world.board.mprls.hang(),
    "sensor's memory broken": lambda world: world.board.mprls.break_memory(),
    "sensor noisy": lambda world: world.board.mprls.rattle(12.0),
    "sensor drifts up": lambda world: world.board.mprls.drift(2.0, world.clock.now_s()),
    "sensor drifts down": lambda world: world.board.mprls.drift(-2.0, world.clock.now_s()),
    "sensor drifts slowly down": lambda world: world.board.mprls.drift(-0.3, world.clock.now_s()),
    "sensor leaps up": lambda world: world.board.mprls.shift(50.0, 1.0),
    "sensor leaps down": lambda world: world.board.mprls.shift(-30.0, 1.0),
    "sensor shows half": lambda world: world.board.mprls.shift(0.0, 0.5),
    "sensor shows a quarter more": lambda world: world.board.mprls.shift(0.0, 1.25),
    "bus held low": lambda world: world.board.i2c[I2C_SCL, I2C_SDA].hold_bus_low(),
    "pump cannot be switched off": lambda world: world.air.short_pump(),
    "pump dead": lambda world: world.air.break_pump(),
    "first valve jammed closed": lambda world: world.air.jam_valve(True, 0),
    "second valve jammed closed": lambda world: world.air.jam_valve(True, 1),
    "first valve jammed open": lambda world: world.air.jam_valve(False, 0),
    "second valve jammed open": lambda world: world.air.jam_valve(False, 1),
    "small leak": lambda world: world.air.leak(3.0),
    "large leak": lambda world: world.air.leak(60.0),
    "needle blocked": lambda world: world.air.block_bleed(),
    "tube bent": lambda world: world.air.kink(world.clock.now_s()),
    "tube slips off": lambda world: world.air.slip_off(world.clock.now_s()),
    "cuff taken off": lambda world: world.air.unwrap(world.clock.now_s()),
    "arm moves": _squeeze(20.0, 1.5, 2.0),
    "arm is leant on": _squeeze(60.0, 0.2, 5.0),
    "cut-off dead": lambda world: world.air.watchers.clear(),
    "cut-off trips by itself": lambda world: world.air.cut_off(True, world.clock.now_s()),
}


@lru_cache(maxsize=8)
def brought_to(state: str) -> World:
    """Return a world whose cycle has just entered a state, by the ordinary way."""
    if state == states.IDLE:
        world = World(PERSON)
        world.run(0.3)
        return world
    before = {
        states.ZEROING: states.IDLE,
        states.INFLATING: states.ZEROING,
        states.DEFLATING: states.INFLATING,
        states.VENTING: states.DEFLATING,
        states.COMPUTING: states.VENTING,
        states.RESULT: states.COMPUTING,
        states.RESTING: states.COMPUTING,
        states.FAULT: states.DEFLATING,
    }[state]
    world = brought_to(before).copy()
    if state == states.ZEROING:
        assert world.press()
    elif state == states.FAULT:
        world.stop()
    elif before == states.COMPUTING:
        world.run(0.5)
        world.cycle.of_two = state == states.RESTING
        world.cycle.computed(None, int(world.clock.now_s() * 1000))
    assert world.until((state,)), f"{state} did not follow {before}: {world.cycle.state} {world.cycle.fault}"
    return world


@lru_cache(maxsize=16)
def at(state: str, share: float) -> World:
    """Return a world some share of a state's ordinary time into it."""
    world = brought_to(state).copy()
    world.run(share * LASTS_s[state])
    return world


def run(fault: str, state: str, share: float, stopped: bool) -> Outcome:
    """Let a fault happen at a moment; return what the arm felt until the cuff was at rest again."""
    world = at(state, share).copy()
    FAULTS[fault](world)
    end_s = world.clock.now_s() + LOOKS_s
    stop_at_s = world.clock.now_s() + STOPPED_AFTER_s if stopped else end_s
    asked_s = world.clock.now_s() if world.cycle.state == states.VENTING or fault == "power lost" else None
    calm_s = 0.0
    slowest_s = 0.0
    was, was_running = world.cycle.state, world.running
    while world.clock.now_s() < end_s and calm_s < 3.0:
        world.step()
        now_s = world.clock.now_s()
        if now_s >= stop_at_s and world.running:
            world.stop()
            stop_at_s = end_s
            asked_s = asked_s or now_s
        turned = world.cycle.state == states.VENTING and was != states.VENTING
        if turned or (world.running and not was_running):
            asked_s = asked_s or now_s
        was, was_running = world.cycle.state, world.running
        if world.arm_mmHg() < ARM_mmHg:
            asked_s = None
            resting = world.cycle.state not in states.CAN_HOLD_AIR and world.cycle.state != states.RESTING
            calm_s = calm_s + 0.01 if resting and stop_at_s == end_s and world.stalled_s <= 0 else 0.0
        else:
            calm_s = 0.0
            slowest_s = max(slowest_s, now_s - asked_s) if asked_s is not None else slowest_s
    return Outcome(world.cycle.state, world.cycle.fault, world.highest_mmHg, world.longest_s, slowest_s)


def harmless(outcome: Outcome) -> bool:
    """Whether the arm was safe."""
    return outcome.highest_mmHg <= HIGHEST_mmHg and outcome.longest_s <= LONGEST_s and outcome.slowest_s <= EMPTIES_WITHIN_s
