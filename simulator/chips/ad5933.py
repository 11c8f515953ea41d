"""Analog Devices AD5933: makes a sine, and the Fourier transform of what comes back, on I2C at 0x0D.

Bus face: `write` and `read`. World face: `follow` a signal of the ratio of what comes back to what goes out, and `phase_rad`.
Modelled: the control register's commands, range and gain, start frequency, settling cycles, status, real and imaginary part, noise,
saturation, reset, the address pointer and the block commands.
Not modelled, and refused: sweeps of more than one frequency, the temperature sensor, an external clock.
Source: AD5933 data sheet rev. F, tables 8 to 13, "system description"; size of the transform and its noise from memory.
"""

import math
import random

from simulator.buses.errors import NotAcknowledged, NotModelled
from simulator.clock import Signal, constant

ADDRESS = 0x0D
CLOCK_Hz = 16.776e6
POINTER, BLOCK_WRITE, BLOCK_READ = 0xB0, 0xA0, 0xA1

CONTROL, CONTROL_LOW, START, INCREMENT, COUNT, SETTLING, STATUS, REAL, IMAGINARY = 0x80, 0x81, 0x82, 0x85, 0x88, 0x8A, 0x8F, 0x94, 0x96
WRITABLE = {*range(0x80, 0x8C)}
READABLE = WRITABLE | {0x8F, *range(0x94, 0x98)}

NOTHING, INITIALISE, START_SWEEP, NEXT, REPEAT, TEMPERATURE, POWER_DOWN, STANDBY = 0, 1, 2, 3, 4, 9, 10, 11
TEMPERATURE_VALID, DATA_VALID, SWEEP_COMPLETE = 1, 2, 4
POWER_UP = 0xA0
# D10..D9: output range, as a share of the largest
RANGES = {0: 1.0, 1: 0.1, 2: 0.2, 3: 0.5}
SAMPLES = 1024
SAMPLE_CLOCKS = 16
FULL_SCALE = 16_384  # of the transform, for a ratio of 1 at range 1 and gain 1
NOISE_LSB = 4.0

RANGE = (0.0, 1.9)  # ratio; above it the transform saturates
STEP = 1 / FULL_SCALE


class AD5933:
    """The chip."""

    def __init__(self, seed: int, noise_LSB: float = NOISE_LSB) -> None:
        self._random = random.Random(seed)
        self._noise_LSB = noise_LSB
        self._signal: Signal = constant(0.0)
        self.phase_rad = -0.6
        self._plugged = True
        self._stuck = False
        self._reset()

    # the world face

    def follow(self, ratio: Signal) -> None:
        """Put something between the sine and the way back."""
        self._signal = ratio

    def unplug(self) -> None:
        """Take the chip off the bus."""
        self._plugged = False

    def plug(self) -> None:
        """Put the chip back; it starts from the beginning."""
        self._plugged = True
        self._reset()

    def forget_writes(self) -> None:
        """Be something else at this address: whatever is written does not stay."""
        self._stuck = True

    @property
    def awake(self) -> bool:
        """Whether it takes more than its power-down current."""
        return self._registers[CONTROL] >> 4 != POWER_DOWN

    @property
    def frequency_Hz(self) -> float:
        """The frequency that its registers ask for."""
        code = int.from_bytes(bytes(self._registers[START + place] for place in range(3)), "big")
        return code * CLOCK_Hz / 4 / (1 << 27)

    # the bus face

    def write(self, data: bytes, at_s: float) -> int:
        """Take a register's address and its value, the address pointer, or a block."""
        self._check_plugged()
        if not data:
            return 0
        if data[0] == POINTER:
            self._pointer = data[1]
        elif data[0] == BLOCK_WRITE:
            for place, value in enumerate(data[2 : 2 + data[1]]):
                self._put(self._pointer + place, value, at_s)
        elif data[0] == BLOCK_READ:
            raise NotModelled("AD5933", "block reads")
        elif len(data) == 2:
            self._put(data[0], data[1], at_s)
        else:
            raise NotModelled("AD5933", f"a write of {data.hex()}")
        return len(data)

    def read(self, count: int, at_s: float) -> bytes:
        """Return the register at the pointer, again and again."""
        self._check_plugged()
        if self._pointer not in READABLE:
            raise NotModelled("AD5933", f"reading register 0x{self._pointer:02x}")
        return bytes([self._get(self._pointer, at_s)]) * count

    def _reset(self) -> None:
        self._registers = dict.fromkeys(READABLE, 0)
        self._registers[CONTROL] = POWER_UP
        self._pointer = 0
        self._done_s = float("inf")

    def _get(self, register: int, at_s: float) -> int:
        if register == STATUS:
            return DATA_VALID if at_s >= self._done_s else 0
        return self._registers[register]

    def _put(self, register: int, value: int, at_s: float) -> None:
        if register not in WRITABLE:
            raise NotModelled("AD5933", f"writing register 0x{register:02x}")
        if self._stuck:
            return
        if register == CONTROL_LOW:
            if value & 0x08:
                raise NotModelled("AD5933", "an external clock")
            if value & 0x10:
                self._done_s = float("inf")
                self._registers[CONTROL] = self._registers[CONTROL] & 0x0F | STANDBY << 4
            return
        self._registers[register] = value
        if register == CONTROL:
            self._command(value >> 4, at_s)

    def _command(self, command: int, at_s: float) -> None:
        if command in (START_SWEEP, REPEAT):
            if not self.frequency_Hz:
                raise NotModelled("AD5933", "a sine of 0 Hz")
            cycles = self._registers[SETTLING] << 8 & 0x100 | self._registers[SETTLING + 1]
            self._done_s = at_s + cycles / self.frequency_Hz + SAMPLES * SAMPLE_CLOCKS / CLOCK_Hz
            self._transform(self._done_s)
        elif command in (INITIALISE, POWER_DOWN, STANDBY):
            self._done_s = float("inf")
        elif command != NOTHING:
            raise NotModelled("AD5933", f"command {command}")

    def _transform(self, at_s: float) -> None:
        control = self._registers[CONTROL]
        gain = RANGES[control >> 1 & 3] * (1 if control & 1 else 5)
        size = self._signal(at_s) * gain * FULL_SCALE
        for register, share in ((REAL, math.cos(self.phase_rad)), (IMAGINARY, math.sin(self.phase_rad))):
            value = max(-32768, min(32767, round(size * share + self._random.gauss(0.0, self._noise_LSB))))
            self._registers[register], self._registers[register + 1] = value >> 8 & 0xFF, value & 0xFF

    def _check_plugged(self) -> None:
        if not self._plugged:
            raise NotAcknowledged(ADDRESS)
