"""Acknowledgements, and the ways a bus fails."""

import pytest

from simulator.buses.errors import BusStuck, NotAcknowledged
from simulator.buses.i2c import I2CBus
from simulator.chips.mprls import MPRLS


def test_only_the_addressed_chip_answers() -> None:
    """An address without a chip is not acknowledged, in either direction."""
    bus = I2CBus()
    bus.attach(0x18, MPRLS(1))
    assert bus.write(0x18, b"\xaa\x00\x00", 0.0) == 3
    with pytest.raises(NotAcknowledged) as refused:
        bus.write(0x19, b"\xaa\x00\x00", 0.0)
    assert refused.value.address == 0x19
    bus.detach(0x18)
    with pytest.raises(NotAcknowledged):
        bus.read(0x18, 4, 1.0)


def test_a_bus_held_low_works_for_nobody_until_it_is_let_go() -> None:
    """A short is not a missing chip: it has an error of its own."""
    bus = I2CBus()
    bus.attach(0x18, MPRLS(1))
    bus.hold_bus_low()
    with pytest.raises(BusStuck):
        bus.write(0x18, b"\xaa\x00\x00", 0.0)
    bus.let_go()
    assert bus.write(0x18, b"\xaa\x00\x00", 0.0) == 3
