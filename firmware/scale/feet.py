"""Whether bare feet stand on the plate's four electrodes, and their impedance: 50 kHz, from foot to foot.

The AD5933's sine becomes a current of at most 0.5 mA in the front end on the board, so what comes back grows with the impedance. One
resistor of 500 ohm in place of a person calibrates it. What a body is made of is not computed here: the home knows whose it is.
"""

import asyncio

from micropython import const

from firmware.drivers.ad5933 import AD5933, CONVERSION_MS, magnitude

FREQUENCY_Hz = const(50_000)
CALIBRATED_ohm = const(500)
# Bare feet of grown people lie between 300 and 900 ohm; shoes and socks let no current through, and an empty plate neither.
LEAST_ohm = const(150)
MOST_ohm = const(1500)
SETTLING_CYCLES = const(100)  # 2 ms
_TRANSFORMS = const(8)
_LONGEST_WAIT_MS = const(50)


class Feet:
    """bus: the board's I2C; counts: the magnitude at 500 ohm, from the settings. Raises ChipError: the chip is not there."""

    def __init__(self, bus, counts: int):
        self._chip = AD5933(bus, FREQUENCY_Hz, SETTLING_CYCLES)
        self._counts = counts
        self._chip.power_down()

    async def impedance_ohm(self) -> int | None:
        """Return the impedance, a mean of eight, or None when no bare feet are there. Raises ChipError."""
        total = done = 0
        self._chip.start()
        try:
            for _ in range(_LONGEST_WAIT_MS):
                await asyncio.sleep_ms(CONVERSION_MS + 2)
                if not self._chip.ready():
                    continue
                total += magnitude(*self._chip.read())
                done += 1
                if done == _TRANSFORMS:
                    break
                self._chip.repeat()
        finally:
            self._chip.power_down()
        ohm = total * CALIBRATED_ohm // (self._counts * done) if done else 0
        return ohm if LEAST_ohm <= ohm <= MOST_ohm else None
