"""The layouts in which samples reach a buffer, taken apart byte by byte."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.buses.i2s import MONO, STEREO, I2SReceiver

SAMPLES = (0, 1, -1, 2**23 - 1, -(2**23), 0x123456)


class Known:
    """A transmitter that says the samples above."""

    def samples(self, _start_s: float, first: int, count: int, _rate_Hz: int) -> NDArray[np.int32]:
        return np.array(SAMPLES[first : first + count], dtype=np.int32)


def test_mono_32_bit_is_left_justified() -> None:
    """24 bits stand in the upper part of a little-endian word, the lowest byte is 0."""
    data = I2SReceiver(Known(), 32, MONO, 16_000, 0.0).read(0, 6)
    assert struct.unpack("<6i", data) == tuple(sample * 256 for sample in SAMPLES)


def test_stereo_keeps_the_right_slot_empty() -> None:
    """The microphone speaks in the left slot only."""
    words = struct.unpack("<12i", I2SReceiver(Known(), 32, STEREO, 16_000, 0.0).read(0, 6))
    assert words[0::2] == tuple(sample * 256 for sample in SAMPLES)
    assert set(words[1::2]) == {0}


def test_16_bit_keeps_the_upper_bits() -> None:
    """A 16-bit buffer gets the upper 16 of 24."""
    assert struct.unpack("<6h", I2SReceiver(Known(), 16, MONO, 16_000, 0.0).read(0, 6)) == tuple(sample >> 8 for sample in SAMPLES)


@pytest.mark.parametrize("layout", [MONO, STEREO])
def test_without_a_microphone_the_line_is_zero(layout: int) -> None:
    """Pins on which nothing hangs give silence."""
    assert not any(I2SReceiver(None, 32, layout, 16_000, 0.0).read(0, 10))
