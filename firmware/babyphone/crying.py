"""Whether a baby cries, out of the pitches of the last five seconds: 157 small records, and no sound.

A cry is a voice between 285 and 700 Hz (Michelsson 2002: 496 +- 95 Hz; recordings by phone lie nearer 400) that holds on for a third of
a second and more while its pitch glides, is shrill, and pauses for breath. Speech is lower and broken by consonants,
laughter is short, a tune holds its notes, a hum never moves. Each rule is a measure that does not depend on how loud it is.
Limits and weights were chosen on the recordings named in docs/devices/babyphone.md, which says how they fared and what that is worth.
"""

import math
from array import array

from micropython import const

WINDOW = const(156)  # frames of 32 ms: five seconds

_VOICED = const(717)  # of 1024: the sound is like itself a period later by 0.7
_SHORTEST = const(2926)  # 700 Hz, a period at 8 kHz in 256ths of a sample
_LONGEST = const(7186)  # 285 Hz
_QUIETEST_dB = const(55)  # counts: 40 dB SPL; a cry next to the device has 60 and more
_FARTHEST_dB = const(22)  # below the loudest of the window, it is another's voice or an echo
_JUMP_percent = const(12)  # from one frame to the next: another voice, or another note
_SHORTEST_RUN = const(4)

_NEVER = -9.0


class Crying:
    """Feed it each frame's pitch; `heard` judges the last five seconds."""

    def __init__(self):
        self._lags = array("H", bytes(2 * WINDOW))
        self._brightness = array("h", bytes(2 * WINDOW))
        self._levels_dB = array("b", bytes(WINDOW))
        self._at = 0

    def feed(self, likeness: int, lag: int, brightness: int, level_dB: int) -> None:
        """Take one frame: likeness and brightness in 1024ths, the period in 256ths of a sample at 8 kHz, the level in dB of counts."""
        at = self._at
        self._lags[at] = lag if likeness >= _VOICED else 0
        self._brightness[at] = brightness
        self._levels_dB[at] = max(0, min(127, level_dB))
        self._at = (at + 1) % WINDOW

    def heard(self) -> bool:
        """Return whether the last five seconds are those of a crying baby."""
        return self.score() > 0

    def score(self) -> float:
        """Return how much the last five seconds sound like crying: above 0 for yes."""
        lags, levels_dB = self._lags, self._levels_dB
        least_dB = max(_QUIETEST_dB, max(levels_dB) - _FARTHEST_dB)
        measures = _Measures()
        voiced = 0
        deep = 0
        place = self._at  # the oldest
        start = -1
        length = 0
        before = 0
        for _ in range(WINDOW):
            lag = lags[place] if levels_dB[place] >= least_dB else 0
            if lag:
                voiced += 1
                if lag >= _LONGEST:
                    deep += 1
            high = _SHORTEST < lag < _LONGEST
            if length and not (high and abs(lag - before) * 100 < _JUMP_percent * before):
                self._end(measures, start, length)
                length = 0
            if high:
                if not length:
                    start = place
                length += 1
            before = lag
            place = place + 1 if place + 1 < WINDOW else 0
        if length:
            self._end(measures, start, length)
        return measures.score(deep / voiced if voiced else 1.0)

    def _end(self, measures, start, length):
        """Measure a run: a stretch of voice without a break."""
        if length < _SHORTEST_RUN:
            return
        lags, brightness = self._lags, self._brightness
        measures.runs += 1
        measures.frames += length
        measures.squares += length * length
        for at in range(length):
            place = (start + at) % WINDOW
            lag = lags[place]
            measures.lags += lag
            measures.brightness += brightness[place]
            if at:
                measures.steps += 1
                if abs(lag - lags[place - 1 if place else WINDOW - 1]) * 20 > lag:
                    measures.jumps += 1
            if at >= 8:  # over a fifth of a second, which a singer's vibrato does not outlast
                now = lag + lags[(place - 1) % WINDOW] + lags[(place - 2) % WINDOW]
                then = lags[(place - 6) % WINDOW] + lags[(place - 7) % WINDOW] + lags[(place - 8) % WINDOW]
                measures.places += 1
                if abs(now - then) * 125 > 3 * lags[(place - 4) % WINDOW]:
                    measures.glides += 1


class _Measures:
    """Sums over the runs of a window, and what they say together."""

    def __init__(self):
        self.runs = self.frames = self.squares = self.lags = self.brightness = 0
        self.steps = self.jumps = self.places = self.glides = 0

    def score(self, deep_share):
        """Return the window's score. What no cry does ends it; the rest is weighed."""
        if not self.places or self.frames * 100 < 7 * WINDOW:
            return _NEVER
        if self.frames * 100 > 94 * WINDOW:  # it never breathes
            return _NEVER
        if self.glides * 2 < self.places or self.jumps * 2 > self.steps:
            return _NEVER
        run = math.sqrt(self.squares / self.runs)  # frames
        share = self.frames / WINDOW
        pitch_Hz = 8000 * 256 * self.frames / self.lags
        shrillness = self.brightness / (1024 * self.frames)
        return (
            1.0
            + 0.5 * math.log(min(share, 0.4) / 0.2)
            + 2.0 * math.log(max(4.0, min(run, 16.0)) / 8)
            + 2.2 * math.log(pitch_Hz / 400)
            + 2.0 * math.log(max(0.05, min(shrillness, 0.8)) / 0.25)
            - 2.5 * deep_share
        )
