"""How loud the room is, and what voice is in it, out of microphone samples; nothing of the sound itself stays.

Four inner loops, in whole numbers of 32 bits, because a device's floats each cost memory. `_weigh` takes 16 ms of sound: A-weighting
(IEC 61672-1, poles at 20.6, 107.7, 737.9 and 12194 Hz) as four one-pole high-passes and one zero, and the same sound at 8 kHz.
`_smooth` and `_compare` find the pitch in 32 ms of that: for each lag, how much the sound is like itself that much later (McLeod's
normalised square difference, which needs no root). What a pitch says about crying is in crying.py. `_compress` writes the same sound at
8 kHz small for a parent who listens, which is audible.py's.
They are viper where mpy-cross is given an architecture and bytecode where not, with equal results: no number leaves 31 bits.
"""

import math
from array import array

import micropython
from micropython import const

from firmware.babyphone.crying import Crying

ptr32 = ptr8 = array  # what viper calls the memory of an array; in bytecode it is the array

FRAME = const(512)  # samples of 16 kHz: 32 ms, one pitch each
_HALF_FRAME = const(256)

# 24 bits are left-justified in 32; the lowest three of them are below the microphone's own noise.
_SLOT_SHIFT = const(11)
_DROPPED_BITS = const(3)

# one-pole shares at 16 kHz, 1 - exp(-2 pi f / 16000), each below 1024 so that a product stays within 31 bits
_SHARE_20 = const(528)  # of 65536
_SHARE_107 = const(679)  # of 16384
_SHARE_738 = const(515)  # of 2048

# 94 dB SPL are 297 286 counts rms (DS-000069, sensitivity); the filter above takes 0.526 dB at 1 kHz, where A-weighting takes none.
_COUNTS_AT_94_dB = const(297_286)
_FILTER_dB = 0.526
_QUIETEST_dB = 20.0  # below what this microphone can hear
_SETTLING = const(4)  # half frames until the filters forget that the world began

# At 8 kHz: a window of 32 ms, lags up to 91 samples (88 Hz) so that a man's voice is heard as what it is.
_WINDOW = const(256)
_SHORTEST = const(10)  # one less than the shortest period looked for, 727 Hz
_LONGEST = const(91)
_KEPT = const(92)
_WAVE = const(348)  # _KEPT + _WINDOW
_LAGS = const(82)
_FIR = const(6)  # samples of the past that the half-band filter needs

# the steps of the compression, two bytes each
_STEPS = (
    b"\x00\x07\x00\x08\x00\x09\x00\x0a\x00\x0b\x00\x0c\x00\x0d\x00\x0e\x00\x10\x00\x11\x00\x13\x00\x15\x00\x17\x00\x19\x00\x1c"
    b"\x00\x1f\x00\x22\x00\x25\x00\x29\x00\x2d\x00\x32\x00\x37\x00\x3c\x00\x42\x00\x49\x00\x50\x00\x58\x00\x61\x00\x6b\x00\x76"
    b"\x00\x82\x00\x8f\x00\x9d\x00\xad\x00\xbe\x00\xd1\x00\xe6\x00\xfd\x01\x17\x01\x33\x01\x51\x01\x73\x01\x98\x01\xc1\x01\xee"
    b"\x02\x20\x02\x56\x02\x92\x02\xd4\x03\x1c\x03\x6c\x03\xc3\x04\x24\x04\x8e\x05\x02\x05\x83\x06\x10\x06\xab\x07\x56\x08\x12"
    b"\x08\xe0\x09\xc3\x0a\xbd\x0b\xd0\x0c\xff\x0e\x4c\x0f\xba\x11\x4c\x13\x07\x14\xee\x17\x06\x19\x54\x1b\xdc\x1e\xa5\x21\xb6"
    b"\x25\x15\x28\xca\x2c\xdf\x31\x5b\x36\x4b\x3b\xb9\x41\xb2\x48\x44\x4f\x7e\x57\x71\x60\x2f\x69\xce\x74\x62\x7f\xff"
)

# what is kept between two halves of a frame
_PUT = const(6)
_HIGH = const(7)
_MIDDLE = const(8)
_LOW = const(9)
_STATE = const(10)

# what is found in a frame
_LIKENESS = const(0)
_LAG = const(1)
_BRIGHTNESS = const(2)
_ENERGY = const(3)
_SHIFT = const(4)
_ONE = const(1024)  # likeness and brightness are parts of this


