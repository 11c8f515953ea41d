"""Threats T19, mounted: keys made without the radio, and by a chip whose random numbers can be foretold."""

from collections.abc import Callable

from tests.firmware.crypto import new_key_bodies as bodies
from tests.on_micropython import both_pythons

Call = Callable[..., object]


@both_pythons
def test_no_key_is_made_while_the_radio_is_off(call: Call) -> None:
    """The chip's random numbers want the radio's noise; and entropy that is none is refused, too."""
    assert call(bodies.with_radio_off) == "RadioOff"
    assert call(bodies.with_little_entropy) == "ValueError"


@both_pythons
def test_a_chip_without_randomness_still_makes_keys_of_its_own(call: Call) -> None:
    """Its numbers stand still: every key differs all the same, by the computer's entropy and by what the key is for."""
    made = call(bodies.public_keys, [bytes(32), b"\x01" + bytes(31), bytes(31) + b"\x01"])
    assert isinstance(made, list)
    assert len(set(made)) == 6
