"""Expectation scripts for buses: what must be written, what is then read. A script not fully used fails.

Runs under both Pythons. After `embedded-hal-mock`.
"""


class Bus:
    """An I2C bus with `machine.I2C`'s methods that follows a script of ("write", bytes) and ("read", bytes or None for no answer)."""

    def __init__(self, address: int, *steps: tuple[str, bytes | None]) -> None:
        self._address = address
        self._steps = list(steps)

    def writeto(self, address: int, data: bytes) -> int:
        """Check what is written."""
        expected = self._next("write", address)
        if expected is None:
            raise OSError(19)
        assert bytes(data) == expected, f"wrote {bytes(data)!r}, not {expected!r}"
        return len(data)

    def readfrom_into(self, address: int, buffer: bytearray) -> None:
        """Give what is scripted."""
        answer = self._next("read", address)
        if answer is None:
            raise OSError(19)
        assert len(buffer) == len(answer), f"read {len(buffer)} bytes, not {len(answer)}"
        buffer[:] = answer

    def done(self) -> bool:
        """Whether the whole script was used."""
        return not self._steps

    def _next(self, verb: str, address: int) -> bytes | None:
        assert address == self._address, f"address {address}"
        assert self._steps, f"{verb} after the script's end"
        expected, data = self._steps.pop(0)
        assert verb == expected, f"{verb}, not {expected}"
        return data


class Cell:
    """DOUT and SCK of an HX711 that has `raw` (24 bits) ready; counts pulses, and can be stuck."""

    def __init__(self, raw: int, stuck: int | None = None) -> None:
        self.raw = raw
        self.pulses = 0
        self._clock = 0
        self._stuck = stuck

    def data(self) -> int:
        """Return DOUT."""
        if self._stuck is not None:
            return self._stuck
        if self.pulses == 0:
            return 0
        return self.raw >> (24 - self.pulses) & 1 if self.pulses <= 24 else 1

    def clock(self, level: int) -> None:
        """Move SCK."""
        if level and not self._clock:
            self.pulses += 1
        self._clock = level


class Pin:
    """A pin with `machine.Pin`'s value()."""

    def __init__(self, read: object = None, write: object = None) -> None:
        self._read = read
        self._write = write

    def value(self, level: int | None = None) -> int | None:
        """Read or write."""
        if level is None:
            return self._read()  # type: ignore[operator,no-any-return]
        self._write(level)  # type: ignore[operator]
        return None
