"""Sensirion SHT40-AD1B: temperature and relative humidity on I2C at 0x44.

Bus face: `write` and `read`. World face: `follow` signals of degrees Celsius and percent. The sensing elements follow the air as
first-order lags (temperature 2 s, humidity 6 s), measured where a measurement ends.
Modelled: three precisions, serial number, soft reset, no acknowledgement while busy, both formulae and their clipping, CRC.
Not modelled, and refused: the heater commands 0x39 0x32 0x2F 0x24 0x1E 0x15.
Source: Sensirion SHT4x datasheet v6, sections 2, 4.5 to 4.8; lags from memory.
"""

import math
import random
from collections.abc import Callable

from simulator.buses.errors import NotAcknowledged, NotModelled
from simulator.clock import Signal, constant

ADDRESS = 0x44

# section 4.5: command -> (longest measuring time in s, repeatability of temperature in K, of humidity in %)
MEASUREMENTS = {0xFD: (0.0083, 0.013, 0.025), 0xF6: (0.0045, 0.023, 0.05), 0xE0: (0.0016, 0.033, 0.08)}
READ_SERIAL = 0x89
SOFT_RESET = 0x94
RESET_s = 0.001
SERIAL_s = 0.0001

RANGE_Cel = (-40.0, 125.0)
STEP_Cel = 175 / 65535
RANGE_percent = (0.0, 100.0)
STEP_percent = 125 / 65535

TEMPERATURE_LAG_s = 2.0
HUMIDITY_LAG_s = 6.0


class SHT4x:
    """The sensor; `on_measured` hears what its elements felt at each measurement, in Cel and percent."""

    def __init__(self, start_s: float, seed: int, on_measured: Callable[[float, float], None] | None = None) -> None:
        self._random = random.Random(seed)
        self._serial = self._random.getrandbits(32)
        self._offset_Cel = self._random.gauss(0.0, 0.02)
        self._offset_percent = self._random.gauss(0.0, 0.4)
        self._on_measured = on_measured
        self._temperature: Signal = constant(20.0)
        self._humidity: Signal = constant(50.0)
        self._element_Cel = 20.0
        self._element_percent = 50.0
        self._at_s = start_s
        self._plugged = True
        self._waiting = b""
        self._busy_until_s = start_s
        self._pending: tuple[float, float] | None = None
        self._corrupt_next = False

    # the world face

    def follow(self, air_Cel: Signal, air_percent: Signal) -> None:
        """Put the chip into changing air; its elements have had time to settle there."""
        self._temperature, self._humidity = air_Cel, air_percent
        self._element_Cel, self._element_percent = air_Cel(self._at_s), air_percent(self._at_s)

    def unplug(self) -> None:
        """Take the chip off the bus."""
        self._plugged = False

    def plug(self) -> None:
        """Put the chip back."""
        self._plugged = True

    def disturb_next_answer(self) -> None:
        """Flip a bit of the next answer on its way, so that its CRC is wrong."""
        self._corrupt_next = True

    # the bus face

    def write(self, data: bytes, at_s: float) -> int:
        """Take a command."""
        self._acknowledge(at_s)
        if not data:
            return 0
        if len(data) != 1:
            raise NotModelled("SHT4x", f"a command of {len(data)} bytes")
        command = data[0]
        if command in MEASUREMENTS:
            longest_s, spread_K, spread_percent = MEASUREMENTS[command]
            self._busy_until_s = at_s + longest_s * 0.85  # typical, where the driver must expect the longest
            self._pending = (spread_K, spread_percent)
            self._waiting = b""
        elif command == READ_SERIAL:
            self._busy_until_s = at_s + SERIAL_s
            self._answer(self._serial >> 16, self._serial & 0xFFFF)
        elif command == SOFT_RESET:
            self._busy_until_s = at_s + RESET_s
            self._waiting, self._pending = b"", None
        else:
            raise NotModelled("SHT4x", f"command 0x{command:02x}")
        return 1

    def read(self, count: int, at_s: float) -> bytes:
        """Return the answer of the last command, once."""
        self._acknowledge(at_s)
        if self._pending:
            self._measure(*self._pending)
        if not self._waiting:
            raise NotAcknowledged(ADDRESS)
        answer, self._waiting = self._waiting, b""
        if self._corrupt_next:
            self._corrupt_next = False
            answer = bytes([answer[0] ^ 0x10]) + answer[1:]
        return (answer + b"\xff" * count)[:count]

    def _acknowledge(self, at_s: float) -> None:
        if not self._plugged or at_s < self._busy_until_s:
            raise NotAcknowledged(ADDRESS)

    def _measure(self, spread_K: float, spread_percent: float) -> None:
        self._pending = None
        self._feel(self._busy_until_s)
        if self._on_measured:
            self._on_measured(self._element_Cel, self._element_percent)
        temperature_Cel = self._element_Cel + self._offset_Cel + self._random.gauss(0.0, spread_K)
        humidity_percent = self._element_percent + self._offset_percent + self._random.gauss(0.0, spread_percent)
        # section 4.6: T = -45 + 175 S/65535, RH = -6 + 125 S/65535
        self._answer(_word((temperature_Cel + 45) / 175), _word((humidity_percent + 6) / 125))

    def _feel(self, at_s: float) -> None:
        """Let the elements follow the air up to `at_s`, in steps that a moving air can be seen in."""
        steps = min(60, math.ceil((at_s - self._at_s) / 0.5)) if at_s > self._at_s else 0
        start_s = max(self._at_s, at_s - 30.0) if steps == 60 else self._at_s
        step_s = (at_s - start_s) / steps if steps else 0.0
        for step in range(1, steps + 1):
            moment_s = start_s + step * step_s
            self._element_Cel += (self._temperature(moment_s) - self._element_Cel) * -math.expm1(-step_s / TEMPERATURE_LAG_s)
            self._element_percent += (self._humidity(moment_s) - self._element_percent) * -math.expm1(-step_s / HUMIDITY_LAG_s)
        self._at_s = max(self._at_s, at_s)

    def _answer(self, *words: int) -> None:
        self._waiting = b"".join(pair + bytes([crc8(pair)]) for pair in (word.to_bytes(2, "big") for word in words))


def crc8(data: bytes) -> int:
    """Return Sensirion's CRC: polynomial 0x31, start 0xFF, nothing reflected (section 4.4)."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _word(share: float) -> int:
    return max(0, min(65535, round(share * 65535)))
