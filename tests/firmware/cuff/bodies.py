"""Measurements on the arm of `arm.py`, under both Pythons."""

from firmware.cuff import oscillometry, states
from firmware.cuff.cycle import Cycle
from firmware.errors import RefusedMeasurement
from tests.firmware.cuff.arm import Arm

STEP_MS = 10


def go(cycle, arm, at_ms, steps, sensor=True):
    """Let some steps pass; return the time then."""
    for _ in range(steps):
        at_ms += STEP_MS
        arm.step(cycle.duty, cycle.valve_closed, STEP_MS)
        cycle.step(arm.sensed_mmHg(at_ms) if sensor else None, at_ms)
    return at_ms


def until(cycle, arm, at_ms, wanted, most_ms=200_000):
    """Let steps pass until the cycle is in one of the wanted states; return the time, or None when it never came."""
    end_ms = at_ms + most_ms
    while cycle.state not in wanted:
        if at_ms > end_ms:
            return None
        at_ms = go(cycle, arm, at_ms, 1)
    return at_ms


def measurement(systolic, diastolic, pulse_per_min):
    """Measure once; return [systolic, diastolic, MAP, pulse], or the fault, with the highest pressure and longest time above 15 mmHg."""
    arm = Arm(systolic, diastolic, pulse_per_min)
    cycle = Cycle(0)
    at_ms = go(cycle, arm, 0, 5)
    cycle.press(at_ms)
    until(cycle, arm, at_ms, (states.COMPUTING, states.FAULT))
    result: object = cycle.fault
    if cycle.state == states.COMPUTING:
        try:
            result = list(oscillometry.estimate(cycle.recording.samples, cycle.recording.count))
        except RefusedMeasurement as refused:
            result = refused.fault
    return [result, round(arm.highest_mmHg), arm.longest_over_15_ms]


def brought_to(state):
    """Return a cycle, its arm and the time, in a state that was reached by the ordinary way."""
    arm = Arm()
    cycle = Cycle(0)
    at_ms = go(cycle, arm, 0, 5)
    if state == states.IDLE:
        return cycle, arm, at_ms
    cycle.press(at_ms)
    if state in (states.ABORTING, states.FAULT):
        at_ms = until(cycle, arm, at_ms, (states.DEFLATING,))
        cycle.press(at_ms)
    at_ms = until(cycle, arm, at_ms, (state if state != states.SHOWN else states.COMPUTING,))
    if state == states.SHOWN:
        cycle.computed(None, at_ms)
    return cycle, arm, at_ms


def after_fault(state, fault):
    """Bring the cycle to a state, let a fault happen, and look for 200 s.

    Returns [last state, cycle's fault, highest mmHg, longest ms above 15 mmHg, ms from the fault until under 15 mmHg].
    """
    cycle, arm, at_ms = brought_to(state)
    began_ms = at_ms
    under_ms = None
    sensor = True
    if fault == "stop":
        cycle.press(at_ms)
    elif fault == "sensor":
        sensor = False
    elif fault == "leak":
        arm.leak_per_s = 0.5
    elif fault == "runaway":
        arm.pump_runaway = True
    elif fault == "overpressure":
        arm.pressure_mmHg = 295.0
    elif fault == "dead pump":
        arm.pump_dead = True
    elif fault == "off":
        arm.wrapped = False
    while at_ms - began_ms < 200_000:
        at_ms = go(cycle, arm, at_ms, 1, sensor)
        if under_ms is None and arm.pressure_mmHg < 15:
            under_ms = at_ms - began_ms
    return [cycle.state, cycle.fault, round(arm.highest_mmHg), arm.longest_over_15_ms, under_ms]
