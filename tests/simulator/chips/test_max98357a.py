"""The amplifier: what is clocked in comes out, at its time, while it is not shut down."""

import numpy as np
import pytest

from simulator.buses.i2s import I2SSender
from simulator.chips.max98357a import MAX98357A, RATES_Hz

TONE = np.rint(20_000 * np.sin(2 * np.pi * 50 * np.arange(4000) / 8000)).astype("<i2")


def test_what_is_clocked_in_comes_out_at_its_time() -> None:
    """Writes follow each other without a gap, however early they came; after the last there is silence."""
    chip = MAX98357A()
    chip.shutdown(1, 0.0)
    sender = I2SSender(chip, 8000)
    sender.write(TONE[:1000].tobytes(), 1.0)
    sender.write(TONE[1000:].tobytes(), 1.01)
    assert np.allclose(chip.output(1.0, 4000, 8000), TONE / 2**15)
    assert not chip.output(1.5, 800, 8000).any()
    assert not chip.output(0.5, 4000, 8000).any()


def test_shut_down_it_is_silent() -> None:
    """From power-on until SD_MODE is high, and again from when it is low."""
    chip = MAX98357A()
    chip.play(np.full(8000, 0.5), 1.0, 8000)
    assert not chip.output(1.0, 8000, 8000).any()
    chip.shutdown(1, 1.5)
    chip.shutdown(0, 1.75)
    out = chip.output(1.0, 8000, 8000)
    assert not out[:4000].any()
    assert (out[4010:6000] == 0.5).all()
    assert not out[6001:].any()


@pytest.mark.parametrize("rate_Hz", [8000, 16_000, 44_100, 11_025, 22_050])
def test_rates_that_it_does_not_know_are_not_played(rate_Hz: int) -> None:
    """11.025 and 22.05 kHz are not among the data sheet's."""
    chip = MAX98357A()
    chip.shutdown(1, 0.0)
    chip.play(np.ones(rate_Hz), 1.0, rate_Hz)
    assert chip.output(1.1, 100, rate_Hz).any() == (rate_Hz in RATES_Hz)
