"""The sound field, weighed by an A-filter written a second time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.errors import OutOfRange
from simulator.parts.sound import SoundField

RATE_Hz = 16_000


def level_dBA(pressure_Pa: NDArray[np.float64]) -> float:
    """IEC 61672-1 in the frequency domain, normalised at 1 kHz by its own value there."""
    frequency = np.fft.rfftfreq(len(pressure_Pa), 1 / RATE_Hz)

    def gain(f: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(f**4 / ((f**2 + 20.6**2) * np.sqrt(f**2 + 107.7**2) * np.sqrt(f**2 + 737.9**2) * (f**2 + 12194.0**2)))

    weight = gain(frequency) / gain(np.array([1000.0]))
    weighted = np.fft.irfft(np.fft.rfft(pressure_Pa) * weight)
    return float(20 * np.log10(np.sqrt(np.mean(weighted**2)) / 20e-6))


@pytest.mark.parametrize("wanted_dBA", [40, 55, 70, 85, 100])
def test_noise_has_the_level_it_was_made_with(wanted_dBA: int) -> None:
    """What make() is told is what an A-weighted meter finds."""
    field = SoundField(1, quiet_dBA=20.0)
    field.make(wanted_dBA, 10.0, 8.0)
    assert level_dBA(field.pressure_Pa(10.0, 8 * RATE_Hz, RATE_Hz)) == pytest.approx(wanted_dBA, abs=0.3)
    assert field.level_dBA(12.0) == pytest.approx(wanted_dBA, abs=0.1)


def test_noise_ends() -> None:
    """Afterwards the room is as quiet as before."""
    field = SoundField(1, quiet_dBA=33.0)
    field.make(80.0, 0.0, 1.0)
    after = field.pressure_Pa(2.0, 8 * RATE_Hz, RATE_Hz)
    assert level_dBA(after) == pytest.approx(33.0, abs=0.3)


def test_it_begins_in_the_middle_of_a_buffer() -> None:
    """A noise that starts between two samples of one read is loud from there on only."""
    field = SoundField(1)
    field.make(90.0, 1.5, 10.0)
    pressure = field.pressure_Pa(1.0, RATE_Hz, RATE_Hz)
    assert np.std(pressure[RATE_Hz // 2 + 1 :]) > 50 * np.std(pressure[: RATE_Hz // 2 - 1])


def test_a_noise_that_would_hurt_is_refused() -> None:
    """The world face has a declared range."""
    with pytest.raises(OutOfRange):
        SoundField(1).make(140.0, 0.0, 1.0)
