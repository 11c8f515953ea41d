"""HX711: a 24-bit converter for load cells, clocked out by hand on two pins.

Source: Avia Semiconductor, HX711 datasheet (English), pages 4 and 5. The chip has no registers and no identity: it shows that it is
there by pulling DOUT low when a conversion is ready, and by letting it go again after the last clock pulse.
"""

from micropython import const

from firmware.errors import BusGarbled, ChipAbsent, ChipSaturated

_BITS = const(24)  # "Serial interface", figure 2
_PULSES_A128 = const(25)  # table 3: 25 pulses choose channel A, gain 128, for the next conversion
_HIGHEST = const(0x7FFFFF)  # "Analog inputs": saturates here and at 0x800000
_LOWEST = const(-0x800000)
# 10 samples a second take 100 ms each, and real modules run 10 % off; the first after power-up settles in 400 ms ("Settling time").
SETTLING_MS = const(400)
LONGEST_WAIT_MS = const(700)


def counts(raw):
    """Return the signed value of the 24 bits that the chip gave, two's complement."""
    return raw - 0x1000000 if raw & 0x800000 else raw


class HX711:
    """The converter behind `data` (input) and `clock` (output), pins with `machine.Pin`'s methods.

    quiet() and loud(state), when given, hold interrupts off around each pulse: a clock that stays high for 60 us switches the chip off.
    """

    def __init__(self, data, clock, quiet=None, loud=None):
        self._data = data
        self._clock = clock
        self._quiet = quiet
        self._loud = loud
        clock.value(0)

    def ready(self):
        """Return whether a conversion waits to be read."""
        return not self._data.value()

    def absent(self, waited_ms):
        """Return the error to raise when nothing became ready in `waited_ms`, or None while that is still ordinary."""
        return ChipAbsent(chip="HX711", waited_ms=waited_ms) if waited_ms > LONGEST_WAIT_MS else None

    def read(self):
        """Return the waiting conversion in counts, and choose channel A with gain 128 for the next.

        Raises ChipSaturated: the cell pulls beyond the converter's range.
        Raises BusGarbled: DOUT did not rise after the last pulse, so something else holds the line.
        """
        raw = 0
        for _ in range(_BITS):
            self._pulse()
            raw = raw << 1 | self._data.value()
        for _ in range(_PULSES_A128 - _BITS):
            self._pulse()
        if not self._data.value():
            raise BusGarbled(chip="HX711", expected="DOUT high after the last pulse", got="low")
        value = counts(raw)
        if value in (_HIGHEST, _LOWEST):
            raise ChipSaturated(chip="HX711", got=value)
        return value

    def power_down(self):
        """Leave the clock high: after 60 us the chip is off and takes less than 1 uA, until the clock falls ("Power down control")."""
        self._clock.value(1)

    def _pulse(self):
        # T3: high for 0.2 to 50 us; the bit stays on DOUT until the next rise, so it is read after the fall
        clock = self._clock
        if self._quiet is None:
            clock.value(1)
            clock.value(0)
            return
        state = self._quiet()
        clock.value(1)
        clock.value(0)
        self._loud(state)
