"""`foyer bench nursery`: what a second of listening costs the device, and how long a sound takes to the page.

Instructions are counted by callgrind over the 32-bit MicroPython, viper included, over frames that are all alike. The rest is measured in
the demo's own home, with the real firmware on simulated parts.

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
from tools import build, micropython
from tools.bench import counting
from tools.bench.figures import Figure
from tools.household import Household, Ports

_RUNS = 25
_LOUD_dBA, _HEARD_dBA = 80.0, 65.0
_NOISE_s = 2.0
_QUIET_s = 3.0
_PHASE_s = 0.137  # no part of the device's own second, so that noises begin anywhere in it
_LIMIT_s = 1.0
_LONGEST_s = 60.0
_REAL_TIME_M_PER_s = 72.0  # an ESP32 does 72 to 108 million of these instructions a second (DESIGN's measure)
_SHORT_s, _LONG_s = 2, 6
_COUNTED = """
import sys
from array import array
from firmware.babyphone.audible import Audible
from firmware.babyphone.comfort import Comfort
from firmware.babyphone.listening import Listening

class Nobody:
    observes = True
    def up_ms(self): return 0
    def value(self, level): pass
    def on(self): pass
    def write(self, samples): pass
    def say(self, path, packet, form): pass

what, seconds, nobody = sys.argv[1], int(sys.argv[2]), Nobody()
slots = array("i", [((index * 37) % 101 - 50) << 18 for index in range(512)])
listening = Listening()
audible = Audible(nobody, nobody, nobody, 1)
comfort = Comfort(lambda duty: None, nobody, nobody)
if "heard" in what:
    audible.listen({1: 1, 11: 600, 18: bytes(16)})
if "lullaby" in what:
    comfort.play({15: 1, 16: 50})
if "noise" in what:
    comfort.play({15: 2, 16: 50})
for frame in range(seconds * 125 // 4):
    if "ears" in what:
        listening.feed(slots)
        if frame % 16 == 0:
            listening.crying.heard()
        audible.take(listening)
    if frame & 1:
        comfort.go_on()
"""


def measure() -> list[Figure]:
    """Run a home; return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="foyer-bench-"))
    try:
        return [*_counted(folder), *asyncio.run(_measure(folder))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _counted(folder: Path) -> list[Figure]:
    """Return the instructions a second, or nothing where valgrind or the 32-bit interpreter is not here."""
    interpreter = micropython.find(build.ROOT / ".foyer/cache")
    if interpreter is None or interpreter.word_bits != 32 or not shutil.which("valgrind"):
        return []
    code = folder / "code"
    for path, content in build.files("babyphone", build.ROOT / ".foyer/cache", build.SIMULATED).items():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        (code / path).write_bytes(content)
    (code / "counted.py").write_text(_COUNTED, encoding="utf-8")
    program = counting.without_prefixes(folder / "program")

    def instructions_M(what: str) -> float:
        short, long = (counting.instructions(program, code, "counted.py", what, str(seconds)) for seconds in (_SHORT_s, _LONG_s))
        return (long - short) / (_LONG_s - _SHORT_s) / 1e6

    unit = "million instructions a second"
    return [
        Figure("loudness and crying", instructions_M("ears"), unit, _REAL_TIME_M_PER_s),
        Figure("the same while a parent listens", instructions_M("ears heard"), unit, _REAL_TIME_M_PER_s),
        Figure("the lullaby alone", instructions_M("lullaby"), unit),
        Figure("white noise alone", instructions_M("noise"), unit),
        Figure("all at once", instructions_M("ears heard lullaby"), unit, _REAL_TIME_M_PER_s),
    ]


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
