"""Nuvoton NAU7802: a 24-bit converter for bridges with a regulator for them, on I2C at 0x2A.

Bus face: `write` and `read`. World face: `follow` a signal of the bridge's output in mV per volt of its supply, which the chip's own
regulator gives. A conversion is the mean of the input over its period.
Modelled: power-up, gain, regulator, rates of 10 and 20, the conversion, offset calibration and its error, noise, the revision.
Not modelled, and refused: channel 2, the OTP, the temperature sensor, the PGA's bypass, the I2C options.
Source: Nuvoton NAU7802 datasheet rev. 1.7, sections 6, 8 and 11; noise from memory (50 nV rms at gain 128 and 10 SPS).
"""

import random
from collections.abc import Callable

from simulator.buses.errors import NotAcknowledged, NotModelled
from simulator.clock import Signal, constant

ADDRESS = 0x2A
PU_CTRL, CTRL1, CTRL2, ADCO_B2, ADC, PGA_PWR, DEVICE_REV = 0x00, 0x01, 0x02, 0x12, 0x15, 0x1C, 0x1F
RR, PUD, PUA, PUR, CS, CR, OSCS, AVDDS = (1 << bit for bit in range(8))
CALS, CAL_ERR = 1 << 2, 1 << 3
REVISION = 0x0F

# section 11.2, VLDO
REGULATOR_V = {0: 4.5, 1: 4.2, 2: 3.9, 3: 3.6, 4: 3.3, 5: 3.0, 6: 2.7, 7: 2.4}
RATES_per_s = {0: 10.0, 1: 20.0}
FULL_SCALE = 1 << 23
HIGHEST, LOWEST = 0x7FFFFF, -0x800000
SETTLING_CONVERSIONS = 4
POWER_UP_s = 0.0002
CALIBRATION_s = 0.344
NOISE_nV = 50.0

RANGE_mV_per_V = (-3.9, 3.9)  # at gain 128: half of the reference over the gain
STEP_mV_per_V = 0.5 * 1000 / (128 * FULL_SCALE)

_PARTS_OF_A_CONVERSION = 8


