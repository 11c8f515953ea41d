"""The blood pressure cuff: sensor → cycle → pump and valves → reading. A table of contents; the deciding is in `cycle.py`.

Whatever ends this task, and whatever it is doing, the air goes out: the outputs are set from the cycle's state at every step, and
opened again on the way out. From afar the home may arm the cuff, which moves nothing until START is pressed on it, and stop it, which
opens the valves at once in every state.
"""

import asyncio
import gc
import sys

import machine
from micropython import const

from firmware.cuff import arming, limits, results, states
from firmware.cuff.arming import Arming
from firmware.cuff.cycle import Cycle
from firmware.drivers.mprls import CONVERSION_MS, MPRLS
from firmware.errors import ChipError, OutboxFull, RefusedMeasurement
from protocol import faults, readings

_STEP_MS = const(3)  # beside the conversion's 5: some 100 values a second
_RESTING_MS = const(50)  # while nothing runs, the buttons are all there is to see
_ABSENT_MS = const(1000)
_SLICE_MS = const(15)  # of arithmetic, before the sensor and the button are looked at again
_PUMP_Hz = const(20_000)  # above hearing
_WORDS = {
    states.IDLE: "press_start",
    states.ZEROING: "keep_still",
    states.INFLATING: "inflating",
    states.DEFLATING: "measuring",
    states.VENTING: "venting",
    states.COMPUTING: "computing",
    states.RESTING: "rest_between",
}
# Numbers leave garbage at a thousand bytes a sample: swept often, what stays lies together, and large pieces remain.
_SWEEP_BYTES = const(8192)
_ARITHMETIC = ("oscillometry", "envelope", "hill", "walls", "ranks")
# kinds and arguments as in `protocol/commands.py`, which is loaded only while a command is read
_ARM = const(1)
_STOP = const(2)
_WHO_ARGUMENT = const(10)
_CHOSEN = {arming.A: "for_a", arming.B: "for_b", arming.GUEST: "for_guest"}


class Parts:
    """Pump, valves and buttons of this board."""

    def __init__(self, board):
        self._valves = [machine.Pin(pin, machine.Pin.OUT, value=0) for pin in (board.VALVE, board.SECOND_VALVE)]
        self._pump = machine.PWM(machine.Pin(board.PUMP), freq=_PUMP_Hz, duty_u16=0)
        self._buttons = [
            machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
            for pin in (board.BUTTON, board.BUTTON_A, board.BUTTON_B, board.BUTTON_GUEST, board.BUTTON_TWICE)
        ]
        self._were = [False] * len(self._buttons)
        self._duty = self._closed = None

    def set(self, duty: int, closed: bool) -> None:
        """Drive pump and valves; what is so already is not said again."""
        if duty != self._duty:
            self._pump.duty_u16(duty)
            self._duty = duty
        if closed != self._closed:
            for valve in self._valves:
                valve.value(closed)
            self._closed = closed

    def pressed(self, only_start: bool) -> int | None:
        """Return the number of a button that went down since the last look, 0 for start, or None."""
        for number, button in enumerate(self._buttons):
            is_down = not button.value()
            was_down = self._were[number]
            self._were[number] = is_down
            if is_down and not was_down:
                return number
            if only_start:
                return None
        return None


async def measure(ground) -> None:
    """Measure whenever the button is pressed, for ever; `ground` as in `firmware/ground.py`."""
    board = ground.board
    parts = Parts(board)
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    try:
        await _Measuring(ground, parts, await _sensor(ground, bus)).run()
    finally:
        parts.set(0, False)


async def _sensor(ground, bus):
    """Return the sensor once it answers; its absence is said once."""
    said = False
    while True:
        ground.alive()
        try:
            sensor = MPRLS(bus)
            ground.works()
            return sensor
        except ChipError as error:
            if not said:
                said = True
                await _keep_fault(ground, error.fault)
        await asyncio.sleep_ms(_ABSENT_MS)


