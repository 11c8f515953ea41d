"""The microphone, read sample by sample."""

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.chips.ics43434 import ICS43434

RATE_Hz = 16_000


def tone(level_dB: float) -> "ICS43434":
    chip = ICS43434(1, tolerance_dB=0.0)
    amplitude_Pa = 20e-6 * 10 ** (level_dB / 20) * np.sqrt(2)

    def sound(at_s: float, count: int, rate_Hz: int) -> NDArray[np.float64]:
        return np.asarray(amplitude_Pa * np.sin(2 * np.pi * 1000 * (at_s + np.arange(count) / rate_Hz)))

    chip.follow(sound)
    return chip


def rms(samples: NDArray[np.int32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("level_dB", range(51, 118, 6))
def test_the_whole_range_has_the_datasheets_sensitivity(level_dB: int) -> None:
    """94 dB are 297286 LSB rms (-26 dBFS), and every other level follows from it."""
    samples = tone(level_dB).samples(0.0, 0, RATE_Hz, RATE_Hz)
    assert 94 + 20 * np.log10(rms(samples) / 297_286) == pytest.approx(level_dB, abs=0.1)


def test_samples_are_24_bit_and_clip() -> None:
    """A sound beyond full scale is cut off at 24 bits, not wrapped."""
    samples = tone(130).samples(0.0, 0, RATE_Hz, RATE_Hz)
    assert samples.max() == 2**23 - 1
    assert samples.min() == -(2**23)


def test_silence_has_a_floor() -> None:
    """In a silent room its own noise is that of 28 to 32 dB, and never zero."""
    samples = ICS43434(2, tolerance_dB=0.0).samples(0.0, 0, RATE_Hz, RATE_Hz)
    assert 28 < 94 + 20 * np.log10(rms(samples) / 297_286) < 32


def test_parts_differ_by_at_most_1_dB() -> None:
    """The part's tolerance is the datasheet's."""
    for seed in range(10):
        chip = ICS43434(seed)
        chip.follow(tone(94)._sound)
        assert 20 * np.log10(rms(chip.samples(0.0, 0, RATE_Hz, RATE_Hz)) / 297_286) == pytest.approx(0, abs=1.0)


def test_a_stream_goes_on_where_it_was() -> None:
    """Two reads give the same sound as one."""
    whole = tone(94).samples(5.0, 0, 2000, RATE_Hz)
    chip = tone(94)
    parts = np.concatenate([chip.samples(5.0, 0, 700, RATE_Hz), chip.samples(5.0, 700, 1300, RATE_Hz)])
    assert np.abs(whole - parts).max() < 2000


def test_a_cut_line_reads_zero() -> None:
    """Unplugged, nothing moves; plugged in again, it does."""
    chip = tone(60)
    chip.unplug()
    assert not chip.samples(0.0, 0, 100, RATE_Hz).any()
    chip.plug()
    assert chip.samples(0.0, 0, 100, RATE_Hz).any()
