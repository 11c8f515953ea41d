"""Avia HX711: a 24-bit converter for bridges, read by clocking single bits out of it.

Bus face: `clock_edge` and `data_level`. World face: `follow` a signal of millivolts between the inputs of channel A.
A conversion is the mean of the input over its period. Edges are judged by the device's own time since the last operation.
Modelled: both channels and three gains, pulse counts, settling, power-down, saturation, noise as measured on a real module.
Not modelled: DOUT falling while a read is under way (such a conversion is lost), the 80 SPS setting.
Source: Avia HX711 datasheet (English) p. 4-5; rate and noise from real modules' logs.
"""

import random
from collections.abc import Callable, Iterator

from simulator.clock import Signal, constant

RATE_per_s = 10.97  # nominal 10; the internal oscillator of the measured module runs 10 % fast
SETTLING_CONVERSIONS = 4  # p. 2: 400 ms at 10 SPS
POWER_DOWN_AFTER_s = 60e-6  # p. 5: PD_SCK high for longer than 60 us
SUPPLY_V = 5.0
FULL_SCALE = 1 << 23
HIGHEST = 0x7FFFFF
LOWEST = -0x800000
NOISE_LSB = 58.0  # 51..65 LSB rms at gain 128, measured

# p. 5, table 3: pulses of a read -> input and gain of the next conversion
SELECTIONS = {25: ("A", 128), 26: ("B", 32), 27: ("A", 64)}

RANGE_mV = (-20.0, 20.0)  # at gain 128 and a supply of 5 V
STEP_mV = 0.5 * SUPPLY_V * 1000 / (128 * FULL_SCALE)

_PARTS_OF_A_CONVERSION = 8

# A real read takes a fraction of a millisecond, and the next conversion hardly ever falls into it. A host may stop the device's process
# in the middle of one: so long after an edge a conversion that is due waits for the read to go on. Likewise the first look at DOUT after
# the last pulse finds it high, as it does within the microseconds that a real driver takes.
STALL_s = 1.0


class HX711:
    """The converter on its breakout board."""

    def __init__(self, start_s: float, seed: int, noise_LSB: float = NOISE_LSB) -> None:
        self._random = random.Random(seed)
        self._noise_LSB = noise_LSB
        self._signal: Signal = constant(0.0)
        self._on_converted: Callable[[float], None] | None = None
        self._plugged = True
        self._level = 0
        self._powered_down = False
        self._pulses = 0
        self._shift = 0
        self._ready = False
        self._selection = SELECTIONS[25]
        self._next_s = 0.0
        self._edge_s = float("-inf")
        self._end_seen = False  # DOUT was looked at after the last pulse
        self.communication_errors = 0
        self._begin(start_s)

    # the world face

    def follow(self, input_mV: Signal) -> None:
        """Put a changing voltage between the inputs of channel A."""
        self._signal = input_mV

    def unplug(self) -> None:
        """Pull the board off: DOUT floats high, as its pull-up leaves it."""
        self._plugged = False

    def plug(self, at_s: float) -> None:
        """Put the board back; it starts from the beginning."""
        self._plugged = True
        self._begin(at_s)

    def awake(self, at_s: float) -> bool:
        """Whether it takes its 1.5 mA: not when its clock has been high for longer than 60 us."""
        return self._plugged and not self._powered_down and not (self._level and at_s - self._edge_s > POWER_DOWN_AFTER_s)

    def conversions(self, until_s: float) -> Iterator[tuple[float, int]]:
        """Yield each conversion up to a time with its counts, as whoever reads every one of them gets them; instead of the bus face."""
        while self._next_s <= until_s:
            yield self._next_s, self._counts(self._next_s)
            self._next_s += 1 / RATE_per_s

    # the bus face

    def clock_edge(self, level: int, at_s: float, rested_s: float) -> None:
        """Take a level of PD_SCK, `rested_s` after the last operation."""
        self._advance(at_s)
        self._edge_s = at_s
        self._end_seen = False
        was, self._level = self._level, level
        if not self._plugged or was == level:
            return
        if level:
            self._rising()
        elif rested_s > POWER_DOWN_AFTER_s or self._powered_down:
            self._begin(at_s)  # p. 5: back to channel A, gain 128

    def data_level(self, at_s: float, rested_s: float) -> int:
        """Return DOUT, `rested_s` after the last operation."""
        self._advance(at_s)
        self._end_seen = True
        if self._level and rested_s > POWER_DOWN_AFTER_s:
            self._powered_down = True
        if not self._plugged or self._powered_down:
            return 1
        if self._pulses == 0:
            return 0 if self._ready else 1
        if self._pulses <= 24:
            return self._shift >> (24 - self._pulses) & 1
        return 1

    def _begin(self, at_s: float) -> None:
        self._powered_down = False
        self._pulses = 0
        self._ready = False
        self._selection = SELECTIONS[25]
        self._next_s = at_s + SETTLING_CONVERSIONS / RATE_per_s

    def _rising(self) -> None:
        if not self._ready:
            self.communication_errors += 1  # clocked while DOUT says busy
            return
        self._pulses += 1
        if self._pulses > 27:
            self.communication_errors += 1

    def _advance(self, at_s: float) -> None:
        """Bring the conversions up to `at_s`; after a long silence only the last ones matter."""
        if self._powered_down or not self._plugged:
            return
        if at_s - self._edge_s < STALL_s and (0 < self._pulses < 25 or (self._pulses and not self._end_seen)):
            return
        behind = int((at_s - self._next_s) * RATE_per_s) - 2
        if behind > 0:
            self._next_s += behind / RATE_per_s
        while self._next_s <= at_s:
            self._convert(self._next_s)
            self._next_s += 1 / RATE_per_s

    def _convert(self, at_s: float) -> None:
        if 0 < self._pulses < 25:
            self.communication_errors += 1  # p. 5: fewer than 25 or more than 27 pulses
        elif self._pulses in SELECTIONS:
            selected = SELECTIONS[self._pulses]
            if selected != self._selection:
                self._selection = selected
                self._pulses = 0
                self._ready = False
                self._next_s += (SETTLING_CONVERSIONS - 1) / RATE_per_s
                return
        self._pulses = 0
        self._ready = True
        self._shift = self._counts(at_s) & 0xFFFFFF

    def _counts(self, at_s: float) -> int:
        channel, gain = self._selection
        input_mV = 0.0
        if channel == "A":
            step_s = 1 / RATE_per_s / _PARTS_OF_A_CONVERSION
            first_s = at_s - (_PARTS_OF_A_CONVERSION - 0.5) * step_s
            input_mV = sum(self._signal(first_s + step_s * part) for part in range(_PARTS_OF_A_CONVERSION)) / _PARTS_OF_A_CONVERSION
        counts = round(input_mV * gain * FULL_SCALE / (0.5 * SUPPLY_V * 1000) + self._random.gauss(0.0, self._noise_LSB * gain / 128))
        return max(LOWEST, min(HIGHEST, counts))