@micropython.viper
def _weigh(slots: ptr32, at: int, state: ptr32, wave: ptr32):
    """Weigh 256 slots from `at` on: their energy into `state`, and 128 samples of 8 kHz into `wave` where state[_PUT] says."""
    slow_1 = state[0]
    slow_2 = state[1]
    slow_3 = state[2]
    slow_4 = state[3]
    before = state[4]
    high = 0
    middle = 0
    low = 0
    for index in range(_HALF_FRAME):
        now = slots[at + index] >> _SLOT_SHIFT
        wave[_WAVE + _FIR + index] = now
        value = ((57 * now + 7 * before + 32) >> 6) - slow_1
        before = now
        slow_1 += (value * _SHARE_20 + 32768) >> 16
        value -= slow_2
        slow_2 += (value * _SHARE_20 + 32768) >> 16
        value -= slow_3
        slow_3 += (value * _SHARE_107 + 8192) >> 14
        value -= slow_4
        slow_4 += (value * _SHARE_738 + 1024) >> 11
        if value < 0:
            value = 0 - value
        # a square has 44 bits: upper and lower 11 apart, and each sum within 31
        upper = value >> 11
        value = value & 2047
        high += upper * upper
        middle += upper * value
        low += value * value
    state[0] = slow_1
    state[1] = slow_2
    state[2] = slow_3
    state[3] = slow_4
    state[4] = before
    state[_HIGH] = high
    state[_MIDDLE] = middle
    state[_LOW] = low
    # half of the samples, after a half-band filter (-1 0 9 16 9 0 -1) and a high-pass at 170 Hz against rumble
    put = state[_PUT]
    slow = state[5]
    for index in range(_HALF_FRAME >> 1):
        at = _WAVE + 2 * index
        now = (9 * (wave[at + 2] + wave[at + 4]) + 16 * wave[at + 3] - wave[at] - wave[at + 6]) >> 5
        now -= slow >> 3
        slow += now
        wave[put + index] = now
    state[5] = slow
    for index in range(_FIR):
        wave[_WAVE + index] = wave[_WAVE + _HALF_FRAME + index]


@micropython.viper
def _smooth(wave: ptr32, smooth: ptr32, found: ptr32):
    """Write `wave` into `smooth` without its upper octave and within 10 bits; level and brightness of the wave into `found`."""
    largest = 0
    loudest = 0
    for index in range(1, _WAVE - 1):
        now = wave[index - 1] + 2 * wave[index] + wave[index + 1]
        smooth[index] = now
        if now < 0:
            now = 0 - now
        if now > largest:
            largest = now
        now = wave[index]
        if now < 0:
            now = 0 - now
        if now > loudest:
            loudest = now
    smooth[0] = smooth[1]
    smooth[_WAVE - 1] = smooth[_WAVE - 2]
    down = 0
    while (largest >> down) > 1023:
        down += 1
    if down > 0:
        for index in range(_WAVE):
            smooth[index] = smooth[index] >> down
    down = 0
    while (loudest >> down) > 1023:
        down += 1
    energy = 0
    like = 0
    before = 0
    for index in range(1, _WINDOW + 1):
        now = wave[index] >> down
        energy += now * now
        like += now * before
        before = now
    # 1 - r(1) / r(0): near 0 for a hum, 1 for a hiss or a shrill voice
    found[_BRIGHTNESS] = _ONE - like // ((energy >> 10) + 1)
    found[_ENERGY] = energy
    found[_SHIFT] = down


@micropython.viper
def _compare(smooth: ptr32, products: ptr32, likeness: ptr32, found: ptr32):
    """Find the period: the shortest lag whose likeness is a peak of at least nine tenths of the best; in 256ths of a sample."""
    first = 0
    for index in range(_WINDOW):
        first += smooth[index] * smooth[index]
    second = first
    for index in range(_SHORTEST):
        second += smooth[_WINDOW + index] * smooth[_WINDOW + index] - smooth[index] * smooth[index]
    for lag in range(_SHORTEST, _LONGEST + 1):
        product = 0
        index = 0
        later = lag
        while index < _WINDOW:  # four at a time: the loop itself costs as much as a product
            product += smooth[index] * smooth[later] + smooth[index + 1] * smooth[later + 1]
            product += smooth[index + 2] * smooth[later + 2] + smooth[index + 3] * smooth[later + 3]
            index += 4
            later += 4
        products[lag - _SHORTEST] = product
        like = 0
        if product > 0:
            like = product // (((first + second) >> 11) + 1)
        likeness[lag - _SHORTEST] = like
        second += smooth[_WINDOW + lag] * smooth[_WINDOW + lag] - smooth[lag] * smooth[lag]
    best = 0
    for index in range(1, _LAGS - 1):
        like = likeness[index]
        if like > best and like >= likeness[index - 1] and like > likeness[index + 1]:
            best = like
    found[_LIKENESS] = best
    found[_LAG] = 0
    if best > 0:
        index = 1
        searching = 1
        while searching > 0:
            like = likeness[index]
            if like * 10 >= best * 9 and like >= likeness[index - 1] and like > likeness[index + 1]:
                searching = 0
            else:
                index += 1
        # the parabola through three products has its top between two samples
        left = products[index - 1] >> 7
        right = products[index + 1] >> 7
        curve = 2 * (products[index] >> 7) - left - right
        found[_LIKENESS] = likeness[index]
        found[_LAG] = 256 * (_SHORTEST + index)
        if curve > 0:
            found[_LAG] = found[_LAG] + 128 * (right - left) // curve