class NAU7802:
    """The converter."""

    def __init__(self, seed: int, noise_nV: float = NOISE_nV) -> None:
        self._random = random.Random(seed)
        self._noise_nV = noise_nV
        self._signal: Signal = constant(0.0)
        self._plugged = True
        self._other_revision = False
        self._calibration_fails = False
        self._pointer = 0
        self._reset()

    # the world face

    def follow(self, bridge_mV_per_V: Signal) -> None:
        """Put a bridge between the inputs of channel 1."""
        self._signal = bridge_mV_per_V

    def unplug(self) -> None:
        """Take the chip off the bus."""
        self._plugged = False

    def plug(self) -> None:
        """Put the chip back; it starts from the beginning."""
        self._plugged = True
        self._reset()

    def be_another_revision(self) -> None:
        """Let the chip be one that its driver does not know."""
        self._other_revision = True

    def fail_calibration(self) -> None:
        """Let the next offset calibrations end in an error."""
        self._calibration_fails = True

    @property
    def awake(self) -> bool:
        """Whether its analog part, and with it the bridge, takes current."""
        return bool(self._control & PUA)

    # the bus face

    def write(self, data: bytes, at_s: float) -> int:
        """Take a register's address, and what to put there and behind it."""
        self._check_plugged()
        if data:
            self._pointer = data[0]
        for offset, value in enumerate(data[1:]):
            self._put(self._pointer + offset, value, at_s)
        return len(data)

    def read(self, count: int, at_s: float) -> bytes:
        """Return registers from the address that was written."""
        self._check_plugged()
        return bytes(self._get(self._pointer + offset, at_s) for offset in range(count))

    def _reset(self) -> None:
        self._control = 0
        self._control1 = 0
        self._control2 = 0
        self._adc = 0
        self._power = 0
        self._powered_s = self._calibrated_s = self._next_s = float("inf")
        self._ready = False
        self._value = 0

    def _put(self, register: int, value: int, at_s: float) -> None:
        handler: Callable[[int, float], None] | None = {
            PU_CTRL: self._put_control,
            CTRL1: self._put_control1,
            CTRL2: self._put_control2,
            ADC: self._put_adc,
            PGA_PWR: self._put_power,
        }.get(register)
        if handler is None:
            raise NotModelled("NAU7802", f"writing register 0x{register:02x}")
        handler(value, at_s)

    def _put_control(self, value: int, at_s: float) -> None:
        if value & OSCS:
            raise NotModelled("NAU7802", "an external crystal")
        if value & RR:
            self._reset()
            return
        if value & PUD and not self._control & PUD:
            self._powered_s = at_s + POWER_UP_s
        if not value & PUD:
            self._powered_s = float("inf")
        starts = value & CS and value & PUA and value & PUD
        if starts and not self._control & CS:
            self._next_s = at_s + SETTLING_CONVERSIONS / self._rate_per_s
        elif not starts:
            self._next_s = float("inf")
            self._ready = False
        self._control = value & ~(PUR | CR)

    def _put_control1(self, value: int, _at_s: float) -> None:
        if value & 0xC0:
            raise NotModelled("NAU7802", "other uses of DRDY")
        self._control1 = value

    def _put_control2(self, value: int, at_s: float) -> None:
        if value & 0x83:
            raise NotModelled("NAU7802", "channel 2 and other calibrations")
        if value >> 4 & 7 not in RATES_per_s:
            raise NotModelled("NAU7802", "rates above 20")
        if value & CALS:
            self._calibrated_s = at_s + CALIBRATION_s
        self._control2 = value & ~(CALS | CAL_ERR)

    def _put_adc(self, value: int, _at_s: float) -> None:
        self._adc = value

    def _put_power(self, value: int, _at_s: float) -> None:
        self._power = value

    def _get(self, register: int, at_s: float) -> int:
        self._advance(at_s)
        if register == PU_CTRL:
            return self._control | (PUR if at_s >= self._powered_s else 0) | (CR if self._ready else 0)
        if register == CTRL1:
            return self._control1
        if register == CTRL2:
            busy = CALS if at_s < self._calibrated_s < float("inf") else 0
            return self._control2 | busy | (CAL_ERR if self._calibration_fails and not busy else 0)
        if ADCO_B2 <= register <= ADCO_B2 + 2:
            if register == ADCO_B2 + 2:
                self._ready = False
            return self._value >> 8 * (ADCO_B2 + 2 - register) & 0xFF
        if register == ADC:
            return self._adc
        if register == PGA_PWR:
            return self._power
        if register == DEVICE_REV:
            return 0x0E if self._other_revision else REVISION
        raise NotModelled("NAU7802", f"reading register 0x{register:02x}")

    @property
    def _rate_per_s(self) -> float:
        return RATES_per_s[self._control2 >> 4 & 7]

    def _advance(self, at_s: float) -> None:
        period_s = 1 / self._rate_per_s
        behind = int((at_s - self._next_s) / period_s) - 2 if self._next_s < at_s else 0
        if behind > 0:
            self._next_s += behind * period_s
        while self._next_s <= at_s:
            self._value = self._counts(self._next_s, period_s) & 0xFFFFFF
            self._ready = True
            self._next_s += period_s

    def _counts(self, at_s: float, period_s: float) -> int:
        if not self._control & AVDDS:
            return HIGHEST  # the bridge has no supply, the reference floats
        gain = 1 << (self._control1 & 7)
        step_s = period_s / _PARTS_OF_A_CONVERSION
        first_s = at_s - (_PARTS_OF_A_CONVERSION - 0.5) * step_s
        mean_mV_per_V = sum(self._signal(first_s + step_s * part) for part in range(_PARTS_OF_A_CONVERSION)) / _PARTS_OF_A_CONVERSION
        supply_V = REGULATOR_V[self._control1 >> 3 & 7]
        noise_mV_per_V = self._random.gauss(0.0, self._noise_nV) / 1e6 / supply_V
        return max(LOWEST, min(HIGHEST, round((mean_mV_per_V + noise_mV_per_V) * gain * FULL_SCALE / 500)))

    def _check_plugged(self) -> None:
        if not self._plugged:
            raise NotAcknowledged(ADDRESS)
