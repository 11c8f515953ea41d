"""A small speaker, some centimetres from the microphone in the same case: what the amplifier gives becomes sound, which both hear.

It gives nothing below some 300 Hz, as one of 28 mm does. Source: a sine of the amplifier's full scale (3 W into 4 ohm) is some 85 dB at
one metre by the data sheets of such speakers; in the case the microphone has 20 dB more.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FULL_SCALE_dB = 105.0  # at the microphone
LOWEST_Hz = 300.0

Output = Callable[[float, int, int], NDArray[np.float64]]


class Speaker:
    """The speaker: `pressure_Pa` is what it makes at the microphone."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._peak_Pa = 20e-6 * 10 ** (FULL_SCALE_dB / 20) * 2**0.5

    def pressure_Pa(self, at_s: float, count: int, rate_Hz: int) -> NDArray[np.float64]:
        """Return the sound pressure: `count` values from `at_s` on."""
        before = rate_Hz // 20  # the filter's memory
        driven = self._output(at_s - before / rate_Hz, before + count, rate_Hz)
        if not driven.any():
            return np.zeros(count)
        spectrum = np.fft.rfft(driven)
        ratio = np.fft.rfftfreq(len(driven), 1 / rate_Hz) / LOWEST_Hz
        return np.asarray(np.fft.irfft(spectrum * ratio**2 / (1 + ratio**2), len(driven))[before:] * self._peak_Pa, dtype=np.float64)
