"""When long arithmetic may go on: never while the cuff holds air, because nothing may keep its loop from looking.

Whoever measures sets `holding`; signatures and introductions, which are made in steps of up to 20 ms, wait between two of them.
"""

import asyncio

from micropython import const

_LOOK_MS = const(20)


class Calm:
    """holding: somebody must not be kept waiting; busy: somebody would miss it if the device started again now."""

    def __init__(self):
        self.holding = False
        self.busy = False

    async def turn(self) -> None:
        """Give everybody else their turn, and wait until nobody must not be kept waiting."""
        await asyncio.sleep_ms(0)
        while self.holding:
            await asyncio.sleep_ms(_LOOK_MS)

    async def through(self, steps, alive) -> object:
        """Return what a generator returns, with everybody else's turn between its steps; alive(): the task still runs."""
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            alive()
            await self.turn()
