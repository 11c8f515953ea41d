"""What the panel can turn off and on beside the devices: the broker, the gateway, and whatever else the household hands in.

Only the shape lives here; how a program is stopped and started belongs to whoever started it.
"""

from typing import Protocol


class Switch(Protocol):
    """One program of the household. `broker` and `gateway` have a place in the drawing; others only get a card."""

    @property
    def name(self) -> str:
        """What it is called on the page when it has no name of ours."""

    def is_on(self) -> bool:
        """Return whether it runs now."""

    async def turn_on(self) -> None:
        """Start it, and return when it answers."""

    async def turn_off(self) -> None:
        """Stop it, the way the household means to: in order, or killed."""
