"""The blood pressure cuff: sensor → cycle → pump and valve → reading. A table of contents; the deciding is in `cycle.py`.

Whatever ends this task, and whatever it is doing, the air goes out: the outputs are set from the cycle's state at every step, and
opened again on the way out.
"""

import asyncio
import gc

import machine
from micropython import const

from firmware.cuff import oscillometry, states
from firmware.cuff.cycle import Cycle
from firmware.drivers.mprls import CONVERSION_MS, MPRLS
from firmware.errors import ChipError, OutboxFull, RefusedMeasurement
from protocol import readings

_STEP_MS = const(3)  # beside the conversion's 5: some 100 values a second
_RESTING_MS = const(50)  # while nothing runs, the button is all there is to see
_ABSENT_MS = const(1000)
_PUMP_Hz = const(20_000)  # above hearing
_WORDS = {
    states.IDLE: "press_start",
    states.ZEROING: "keep_still",
    states.INFLATING: "inflating",
    states.DEFLATING: "measuring",
    states.VENTING: "venting",
    states.ABORTING: "venting",
    states.COMPUTING: "computing",
}


async def measure(ground) -> None:
    """Measure whenever the button is pressed, for ever; `ground` as in `firmware/main.py`."""
    board = ground.board
    valve = machine.Pin(board.VALVE, machine.Pin.OUT, value=0)
    pump = machine.PWM(machine.Pin(board.PUMP), freq=_PUMP_Hz, duty_u16=0)
    button = machine.Pin(board.BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    try:
        await _cycles(ground, await _sensor(ground, bus), pump, valve, button)
    finally:
        pump.duty_u16(0)
        valve.value(0)


async def _sensor(ground, bus):
    """Return the sensor once it answers; its absence is said once."""
    said = False
    while True:
        ground.alive()
        try:
            return MPRLS(bus)
        except ChipError as error:
            if not said:
                said = True
                await _keep_fault(ground, error.fault)
        await asyncio.sleep_ms(_ABSENT_MS)


async def _cycles(ground, sensor, pump, valve, button):
    cycle = Cycle(ground.clock.up_ms())
    ground.display.show("", "press_start")
    was_pressed = False
    while True:
        ground.alive()
        sensed_mmHg = await _pressure(sensor, cycle.state)
        at_ms = ground.clock.up_ms()
        before = cycle.state
        pressed = not button.value()
        if pressed and not was_pressed:
            cycle.press(at_ms)
        was_pressed = pressed
        cycle.step(sensed_mmHg, at_ms)
        pump.duty_u16(cycle.duty)
        valve.value(cycle.valve_closed)
        if cycle.state != before:
            await _tell(ground, cycle)


async def _pressure(sensor, state):
    """Return the pressure, or None when the sensor does not say it; what that means, the cycle decides."""
    try:
        sensor.start()
        await asyncio.sleep_ms(CONVERSION_MS + (_STEP_MS if state in states.CAN_HOLD_AIR else _RESTING_MS))
        return sensor.read()
    except ChipError:
        await asyncio.sleep_ms(_STEP_MS)
        return None


async def _tell(ground, cycle):
    """Say the new state on the display; compute, keep and show when it is time."""
    if cycle.state in _WORDS:
        ground.display.show("", _WORDS[cycle.state])
    found = None
    if cycle.state == states.COMPUTING:
        await asyncio.sleep_ms(0)  # others first: the arithmetic takes a moment, and the cuff is empty
        found = _compute(cycle, ground.clock)
    if found:
        try:
            await ground.keep(readings.CUFF, _fields(found))
        except OutboxFull:
            ground.display.show(_number(found), "full")
            return
        ground.display.reading(_number(found))
    elif cycle.state == states.FAULT:
        await _keep_fault(ground, cycle.fault)


async def _keep_fault(ground, code):
    try:
        await ground.keep_fault(code)
    except OutboxFull:
        pass  # it is on the display; the home learns of it by what stays away


def _compute(cycle, clock):
    gc.collect()
    found = fault = None
    try:
        found = oscillometry.estimate(cycle.recording.samples, cycle.recording.count)
    except RefusedMeasurement as refused:
        fault = refused.fault
    cycle.computed(fault, clock.up_ms())
    return found


def _fields(found):
    return {
        readings.SYSTOLIC: found.systolic_mmHg,
        readings.DIASTOLIC: found.diastolic_mmHg,
        readings.MAP: found.map_mmHg,
        readings.PULSE: found.pulse_per_min,
        readings.FLAGS: 0,
    }


def _number(found):
    return f"{found.systolic_mmHg}/{found.diastolic_mmHg}"
