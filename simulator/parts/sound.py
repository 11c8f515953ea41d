"""The sound field at the microphone: a quiet room, whatever is loud in it for a while, recordings played in it, and a speaker beside it.

Levels are A-weighted, in dB re 20 uPa, because that is what a person hears and what the babyphone shows. Each sound is a loop of noise,
made once, scaled to its level. Source of the A-weighting: IEC 61672-1, poles at 20.6, 107.7, 737.9 and 12194 Hz.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OutOfRange
from simulator.parts.recording import Recording

QUIET_dBA = 33.0
RANGE_dBA = (0.0, 115.0)
HEARING_Pa = 20e-6
LOOP_s = 8
FULL_SCALE_dB = 120.0  # of a sine as large as a recording can hold: what the microphone's own full scale is


def a_weighting(frequencies_Hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain of the A-weighting at some frequencies, 1 at 1 kHz."""
    squared = frequencies_Hz**2
    gain = (12194.0**2 * squared**2) / ((squared + 20.6**2) * np.sqrt((squared + 107.7**2) * (squared + 737.9**2)) * (squared + 12194.0**2))
    return np.asarray(gain * 10**0.1, dtype=np.float64)


Source = Callable[[float, int, int], NDArray[np.float64]]  # at_s, count, rate_Hz -> pascals


class SoundField:
    """What the microphone hears; each noise is (from, until, level)."""

    def __init__(self, seed: int, quiet_dBA: float = QUIET_dBA) -> None:
        self._seed = seed
        self._quiet_dBA = quiet_dBA
        self._loops: dict[int, NDArray[np.float64]] = {}
        self._noises: list[tuple[float, float, float]] = []
        self._playing: list[tuple[float, float, Recording]] = []  # from, pascals of full scale, what
        self.sources: list[Source] = []  # what else makes sound at the microphone

    def make(self, level_dBA: float, from_s: float, seconds: float) -> None:
        """Make noise at a level for some seconds."""
        if not RANGE_dBA[0] <= level_dBA <= RANGE_dBA[1]:
            raise OutOfRange("sound", "level_dBA", level_dBA, *RANGE_dBA)
        self._noises.append((from_s, from_s + seconds, level_dBA))

    def play(self, recording: Recording, from_s: float, full_scale_dB: float = FULL_SCALE_dB) -> None:
        """Play a recording once; a sine of its full scale has this level at the microphone."""
        self._playing.append((from_s, HEARING_Pa * 10 ** (full_scale_dB / 20) * 2**0.5, recording))

    def level_dBA(self, at_s: float) -> float:
        """Return how loud it is, as far as it was made on purpose."""
        powers = [10 ** (level / 10) for start_s, end_s, level in self._noises if start_s <= at_s < end_s]
        return float(10 * np.log10(10 ** (self._quiet_dBA / 10) + sum(powers)))

    def pressure_Pa(self, at_s: float, count: int, rate_Hz: int) -> NDArray[np.float64]:
        """Return the sound pressure: `count` values from `at_s` on."""
        moments_s = at_s + np.arange(count) / rate_Hz
        power = np.full(count, 10 ** (self._quiet_dBA / 10))
        for start_s, end_s, level_dBA in self._noises:
            if start_s <= moments_s[-1] and end_s > at_s:
                power += np.where((moments_s >= start_s) & (moments_s < end_s), 10 ** (level_dBA / 10), 0.0)
        self._noises = [noise for noise in self._noises if noise[1] > at_s]
        loop = self._loop(rate_Hz)
        places = (int(at_s * rate_Hz) + np.arange(count)) % len(loop)
        sound = np.asarray(loop[places] * np.sqrt(power), dtype=np.float64)
        self._playing = [played for played in self._playing if played[0] + played[2].seconds > at_s]
        for from_s, full_scale_Pa, recording in self._playing:
            sound += full_scale_Pa * self._part(recording, moments_s - from_s)
        for source in self.sources:
            sound += source(at_s, count, rate_Hz)
        return sound

    @staticmethod
    def _part(recording: Recording, moments_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a recording's values at some moments of its own time, straight lines between its samples, silence before and after."""
        places = moments_s * recording.rate_Hz
        first = max(0, int(places[0]) - 1)
        held = recording.samples(first, int(places[-1]) + 3 - first) if places[-1] >= 0 else np.zeros(0)
        if not len(held):
            return np.zeros(len(places))
        return np.asarray(np.interp(places, first + np.arange(len(held)), held, left=0.0, right=0.0), dtype=np.float64)

    def _loop(self, rate_Hz: int) -> NDArray[np.float64]:
        """Return noise of 0 dB(A) that falls by 3 dB an octave above 100 Hz, as rooms do."""
        if rate_Hz not in self._loops:
            count = LOOP_s * rate_Hz
            frequencies_Hz = np.fft.rfftfreq(count, 1 / rate_Hz).astype(np.float64)
            chance = np.random.default_rng(self._seed)
            spectrum = chance.normal(size=len(frequencies_Hz)) + 1j * chance.normal(size=len(frequencies_Hz))
            spectrum /= np.sqrt(np.maximum(frequencies_Hz, 100.0))
            spectrum[frequencies_Hz < 50.0] = 0
            weighted = np.fft.irfft(spectrum * a_weighting(frequencies_Hz), count)
            self._loops[rate_Hz] = np.fft.irfft(spectrum, count) * HEARING_Pa / float(np.sqrt(np.mean(weighted**2)))
        return self._loops[rate_Hz]
