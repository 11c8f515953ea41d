"""An I2C bus: transactions of whole bytes, acknowledgements, and the ways a bus fails.

What is not modelled: clock stretching, several controllers, 10-bit addresses, speed.
Source: NXP UM10204.
"""

from typing import Protocol

from simulator.buses.errors import BusStuck, NotAcknowledged


class Responder(Protocol):
    """A chip on the bus; both methods raise NotAcknowledged when the chip refuses its address."""

    def write(self, data: bytes, at_s: float) -> int:
        """Take bytes; return how many were acknowledged."""

    def read(self, count: int, at_s: float) -> bytes:
        """Return `count` bytes."""


class I2CBus:
    """Two wires and the chips on them."""

    def __init__(self) -> None:
        self._chips: dict[int, Responder] = {}
        self._held_low = False

    def attach(self, address: int, chip: Responder) -> None:
        """Put a chip on the bus."""
        self._chips[address] = chip

    def detach(self, address: int) -> None:
        """Take a chip off the bus."""
        self._chips.pop(address, None)

    def hold_bus_low(self) -> None:
        """Short SDA to ground: from now on nothing works."""
        self._held_low = True

    def let_go(self) -> None:
        """Take the short away."""
        self._held_low = False

    def write(self, address: int, data: bytes, at_s: float) -> int:
        """Write to a chip; return how many bytes it acknowledged."""
        return self._chip(address).write(data, at_s)

    def read(self, address: int, count: int, at_s: float) -> bytes:
        """Read from a chip."""
        return self._chip(address).read(count, at_s)

    def _chip(self, address: int) -> Responder:
        if self._held_low:
            raise BusStuck("SDA is held low")
        chip = self._chips.get(address)
        if chip is None:
            raise NotAcknowledged(address)
        return chip