@micropython.viper
def _compress(wave: ptr32, steps: ptr32, state: ptr32, out: ptr8, put: int):
    """Write the newest frame of `wave` as IMA ADPCM, two samples a byte; state: the value guessed before, and its place in `steps`."""
    guess = state[0]
    place = state[1]
    before = 0
    for index in range(_KEPT, _WAVE):
        now = wave[index]
        if now > 32767:
            now = 32767
        if now < -32768:
            now = -32768
        step = steps[place]
        change = step >> 3
        code = 0
        off = now - guess
        if off < 0:
            code = 8
            off = 0 - off
        if off >= step:
            code += 4
            off -= step
            change += step
        if off >= (step >> 1):
            code += 2
            off -= step >> 1
            change += step >> 1
        if off >= (step >> 2):
            code += 1
            change += step >> 2
        if code & 8:
            guess -= change
            if guess < -32768:
                guess = -32768
        else:
            guess += change
            if guess > 32767:
                guess = 32767
        if code & 4:
            place += 2 * (code & 3) + 2
            if place > 88:
                place = 88
        elif place > 0:
            place -= 1
        if index & 1:
            out[put] = before | (code << 4)
            put += 1
        else:
            before = code
    state[0] = guess
    state[1] = place


class Listening:
    """Feed it frames of the microphone's slots at 16 kHz; `take_half_dB` gives the level of all since the last time."""

    def __init__(self):
        self.crying = Crying()
        self._state = array("i", bytes(4 * _STATE))
        self._wave = array("i", bytes(4 * (_WAVE + _FIR + _HALF_FRAME)))
        self._smooth = array("i", bytes(4 * _WAVE))
        self._products = array("i", bytes(4 * _LAGS))
        self._likeness = array("i", bytes(4 * _LAGS))
        self._found = array("i", bytes(20))
        self._unsettled = _SETTLING
        self._energy = 0.0
        self._number = 0
        self._steps = _steps()
        self._coded = array("i", bytes(8))

    def feed(self, slots, at: int = 0) -> None:
        """Take one frame: FRAME 32-bit slots from `at` on. The first two only settle the filters."""
        wave, state = self._wave, self._state
        for index in range(_KEPT):
            wave[index] = wave[_WINDOW + index]
        for half in (0, 1):
            state[_PUT] = _KEPT + half * (_WINDOW >> 1)
            _weigh(slots, at + half * _HALF_FRAME, state, wave)
            if self._unsettled:
                self._unsettled -= 1
                continue
            self._energy += state[_HIGH] * 4194304.0 + state[_MIDDLE] * 4096.0 + state[_LOW]
            self._number += _HALF_FRAME
        if self._unsettled:
            return
        found = self._found
        _smooth(wave, self._smooth, found)
        _compare(self._smooth, self._products, self._likeness, found)
        level_dB = round(10 * math.log10(found[_ENERGY] / _WINDOW + 0.001) + 6.0206 * (found[_SHIFT] + _DROPPED_BITS))
        self.crying.feed(found[_LIKENESS], found[_LAG], found[_BRIGHTNESS], level_dB)

    def take_half_dB(self) -> int | None:
        """Return the A-weighted level in half dB, or None when nothing was heard since the last time."""
        if not self._number:
            return None
        counts = math.sqrt(self._energy / self._number + 0.01) * (1 << _DROPPED_BITS)
        self._energy = 0.0
        self._number = 0
        level_dB = 94 + 20 * math.log10(counts / _COUNTS_AT_94_dB) + _FILTER_dB
        return round(2 * max(_QUIETEST_dB, level_dB))

    def head(self, out) -> None:
        """Write into three bytes of `out` where the compression stands, so that whoever missed what was before can begin here."""
        guess, place = self._coded
        out[0] = guess >> 8 & 255
        out[1] = guess & 255
        out[2] = place

    def compress(self, out, put: int) -> None:
        """Write the frame that was just fed, without its lowest octaves, into 128 bytes of `out` from `put` on."""
        _compress(self._wave, self._steps, self._coded, out, put)


def _steps():
    """Return the 89 steps of IMA ADPCM (IMA Digital Audio Focus and Technical Working Groups, recommended practices, 1992)."""
    return array("i", [_STEPS[at] << 8 | _STEPS[at + 1] for at in range(0, len(_STEPS), 2)])
