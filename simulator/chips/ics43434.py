"""TDK InvenSense ICS-43434: a microphone that speaks I2S, 24 bit, in the left slot.

Bus face: `samples`. World face: `follow` a sound, which is asked for pascals at a rate. Its scale is fixed by the datasheet: 94 dB SPL
are -26 dBFS, so a driver can turn counts into decibels without calibration.
Modelled: sensitivity with this part's own error of at most 1 dB, its noise floor, clipping at the overload point.
Not modelled: the time it sleeps after power-on, its frequency response, clock speeds outside its two modes.
Source: DS-000069 r1.2, table 1 and figure 8.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Sound = Callable[[float, int, int], NDArray[np.float64]]  # (at_s of the first, count, rate_Hz) -> pascals

SENSITIVITY_dBFS = -26.0  # of a sine at 94 dB SPL (1 Pa rms)
REFERENCE_Pa = 20e-6 * 10 ** (94 / 20)
FULL_SCALE = 1 << 23
FLOOR_dBA = 29.5  # equivalent input noise in low-power mode, 64 dBA below 94

RANGE_dB = (30.0, 120.0)
STEP_dB = 0.5

# White noise from 0 to 8 kHz, weighted by A, loses this much.
_WHITE_TO_A_dB = -0.9


class ICS43434:
    """The microphone."""

    def __init__(self, seed: int, tolerance_dB: float | None = None) -> None:
        self._random = np.random.default_rng(seed)
        error_dB = float(self._random.uniform(-0.5, 0.5)) if tolerance_dB is None else tolerance_dB
        rms_at_94 = FULL_SCALE * 10 ** (SENSITIVITY_dBFS / 20) / np.sqrt(2)
        self._counts_per_Pa = rms_at_94 / REFERENCE_Pa * 10 ** (error_dB / 20)
        self._floor_Pa = 20e-6 * 10 ** ((FLOOR_dBA - _WHITE_TO_A_dB) / 20)
        self._sound: Sound | None = None
        self._plugged = True

    def follow(self, sound: Sound) -> None:
        """Put the microphone into a sound field."""
        self._sound = sound

    def unplug(self) -> None:
        """Cut the data line: the controller reads zeros."""
        self._plugged = False

    def plug(self) -> None:
        """Mend the data line."""
        self._plugged = True

    def samples(self, start_s: float, first: int, count: int, rate_Hz: int) -> NDArray[np.int32]:
        """Return `count` samples of a stream that began at `start_s`, from sample `first` on."""
        if not self._plugged:
            return np.zeros(count, dtype=np.int32)
        pressure_Pa = self._random.normal(0.0, self._floor_Pa, count)
        if self._sound is not None:
            pressure_Pa += self._sound(start_s + first / rate_Hz, count, rate_Hz)
        counts = np.clip(np.rint(pressure_Pa * self._counts_per_Pa), -FULL_SCALE, FULL_SCALE - 1)
        return np.asarray(counts, dtype=np.int32)
