"""The converter that the board carries, HX711 or NAU7802: awake, read, and asleep with as little current as it can."""

import asyncio
import time

import machine
from micropython import const

_POLL_MS = const(5)


class Converter:
    """board: its pin numbers; bus: the board's I2C. Raises ChipError: it is not there, or another chip is."""

    def __init__(self, board, bus):
        self._clock = None
        if board.CONVERTER == "hx711":
            from firmware.drivers.hx711 import HX711  # spares memory: one of the two

            data = machine.Pin(board.HX711_DATA, machine.Pin.IN)
            self._clock = machine.Pin(board.HX711_CLOCK, machine.Pin.OUT, value=0, hold=False)
            self._chip = HX711(data, self._clock, machine.disable_irq, machine.enable_irq)
        else:
            from firmware.drivers.nau7802 import NAU7802  # spares memory: one of the two

            self._chip = NAU7802(bus, time.sleep_ms)

    async def counts(self, clock) -> int:
        """Return the next conversion. Raises ChipError: it does not come, or says that it cannot be trusted."""
        started_ms = clock.up_ms()
        await asyncio.sleep_ms(_POLL_MS)  # even a line stuck at "ready" leaves the others their turn
        while not self._chip.ready():
            absent = self._chip.absent(clock.up_ms() - started_ms)
            if absent:
                raise absent
            await asyncio.sleep_ms(_POLL_MS)
        return self._chip.read()

    def power_down(self) -> None:
        """Switch off, and stay off through deep sleep: the clock pin is held high, or the chip remembers by itself."""
        self._chip.power_down()
        if self._clock:
            self._clock.init(hold=True)
