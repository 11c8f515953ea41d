"""The body scale: converter → weighing → feet → reading, and sleep in between. A table of contents.

The deciding is in `weighing.py` and `states.py`, the converter in `converter.py`, the current through the feet in `feet.py`.
"""

import asyncio

import esp32
import machine
from micropython import const

from firmware import memory
from firmware.errors import BatteryEmpty, ChipError, OutboxFull
from firmware.scale import states
from firmware.scale.calibration import Curve
from firmware.scale.converter import Converter
from firmware.scale.feet import Feet
from firmware.scale.label import weight
from firmware.scale.weighing import Weighing
from protocol import faults, readings

_TIMER_WAKE = const(4)  # machine.wake_reason() of the stock port
_AFTER_POWER_ON_MS = const(120_000)
_LEFT_LYING_MS = const(60_000)
_AFTER_TIMER_MS = const(4000)
_LAST_WORDS_MS = const(4000)
_ZERO_AGAIN_MS = const(7_200_000)  # the plate warms and cools with its room, and its zero with it
_WORDS = {states.ZEROING: "empty_plate", states.READY: "step_on", states.LOADING: "stand_still"}


async def measure(ground) -> None:
    """Weigh for ever, or until it is time to sleep; `ground` as in `firmware/ground.py`."""
    board, calibration = ground.board, ground.settings["calibration"]
    weighing = Weighing(Curve(calibration), calibration.get("zero_counts"))
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    switch = machine.Pin(board.SWITCH, machine.Pin.IN, machine.Pin.PULL_UP)
    held = ground.memory.get(memory.ZERO) if ground.memory.get(memory.ZERO_KNOWN) else None
    weighing.wake(held, not switch.value())
    converter = feet = None
    quiet = ground.woken == _TIMER_WAKE  # nobody is here: no light
    since_ms = ground.clock.up_ms()
    patience_ms = _AFTER_TIMER_MS if quiet else 0 if ground.woken else _AFTER_POWER_ON_MS
    if not quiet:
        _show(ground, weighing)
    while True:
        ground.alive()
        event = None
        try:
            if converter is None:
                converter = Converter(board, bus)
            counts = await converter.counts(ground.clock)
            ground.works()
            event = weighing.feed(counts, ground.clock.up_ms())
        except ChipError as error:
            if weighing.state != states.FAULT:
                await _say_fault(ground, error.fault)
                since_ms = ground.clock.up_ms()
            weighing.lost()
        ground.calm.busy = weighing.state in (states.LOADING, states.SETTLING)
        now_ms = ground.clock.up_ms()
        if event:
            quiet = quiet and event != states.STEPPED_ON
            if event != states.ZERO_FOUND:
                since_ms, patience_ms = now_ms, 0
        if event == states.STEPPED_ON:
            ground.link.begin()  # joining takes as long as standing still
        if event == states.SETTLED:
            feet, fields = await _fields(ground, weighing, bus, feet)
            weighing.impedance_ended()
            await _keep(ground, weighing.weight_g, fields)
        elif event == states.STEPPED_OFF and ground.display.shows_reading:
            pass  # the weight stays to be read from beside the plate
        elif not quiet and (event or weighing.state in (states.LOADING, states.SETTLING)):
            _show(ground, weighing)
        if _leaves(ground, weighing, now_ms - since_ms, patience_ms):
            _sleep(ground, weighing, converter, switch)


def _leaves(ground, weighing, idle_ms, patience_ms):
    """Whether nobody has been here for so long that the device should sleep."""
    sleep_ms = ground.settings["sleep_ms"]
    if weighing.state in (states.LOADING, states.SETTLING, states.FAULT):
        patience_ms = max(patience_ms, _LEFT_LYING_MS)
    return sleep_ms and idle_ms > max(sleep_ms if patience_ms != _AFTER_TIMER_MS else 0, patience_ms) and ground.may_sleep()


def _sleep(ground, weighing, converter, switch):
    """Power everything down; the switch wakes by changing, so that what was left lying does not wake it again and again."""
    weighing.leave()
    if weighing.zero_found:
        ground.memory.put(memory.ZERO, weighing.zero_counts)
        ground.memory.put(memory.ZERO_KNOWN, 1)
    if converter:
        try:
            converter.power_down()
        except ChipError:
            pass  # it is not there to be switched off
    esp32.wake_on_ext0(pin=switch, level=not switch.value())
    ground.sleep(_ZERO_AGAIN_MS)


async def _fields(ground, weighing, bus, feet):
    """Return the feet's driver, made when it is first needed, and what the reading says."""
    fields = {readings.GRAMS: weighing.weight_g, readings.STABLE: 1}
    counts = ground.settings["calibration"].get("counts_at_500_ohm")
    if counts:
        try:
            feet = feet or Feet(bus, counts)
            ohm = await feet.impedance_ohm()
            fields[readings.BARE_FEET if ohm is None else readings.IMPEDANCE] = ohm or 0
        except ChipError as error:
            await _say_fault(ground, error.fault)  # the weight is good without it
    return feet, fields


async def _keep(ground, weight_g, fields):
    shown = weight(weight_g, ground.settings["unit"], ground.settings["language"])
    try:
        kept = await ground.keep(readings.SCALE, fields)
    except OutboxFull:
        # the person sees it at once, and the way out too: none of the kept readings gives way
        ground.display.show(shown, "full")
        return
    except BatteryEmpty:
        ground.display.show(shown, "batteries_empty")
        await asyncio.sleep_ms(_LAST_WORDS_MS)
        raise
    ground.display.reading(shown, kept.sequence, "no_bare_feet" if readings.BARE_FEET in fields else "arrived")


async def _say_fault(ground, code):
    try:
        await ground.keep_fault(code)
    except OutboxFull:
        pass  # the fault is on the display, and that there is no room for it the home learns by itself


def _show(ground, weighing):
    if weighing.overloaded:
        ground.display.show(f"! {faults.SCALE_OVERLOADED}", "too_heavy")
    elif weighing.too_light:
        ground.display.show(f"! {faults.SCALE_TOO_LIGHT}", "too_light")
    elif weighing.state == states.SETTLING:
        ground.display.show("", "a_moment" if weighing.lifeless else "stand_still")
    elif weighing.state in _WORDS:
        ground.display.show("", _WORDS[weighing.state])
