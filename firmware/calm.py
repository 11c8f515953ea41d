"""When long arithmetic may go on: never while the cuff holds air, because nothing may keep its loop from looking.

Whoever measures sets `holding`; signatures and introductions, which are made in steps of up to 20 ms, wait between two of them.
"""

import asyncio

from micropython import const

_LOOK_MS = const(20)


def _nothing():
    pass


class Calm:
    """holding: somebody must not be kept waiting; busy: somebody would miss it if the device started again now."""

    def __init__(self):
        self.holding = False
        self.busy = False

    @property
    def disturbed(self) -> bool:
        """Whether somebody uses the device now."""
        return self.holding or self.busy

    async def turn(self, alive=_nothing) -> None:
        """Give everybody else their turn, and wait until nobody must not be kept waiting; alive(): the task still runs."""
        await asyncio.sleep_ms(0)
        while self.holding:
            alive()
            await asyncio.sleep_ms(_LOOK_MS)

    async def through(self, steps, alive=_nothing) -> object:
        """Return what a generator returns, with everybody else's turn between its steps; alive(): the task still runs."""
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            alive()
            await self.turn(alive)
