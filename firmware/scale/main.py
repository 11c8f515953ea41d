"""The body scale: converter → weighing → reading. A table of contents; the deciding is in `weighing.py` and `states.py`."""

import asyncio

import machine
from micropython import const

from firmware.drivers.hx711 import HX711
from firmware.errors import ChipError, NotCalibrated, OutboxFull
from firmware.scale import states
from firmware.scale.weighing import Weighing
from protocol import faults, readings

_POLL_MS = const(5)
_WORDS = {states.ZEROING: "empty_plate", states.READY: "step_on", states.LOADING: "stand_still"}


async def measure(ground) -> None:
    """Weigh for ever; `ground` as in `firmware/main.py`."""
    board, calibration = ground.board, ground.settings["calibration"]
    data, clock = machine.Pin(board.HX711_DATA, machine.Pin.IN), machine.Pin(board.HX711_CLOCK, machine.Pin.OUT)
    converter = HX711(data, clock, machine.disable_irq, machine.enable_irq)
    span = calibration.get("counts_per_100_kg", 0)
    if span <= 0:
        raise NotCalibrated(field="counts_per_100_kg")
    weighing = Weighing(span, calibration.get("zero_counts"))
    _show(ground, weighing)
    while True:
        ground.alive()
        try:
            counts = await _conversion(converter, ground.clock)
        except ChipError as error:
            if weighing.state != states.BROKEN:
                await _say_fault(ground, error.fault)
            weighing.lost()
            continue
        event = weighing.feed(counts, ground.clock.up_ms())
        if event == states.SETTLED:
            await _keep(ground, weighing.weight_g)
        elif event == states.STEPPED_OFF and ground.display.shows_reading:
            pass  # the weight stays to be read from beside the plate
        elif event or weighing.state == states.LOADING:
            _show(ground, weighing)


async def _conversion(converter, clock):
    started_ms = clock.up_ms()
    await asyncio.sleep_ms(_POLL_MS)  # even a line stuck at "ready" leaves the others their turn
    while not converter.ready():
        absent = converter.absent(clock.up_ms() - started_ms)
        if absent:
            raise absent
        await asyncio.sleep_ms(_POLL_MS)
    return converter.read()


async def _keep(ground, weight_g):
    try:
        await ground.keep(readings.SCALE, {readings.GRAMS: weight_g, readings.STABLE: 1})
    except OutboxFull:
        # the person sees it at once, and the way out too: none of the kept readings gives way
        ground.display.show(_kg(weight_g), "full")
        return
    ground.display.reading(_kg(weight_g))


async def _say_fault(ground, code):
    try:
        await ground.keep_fault(code)
    except OutboxFull:
        pass  # the fault is on the display; the home learns of it from readings that stay away


def _show(ground, weighing):
    if weighing.overloaded:
        ground.display.show(f"! {faults.SCALE_OVERLOADED}", "too_heavy")
    elif weighing.state in _WORDS:
        ground.display.show("", _WORDS[weighing.state])


def _kg(grams):
    tenths = (grams + 50) // 100
    return f"{tenths // 10}.{tenths % 10} kg"
