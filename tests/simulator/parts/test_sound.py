"""The sound field, weighed by an A-filter written a second time."""

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.errors import OutOfRange
from simulator.parts.recording import NoRecording, Recording
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


def test_a_recording_is_heard_once_at_its_level_and_pitch(tmp_path: Path) -> None:
    """A tone of 8 kHz WAV at a tenth of full scale is 100 dB at 16 kHz, from the moment it is played, over the room's own noise."""
    path = tmp_path / "tone.wav"
    tone = 3277 * np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.rint(tone).astype("<i2").tobytes())
    field = SoundField(seed=3)
    field.play(Recording(path), 10.5)
    sound = np.concatenate([field.pressure_Pa(at_s, 1600, 16_000) for at_s in np.arange(10.0, 12.5, 0.1)])
    levels_dB = 20 * np.log10(np.sqrt(np.mean(sound.reshape(-1, 8000) ** 2, axis=1)) / 20e-6)
    assert [abs(level_dB - 100) < 0.5 for level_dB in levels_dB] == [False, True, True, False, False]
    spectrum = np.abs(np.fft.rfft(sound[8000:24_000]))
    assert abs(np.argmax(spectrum) - 500) <= 1


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_a_recording_of_any_width_and_channels_reads_alike(tmp_path: Path, bits: int) -> None:
    """Half of full scale in two channels is half of full scale."""
    path = tmp_path / "half.wav"
    half = {8: b"\xc0", 16: b"\x00\x40", 24: b"\x00\x00\x40", 32: b"\x00\x00\x00\x40"}[bits]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(bits // 8)
        file.setframerate(8000)
        file.writeframes(half * 20)
    recording = Recording(path)
    assert (recording.count, recording.rate_Hz) == (10, 8000)
    assert list(recording.samples(2, 100)) == [0.5] * 8


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """With the file's name, in one sentence."""
    (tmp_path / "no.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    with pytest.raises(NoRecording, match=r"no\.wav: the WAV file holds no sound\."):
        Recording(tmp_path / "no.wav")