class _Measuring:
    """One loop: look, decide, drive; and beside it the arithmetic in slices, while the cuff is empty."""

    def __init__(self, ground, parts, sensor):
        self._ground = ground
        self._parts = parts
        self._sensor = sensor
        self._cycle = Cycle(ground.clock.up_ms())
        self._arming = Arming()
        self._who = arming.NOBODY
        self._twice = False
        self._work = None  # the arithmetic, while it goes on
        self._first = None  # of two
        self._invites_until_ms = None  # "press start" of an arming stands on the display
        ground.can(_ARM, self._arm)
        ground.can(_STOP, self._stop)

    async def run(self):
        ground, cycle = self._ground, self._cycle
        ground.display.show("", "press_start")
        gc.threshold(_SWEEP_BYTES)
        told = cycle.state
        while True:
            ground.alive()
            sensed_mmHg = await self._pressure()
            at_ms = ground.clock.up_ms()
            pressed = self._parts.pressed(cycle.state in states.CAN_HOLD_AIR)
            if pressed is not None:
                self._press(pressed, at_ms)
            cycle.step(sensed_mmHg, at_ms)
            self._parts.set(cycle.duty, cycle.valve_closed)
            found = self._compute() if cycle.state == states.COMPUTING else None
            ground.calm.holding = cycle.state in states.CAN_HOLD_AIR or cycle.state == states.COMPUTING
            ground.calm.busy = cycle.state != states.IDLE or self._invites_until_ms is not None
            if cycle.state != told:  # by this step, or by a command while the sensor converted
                told = cycle.state
                await self._tell(found)
            elif self._invites_until_ms is not None and at_ms >= self._invites_until_ms:
                self._invites_until_ms = None
                ground.display.show("", "press_start")

    def _arm(self, command):
        """The home asks for a measurement: nothing moves, START on the cuff must follow within a minute."""
        cycle, at_ms = self._cycle, self._ground.clock.up_ms()
        if states.START not in states.TRANSITIONS[cycle.state]:
            return faults.COMMAND_NOT_NOW
        self._arming.arm(command.get(_WHO_ARGUMENT, arming.NOBODY), at_ms)
        self._invites_until_ms = at_ms + limits.ARMED_MS
        self._ground.display.show("", "armed")
        return 0

    def _stop(self, _command):
        """The home says stop: the air goes out, whatever the state."""
        self._arming.cancel()
        self._invites_until_ms = None
        self._cycle.stop(self._ground.clock.up_ms())
        self._parts.set(self._cycle.duty, self._cycle.valve_closed)
        return 0

    async def _pressure(self):
        """Return the pressure, or None when the sensor does not say it; what that means, the cycle decides."""
        busy = self._cycle.state in states.CAN_HOLD_AIR or self._work
        try:
            self._sensor.start()
            await asyncio.sleep_ms(CONVERSION_MS + (_STEP_MS if busy else _RESTING_MS))
            return self._sensor.read()
        except ChipError:
            await asyncio.sleep_ms(_STEP_MS)
            return None

    def _press(self, button, at_ms):
        cycle, display = self._cycle, self._ground.display
        starts = states.START in states.TRANSITIONS[cycle.state]
        if button == 0:
            if not starts:
                self._arming.cancel()
                cycle.press(at_ms)
            elif not cycle.press(at_ms):
                display.show("", "rest_first")
            else:
                self._who = self._arming.start(at_ms)
                self._invites_until_ms = None
                cycle.of_two, self._twice = self._twice, False
        elif starts and button <= arming.GUEST:
            self._arming.choose(button, at_ms)
            display.show("", _CHOSEN.get(self._arming.look(at_ms), "press_start"))
        elif starts:
            self._twice = not self._twice
            display.show("", "twice" if self._twice else "press_start")

    def _compute(self):
        """Go on with the arithmetic for a slice; return the Estimate when it is there and the cycle has taken it."""
        cycle, clock = self._cycle, self._ground.clock
        if self._work is None:
            from firmware.cuff import oscillometry  # spares memory: for some seconds a day

            gc.collect()
            self._work = oscillometry.steps(cycle.recording.samples, cycle.recording.count)
        found = fault = None
        until_ms = clock.up_ms() + _SLICE_MS
        try:
            while clock.up_ms() < until_ms:
                next(self._work)
            return None
        except StopIteration as end:
            found = end.value
        except RefusedMeasurement as refused:
            fault = refused.fault
            print(refused)
        self._forget()
        cycle.computed(fault, clock.up_ms())
        return found

    def _forget(self):
        """Let go of the arithmetic, code and all: the heap is wanted for signing and sending."""
        if self._work is None:
            return
        self._work = None
        package = sys.modules["firmware.cuff"]
        for name in _ARITHMETIC:
            if sys.modules.pop("firmware.cuff." + name, None) and hasattr(package, name):
                delattr(package, name)
        gc.collect()

    async def _tell(self, found):
        """Say the new state on the display; keep what was found when it is time."""
        ground, cycle = self._ground, self._cycle
        if cycle.state != states.COMPUTING:
            self._forget()
        if cycle.state in _WORDS:
            ground.display.show(results.number(found) if found else "", _WORDS[cycle.state])
        if cycle.state == states.RESTING:
            self._first = found
        elif cycle.state == states.RESULT and found:
            if cycle.second:
                found = results.mean(self._first, found)
            await self._keep(found, cycle.second)
        elif cycle.state == states.FAULT:
            await _keep_fault(ground, cycle.fault)

    async def _keep(self, found, of_two):
        ground, number = self._ground, results.number(found)
        try:
            kept = await ground.keep(readings.CUFF, results.fields(found, self._who, of_two))
        except OutboxFull:
            ground.display.show(number, "full")
            return
        ground.display.reading(number, kept.sequence)


async def _keep_fault(ground, code):
    try:
        await ground.keep_fault(code)
    except OutboxFull:
        pass  # it is on the display; the home learns of it by what stays away
