"""MAX98357A: an amplifier for a small speaker that is fed over I2S.

Source: Maxim Integrated, data sheet 19-6779, revision 13. It has no registers and no identity; it takes the stream's clock as it comes.
8 kHz are among its rates ("Digital Audio Interface Modes"), 32 bits a frame. SD_MODE low is shutdown: no sound, and no hiss at night.
"""

from micropython import const

RATE_Hz = const(8000)
SLOT_BITS = const(16)


class MAX98357A:
    """stream: a transmitting `machine.I2S`; shutdown: an output, SD_MODE."""

    def __init__(self, stream, shutdown):
        self._stream = stream
        self._shutdown = shutdown
        self._shutdown.value(0)

    def on(self) -> None:
        """Wake the amplifier; it is ready before the first of its samples is heard ("Turn-On Time": 1 ms)."""
        self._shutdown.value(1)

    def off(self) -> None:
        """Be silent at once; what was written and not played is not heard."""
        self._shutdown.value(0)

    def write(self, samples) -> None:
        """Play samples (an array of 16-bit ints) after those that wait; waits while the stream's buffer is full."""
        self._stream.write(samples)
