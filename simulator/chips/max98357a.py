"""Maxim MAX98357A: an amplifier for a small speaker, fed over I2S.

Bus face: `play` what is clocked in, and `shutdown`, the level of SD_MODE. World face: `output` at some moments, between -1 and 1, as the
speaker follows it; `heard` is the same for whoever wants to look at it.
Modelled: the rates it knows (others are noise it does not play), shutdown at once, its turn-on time, silence without a clock.
Not modelled: the choice of a channel and gain by resistors, its ramps, its over-current protection.
Source: data sheet 19-6779 r13, "Digital Audio Interface Modes", "Electrical Characteristics".
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

RATES_Hz = (8000, 16_000, 32_000, 44_100, 48_000, 88_200, 96_000)
TURN_ON_s = 0.001
REMEMBERED_s = 120.0


class MAX98357A:
    """The amplifier; after power-on it is shut down until SD_MODE goes high."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, int, NDArray[np.float64]]] = deque()
        self._switched: deque[tuple[float, bool]] = deque([(float("-inf"), False)])

    def play(self, values: NDArray[np.float64], start_s: float, rate_Hz: int) -> None:
        """Take values that are clocked in from `start_s` on."""
        if rate_Hz in RATES_Hz:
            self._pieces.append((start_s, rate_Hz, values))
        while self._pieces and self._pieces[0][0] < start_s - REMEMBERED_s:
            self._pieces.popleft()

    def shutdown(self, level: int, at_s: float, _rested_s: float = 0.0) -> None:
        """Take the level of SD_MODE: 0 shuts down."""
        if bool(level) != self._switched[-1][1]:
            self._switched.append((at_s, bool(level)))

    @property
    def is_on(self) -> bool:
        """Whether it is not shut down."""
        return self._switched[-1][1]

    def output(self, at_s: float, count: int, rate_Hz: int) -> NDArray[np.float64]:
        """Return `count` values from `at_s` on."""
        moments_s = at_s + np.arange(count) / rate_Hz
        out = np.zeros(count)
        for start_s, own_Hz, values in self._pieces:
            if start_s < moments_s[-1] and start_s + len(values) / own_Hz > at_s:
                places = np.floor((moments_s - start_s) * own_Hz + 1e-6).astype(int)
                inside = (places >= 0) & (places < len(values))
                out[inside] = values[places[inside]]
        awake = np.zeros(count, dtype=bool)
        for switched_s, on in self._switched:
            awake[moments_s >= switched_s + (TURN_ON_s if on else 0.0)] = on
        return np.where(awake, out, 0.0)
