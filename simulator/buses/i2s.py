"""An I2S line as a controller's receiver and transmitter see it: 64 clocks a frame, left channel first, words left-justified in 32 bit.

Source: Philips I2S bus specification (1996); MicroPython's machine.I2S for the layouts of its buffers.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STEREO = 0
MONO = 1


class Transmitter(Protocol):
    """A microphone on the line."""

    def samples(self, start_s: float, first: int, count: int, rate_Hz: int) -> NDArray[np.int32]:
        """Return `count` 24-bit samples of a stream that began at `start_s`, from sample `first` on."""


class I2SReceiver:
    """One opened stream: makes the bytes that machine.I2S.readinto finds."""

    def __init__(self, microphone: Transmitter | None, bits: int, layout: int, rate_Hz: int, start_s: float) -> None:
        self._microphone = microphone
        self._bits = bits
        self._layout = layout
        self._rate_Hz = rate_Hz
        self._start_s = start_s

    def read(self, first: int, count: int) -> bytes:
        """Return `count` frames from frame `first` on, little-endian; the microphone speaks in the left slot."""
        if self._microphone is None:
            left = np.zeros(count, dtype=np.int32)
        else:
            left = self._microphone.samples(self._start_s, first, count, self._rate_Hz) << np.int32(8)
        words = left if self._bits == 32 else (left >> np.int32(16)).astype(np.int16)
        if self._layout == STEREO:
            both = np.zeros(count * 2, dtype=words.dtype)
            both[0::2] = words
            words = both
        return words.astype(words.dtype.newbyteorder("<")).tobytes()


class Receiver(Protocol):
    """An amplifier on the line."""

    def play(self, values: NDArray[np.float64], start_s: float, rate_Hz: int) -> None:
        """Take values between -1 and 1 that are clocked in from `start_s` on."""


class I2SSender:
    """One opened stream of 16-bit samples: each write is clocked out after what was written before, or at once."""

    def __init__(self, amplifier: Receiver | None, rate_Hz: int) -> None:
        self._amplifier = amplifier
        self._rate_Hz = rate_Hz
        self._free_s = 0.0

    def write(self, samples: bytes, at_s: float) -> None:
        """Take little-endian samples."""
        values = np.frombuffer(samples, "<i2").astype(np.float64) / 2**15
        start_s = max(at_s, self._free_s)
        self._free_s = start_s + len(values) / self._rate_Hz
        if self._amplifier is not None:
            self._amplifier.play(values, start_s, self._rate_Hz)
