"""`foyer bench nursery`: from a sound in the nursery to the page, in the demo's own home, with the real firmware on simulated parts.

A noise begins in the room at a moment of its own each time; the clock stops when the event with its loudness is read from the page's
stream, over HTTPS as a browser reads it. What a browser then needs to show it is not in it: one text and one bar, within a frame.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import median, quantiles

from simulator.people.person import Person
from tools.bench.figures import Figure
from tools.household import Household, Ports

_RUNS = 25
_LOUD_dBA, _HEARD_dBA = 80.0, 65.0
_NOISE_s = 2.0
_QUIET_s = 3.0
_PHASE_s = 0.137  # no part of the device's own second, so that noises begin anywhere in it
_LIMIT_s = 1.0
_LONGEST_s = 60.0


def measure() -> list[Figure]:
    """Run a home; return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="foyer-bench-"))
    try:
        return asyncio.run(_measure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Levels:
    """The nursery's loudness as the page's stream tells it."""

    def __init__(self, events: AsyncIterator[tuple[str, str]]) -> None:
        self._events = events
        self._heard_dBA: asyncio.Queue[float] = asyncio.Queue()

    async def read(self) -> None:
        """Read the stream until cancelled."""
        async for name, data in self._events:
            if name == "live":
                self._heard_dBA.put_nowait(float(json.loads(data)["loudness_dB"]))

    async def until(self, fits: Callable[[float], bool]) -> None:
        """Return when the next level that fits has been read. Raises TimeoutError."""
        async with asyncio.timeout(_LONGEST_s):
            while not fits(await self._heard_dBA.get()):
                continue


async def _measure(folder: Path) -> list[Figure]:
    taken_s: list[float] = []
    async with Household(folder, Ports.free(), [Person("Ada", 61.3)]) as household, household.page_visitor() as visitor:
        await household.sign_in_at_home(visitor)
        levels = Levels(visitor.events("/en/events"))
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(levels.read())
            for run in range(_RUNS):
                await levels.until(lambda level_dBA: level_dBA < _HEARD_dBA)
                await asyncio.sleep(_QUIET_s + _PHASE_s * run)
                began_s = time.monotonic()
                household.house.make_noise(_LOUD_dBA, _NOISE_s, "babyphone")
                await levels.until(lambda level_dBA: level_dBA > _HEARD_dBA)
                taken_s.append(time.monotonic() - began_s)
            reading.cancel()
    return [
        Figure("a sound to the page, median", median(taken_s), "s"),
        Figure("a sound to the page, 95th percentile", quantiles(taken_s, n=20)[-1], "s", _LIMIT_s),
        Figure("a sound to the page, longest", max(taken_s), "s", _LIMIT_s),
    ]
