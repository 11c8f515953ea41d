"""Honeywell MPRLS0300YG00001B: a gauge pressure sensor, 0..300 mmHg, compensated, on I2C at 0x18.

Bus face: `write` and `read`. World face: `follow` a signal of mmHg. A measurement samples the pressure in the middle of its 5 ms.
Modelled: the measure command, the status byte, transfer function B, an offset and a gain error of this very part, noise.
Not modelled: EOC and RST pins, every command but the measurement.
Source: Honeywell 32332628 Issue H, sections 6 and 9.
"""

import random

from simulator.buses.errors import NotAcknowledged, NotModelled
from simulator.clock import Signal, constant

ADDRESS = 0x18
MEASURE = b"\xaa\x00\x00"
BUSY_s = 0.005

STATUS_POWERED = 1 << 6
STATUS_BUSY = 1 << 5
STATUS_MEMORY_ERROR = 1 << 2
STATUS_MATH_SATURATED = 1 << 0

# Transfer function B: 2.5 % to 22.5 % of 2^24 counts
COUNTS_AT_0 = 419_430
COUNTS_AT_300 = 3_774_874

RANGE_mmHg = (0.0, 300.0)
STEP_mmHg = 300 / (COUNTS_AT_300 - COUNTS_AT_0)
NOISE_mmHg = 0.03


class MPRLS:
    """The pressure sensor."""

    def __init__(self, seed: int, offset_mmHg: float | None = None, gain: float | None = None, noise_mmHg: float = NOISE_mmHg) -> None:
        self._random = random.Random(seed)
        self._offset_mmHg = self._random.gauss(0.0, 0.8) if offset_mmHg is None else offset_mmHg
        self._gain = 1 + self._random.gauss(0.0, 0.002) if gain is None else gain
        self._noise_mmHg = noise_mmHg
        self._signal: Signal = constant(0.0)
        self._plugged = True
        self._memory_broken = False
        self._measured = COUNTS_AT_0
        self._saturated = False
        self._done_s = float("-inf")
        self._frozen = False
        self._hung = False
        self._drift = (0.0, 0.0)  # mmHg/s, since

    # the world face

    def follow(self, pressure_mmHg: Signal) -> None:
        """Put a changing pressure on the port."""
        self._signal = pressure_mmHg

    def unplug(self) -> None:
        """Take the chip off the bus."""
        self._plugged = False

    def plug(self) -> None:
        """Put the chip back."""
        self._plugged = True

    def break_memory(self) -> None:
        """Let the integrity test of its memory fail from now on."""
        self._memory_broken = True

    def freeze(self) -> None:
        """Let it answer the last value for ever."""
        self._frozen = True

    def hang(self) -> None:
        """Let it stay busy for ever."""
        self._hung = True

    def rattle(self, noise_mmHg: float) -> None:
        """Let its values scatter so much from now on."""
        self._noise_mmHg = noise_mmHg

    def drift(self, mmHg_per_s: float, at_s: float) -> None:
        """Let its zero wander from now on."""
        self._drift = (mmHg_per_s, at_s)

    def shift(self, offset_mmHg: float, gain: float) -> None:
        """Let its zero and its slope leap."""
        self._offset_mmHg += offset_mmHg
        self._gain *= gain

    # the bus face

    def write(self, data: bytes, at_s: float) -> int:
        """Take a command."""
        self._check_plugged()
        if not data:
            return 0
        if data[0] != MEASURE[0]:
            raise NotModelled("MPRLS", f"command 0x{data[0]:02x}")
        if data != MEASURE:
            raise NotModelled("MPRLS", f"measuring with {data[1:].hex()} behind the command")
        if at_s >= self._done_s:  # a command while it measures is not heard
            self._measure(at_s + BUSY_s / 2)
            self._done_s = at_s + BUSY_s
        return len(data)

    def read(self, count: int, at_s: float) -> bytes:
        """Return the status byte, then the last measurement."""
        self._check_plugged()
        busy = at_s < self._done_s or self._hung
        status = STATUS_POWERED | (STATUS_BUSY if busy else 0)
        status |= STATUS_MEMORY_ERROR if self._memory_broken else 0
        status |= STATUS_MATH_SATURATED if self._saturated and not busy else 0
        answer = bytes([status]) + self._measured.to_bytes(3, "big")
        return (answer + bytes(count))[:count]

    def _check_plugged(self) -> None:
        if not self._plugged:
            raise NotAcknowledged(ADDRESS)

    def _measure(self, at_s: float) -> None:
        pressure_mmHg = self._signal(at_s) * self._gain + self._offset_mmHg + self._random.gauss(0.0, self._noise_mmHg)
        pressure_mmHg += self._drift[0] * (at_s - self._drift[1])
        if self._frozen:
            return
        counts = round(COUNTS_AT_0 + pressure_mmHg * (COUNTS_AT_300 - COUNTS_AT_0) / 300)
        self._saturated = not 0 <= counts < 1 << 24
        self._measured = max(0, min((1 << 24) - 1, counts))
