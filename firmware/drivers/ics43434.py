"""ICS-43434: a digital microphone on I2S.

Source: TDK InvenSense, DS-000069, revision 1.2. It has no registers and no identity: 24 bits, most significant first, left-justified
in a slot of 32; the other slot of the frame is not driven. At 16 kHz it runs in its low-power mode.
"""

from micropython import const

from firmware.errors import ChipAbsent

RATE_Hz = const(16_000)  # "Modes of operation": 6.25 to 18.75 kHz is the low-power mode
SLOT_BITS = const(32)  # "Digital interface": 64 clocks a frame
# "Sensitivity": -26 dB of full scale (peak 2^23 - 1) at 94 dB SPL, for a sine: so many counts rms
COUNTS_RMS_AT_94_dB = const(297_286)
_DEAD_FRAMES = const(64)


def check_life(slots, count: int) -> None:
    """Look at `count` 32-bit slots (an array of ints; the counts are their upper 24 bits).

    Raises ChipAbsent: the line never moves; even a silent room does, by its noise floor of 30 dB(A).
    """
    if count < _DEAD_FRAMES:
        raise ChipAbsent(chip="ICS-43434", waited_ms=count * 1000 // RATE_Hz)
    first = slots[0]
    for index in range(count):
        if slots[index] != first:
            return
    raise ChipAbsent(chip="ICS-43434", waited_ms=count * 1000 // RATE_Hz)
