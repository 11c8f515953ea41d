"""ICS-43434: a digital microphone on I2S.

Source: TDK InvenSense, DS-000069, revision 1.2. It has no registers and no identity: 24 bits, most significant first, left-justified
in a slot of 32; the other slot of the frame is not driven. At 16 kHz it runs in its low-power mode.
"""

from micropython import const

from firmware.errors import ChipAbsent

RATE_Hz = const(16_000)  # "Modes of operation": 6.25 to 18.75 kHz is the low-power mode
SLOT_BITS = const(32)  # "Digital interface": 64 clocks a frame
_SAMPLE_SHIFT = const(8)  # 24 bits in the upper part of 32
# "Sensitivity": -26 dB of full scale (peak 2^23 - 1) at 94 dB SPL, for a sine: so many counts rms
COUNTS_RMS_AT_94_dB = const(297_286)
_DEAD_FRAMES = const(64)


def unpack(slots, count: int) -> int:
    """Turn the first `count` 32-bit slots (an array of ints) into 24-bit counts, in place; return how many.

    Raises ChipAbsent: the line never moves; even a silent room does, by its noise floor of 30 dB(A).
    """
    if not count:
        raise ChipAbsent(chip="ICS-43434", waited_ms=0)
    lowest = highest = slots[0] >> _SAMPLE_SHIFT
    for index in range(count):
        value = slots[index] >> _SAMPLE_SHIFT
        slots[index] = value
        if value < lowest:
            lowest = value
        elif value > highest:
            highest = value
    if lowest == highest and count >= _DEAD_FRAMES:
        raise ChipAbsent(chip="ICS-43434", waited_ms=count * 1000 // RATE_Hz)
    return count
