"""What the speaker plays, made as it is played, in whole numbers: a music box with Brahms' lullaby (op. 49, 4; 1868), and white noise.

Nothing of it is stored but the notes: pairs of half tones above C5 and eighths, without rests, for a music box rings on.
"""

import math
import os
from array import array

from micropython import const

LULLABY = const(1)
NOISE = const(2)
SOUNDS = (LULLABY, NOISE)
RATE_Hz = const(8000)
CHUNK = const(512)  # 64 ms
LOUDEST = const(16_384)  # half of full scale

_NOTES = (
    b"\x04\x01\x04\x01\x07\x03\x04\x01\x04\x02\x07\x04\x04\x01\x07\x01\x0c\x02\x0b\x03\x09\x01\x09\x02\x07\x02\x02\x01\x04\x01"
    b"\x05\x02\x02\x02\x02\x01\x04\x01\x05\x04\x02\x01\x05\x01\x0b\x01\x09\x01\x07\x02\x0b\x02\x0c\x04\x00\x01\x00\x01"
    b"\x0c\x04\x09\x01\x05\x01\x07\x04\x04\x01\x00\x01\x05\x02\x07\x02\x09\x02\x07\x04\x00\x01\x00\x01"
    b"\x0c\x04\x09\x01\x05\x01\x07\x04\x04\x01\x00\x01\x05\x02\x04\x02\x02\x02\x00\x08"
)
_C5_Hz = 523.25
_BLOCK = const(64)  # samples of one loudness: 8 ms
_EIGHTH = const(54)  # blocks: 69 quarters a minute
_FULL = const(32_767)


class Music:
    """Fills chunks with a sound, from its beginning on; the lullaby begins again when it is over."""

    def __init__(self):
        self._sine = array("h", [round(_FULL * math.sin(2 * math.pi * index / 256)) for index in range(256)])
        self.begin(LULLABY)

    def begin(self, sound: int) -> None:
        """Play this from now on, one of SOUNDS."""
        self._sound = sound
        self._note = -2
        self._left = self._loud = self._phase = self._step = 0  # _left: blocks of this note

    def fill(self, out, gain: int) -> None:
        """Write CHUNK samples (an array of 16-bit ints), none larger than `gain`, 0..LOUDEST."""
        if self._sound == NOISE:
            noise = os.urandom(CHUNK)
            for index in range(CHUNK):
                out[index] = (noise[index] - 128) * gain >> 7
            return
        sine = self._sine
        for first in range(0, CHUNK, _BLOCK):
            if not self._left:
                self._next()
            loud = self._loud * gain >> 15
            phase, step = self._phase, self._step
            for index in range(first, first + _BLOCK):
                out[index] = sine[phase >> 8] * loud >> 15
                phase = (phase + step) & 65_535
            self._phase = phase
            self._loud -= self._loud >> 6
            self._left -= 1

    def _next(self):
        self._note = (self._note + 2) % len(_NOTES)
        self._left = _EIGHTH * _NOTES[self._note + 1]
        self._step = round(65_536 * _C5_Hz * 2 ** (_NOTES[self._note] / 12) / RATE_Hz)
        self._loud = _FULL
        self._phase = 0
