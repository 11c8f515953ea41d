"""Sounds of a home that are no baby, and one that is, made from a seed: 16 000 values a second, 1 is full scale."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_Hz = 16_000
Sound = NDArray[np.float64]


def save(path: Path, sound: Sound, peak: float = 0.3, rate_Hz: int = RATE_Hz) -> Path:
    """Write a WAV file of 16 bits, its loudest sample at `peak`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_Hz)
        file.writeframes(np.rint(sound * (32767 * peak / np.abs(sound).max())).astype("<i2").tobytes())
    return path


def cry(seconds: float, chance: np.random.Generator, share: float = 1.0) -> Sound:
    """A baby: 1.4 s of voice that rises and falls between 400 and 580 Hz, half a second of breath (notes/physics, simulator models)."""
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE_Hz:
        length_s = share * chance.uniform(1.0, 1.8)
        place = np.linspace(0, 1, int(length_s * RATE_Hz))
        pitch_Hz = (
            (400 + 180 * np.sin(np.pi * place)) * chance.uniform(0.9, 1.1) * (1 + 0.01 * np.cumsum(chance.normal(size=len(place))) / 60)
        )
        voice = harmonics(pitch_Hz, lambda Hz: 1 / (1 + ((Hz - 1100) / 500) ** 2) + 0.7 / (1 + ((Hz - 3300) / 600) ** 2) + 0.1)
        parts += [voice * np.sin(np.pi * place) ** 0.3, chance.normal(0, 0.02, int(chance.uniform(0.3, 0.6) * RATE_Hz))]
    return np.concatenate(parts)[: int(seconds * RATE_Hz)]


def harmonics(pitch_Hz: Sound, loudness) -> Sound:  # type: ignore[no-untyped-def]
    """A voice of this pitch; `loudness` gives each harmonic's by its frequency."""
    turn = 2 * np.pi * np.cumsum(pitch_Hz) / RATE_Hz
    return np.asarray(sum(loudness(k * pitch_Hz) * np.sin(k * turn) * (k * pitch_Hz < 7500) for k in range(1, 20)))


def tune(seconds: float, chance: np.random.Generator, lowest_Hz: float, vibrato: float, decay_per_s: float) -> Sound:
    """An instrument that plays a scale up and down at random."""
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE_Hz:
        at_s = np.arange(int(chance.choice([0.25, 0.5, 1.0]) * RATE_Hz)) / RATE_Hz
        pitch_Hz = lowest_Hz * 2 ** (chance.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12) * (1 + vibrato * np.sin(2 * np.pi * 5.5 * at_s))
        parts.append(harmonics(pitch_Hz, lambda Hz: 200 / Hz) * np.minimum(1, at_s / 0.01) * np.exp(-decay_per_s * at_s))
    return np.concatenate(parts)[: int(seconds * RATE_Hz)]


def hum(seconds: float, chance: np.random.Generator, pitch_Hz: float) -> Sound:
    """A machine."""
    sound = harmonics(np.full(int(seconds * RATE_Hz), pitch_Hz), lambda Hz: 100 / Hz)
    return sound + chance.normal(0, 0.01, len(sound))


def rustle(seconds: float, chance: np.random.Generator, fall: float) -> Sound:
    """Rain (fall 0), a waterfall (0.5), wind (1): noise whose amplitude falls with frequency to that power."""
    count = int(seconds * RATE_Hz)
    spectrum = np.fft.rfft(chance.normal(size=count)) / np.maximum(np.fft.rfftfreq(count, 1 / RATE_Hz), 30) ** fall
    return np.asarray(np.fft.irfft(spectrum, count))


def doors(seconds: float, chance: np.random.Generator) -> Sound:
    """Bangs with a few resonances, in a quiet room."""
    sound = chance.normal(0, 0.01, int(seconds * RATE_Hz))
    at_s = np.arange(RATE_Hz // 2) / RATE_Hz
    for _ in range(int(seconds / 2)):
        bang = chance.normal(size=len(at_s)) * np.exp(-25 * at_s)
        bang += np.asarray(sum(np.sin(2 * np.pi * Hz * at_s) for Hz in chance.uniform(60, 500, 4))) * np.exp(-12 * at_s)
        begin = chance.integers(0, len(sound) - len(at_s))
        sound[begin : begin + len(at_s)] += bang
    return sound


def laughter(seconds: float, chance: np.random.Generator, pitch_Hz: float) -> Sound:
    """A person or a child who laughs: short calls, five a second, breath between."""
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE_Hz:
        for _ in range(chance.integers(3, 9)):
            place = np.linspace(0, 1, int(chance.uniform(0.06, 0.14) * RATE_Hz))
            call = harmonics(pitch_Hz * chance.uniform(0.95, 1.2) * (1.1 - 0.25 * place), lambda Hz: 300 / Hz) * np.sin(np.pi * place)
            breath = chance.normal(0, 0.2, int(chance.uniform(0.08, 0.16) * RATE_Hz))
            parts += [call + chance.normal(0, 0.1, len(call)), breath]
        parts.append(chance.normal(0, 0.01, int(chance.uniform(0.4, 1.5) * RATE_Hz)))
    return np.concatenate(parts)[: int(seconds * RATE_Hz)]


def talk(seconds: float, chance: np.random.Generator, pitch_Hz: float) -> Sound:
    """Somebody talks: syllables of a falling and rising pitch between two formants, consonants and pauses between."""
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE_Hz:
        for _ in range(chance.integers(4, 12)):
            place = np.linspace(0, 1, int(chance.uniform(0.1, 0.3) * RATE_Hz))
            first_Hz, second_Hz = chance.uniform(300, 800), chance.uniform(900, 2200)
            contour_Hz = pitch_Hz * chance.uniform(0.85, 1.25) * (1 + chance.uniform(-0.15, 0.15) * place)
            vowel = harmonics(
                contour_Hz, lambda Hz, a=first_Hz, b=second_Hz: 1 / (1 + ((Hz - a) / 150) ** 2) + 0.3 / (1 + ((Hz - b) / 200) ** 2)
            )
            parts += [vowel * np.sin(np.pi * place) ** 0.5, chance.normal(0, 0.05, int(chance.uniform(0.03, 0.12) * RATE_Hz))]
        parts.append(chance.normal(0, 0.005, int(chance.uniform(0.2, 0.8) * RATE_Hz)))
    return np.concatenate(parts)[: int(seconds * RATE_Hz)]
