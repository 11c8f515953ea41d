"""`foyer bench ble`: from settled to receipt, and to the account's page, over Bluetooth, by a real scale on a simulated air of 200 kbit/s,
at three sizes of packets.

A home is run as `./foyer demo --radio ble` runs it; people step on the scale, and the time is from "measured" to "receipted" on the
device's own console, and to the first answer of the site, asked twenty times a second, that has the weight. What is simulated is the air:
its throughput, not a radio's way of sharing time. The last rows are the frames alone.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from protocol import frames, nearby
from simulator.air import peripheral
from simulator.people.person import Person
from tools.bench.figures import Figure
from tools.household import AIR_bit_per_s, Household, Ports
from tools.visitor import Visitor

MTUS = (23, 185, 247)
WEIGH_INS = 7
LONGEST_s = 2.0
SHOWN_WITHIN_s = 60.0
READING_BYTES = 146
PERSON = Person("Ada", 61.3, 120.0, 78.0, 64.0, seed=5)


def measure() -> list[Figure]:
    """Return the figures."""
    found = []
    receipted: list[float] = []
    shown: list[float] = []
    for mtu in MTUS:
        weigh_ins = asyncio.run(_weigh_ins(mtu))
        seconds = [each for each, _ in weigh_ins]
        receipted += seconds
        shown += [each for _, each in weigh_ins]
        found.append(Figure(f"settled to receipt at an MTU of {mtu}, median of {len(seconds)}", statistics.median(seconds), "s"))
        found.append(Figure(f"the same, the longest of {len(seconds)}", max(seconds), "s", LONGEST_s))
    found.append(Figure(f"95th percentile of all {len(receipted)}", _percentile95(receipted), "s", LONGEST_s))
    found.append(Figure(f"settled to the account's page, median of {len(shown)}", statistics.median(shown), "s"))
    found.append(Figure("the same, 95th percentile", _percentile95(shown), "s", LONGEST_s))
    for mtu in MTUS:
        count = len(frames.split(bytes(READING_BYTES), 0, mtu - nearby.HEADER_BYTES))
        found.append(Figure(f"fragments of a reading of {READING_BYTES} bytes at an MTU of {mtu}", count, ""))
    found.append(Figure("the air's throughput", AIR_bit_per_s / 1000, "kbit/s"))
    return found


def _percentile95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


async def _weigh_ins(mtu: int) -> list[tuple[float, float]]:
    """Return how long each weigh-in took from settled to receipt, and to the account's page, in s."""
    seconds = []
    before = peripheral.MOST_MTU
    peripheral.MOST_MTU = mtu
    try:
        with tempfile.TemporaryDirectory(prefix="foyer-") as folder:
            async with (
                Household(Path(folder), Ports.free(), [PERSON], radio="ble") as household,
                household.site_visitor() as visitor,
            ):
                await household.sign_in(household.residents[0], visitor)
                scale = household.house.devices["scale"]
                for number in range(WEIGH_INS):
                    while scale.display[1] not in ("step on", ""):  # off while it sleeps
                        await asyncio.sleep(0.1)
                    receipted = asyncio.ensure_future(scale.wait_for("stop", 60, stop="receipted", kind=0))
                    measured = asyncio.ensure_future(scale.wait_for("stop", 60, stop="measured", kind=0))
                    shown = asyncio.ensure_future(_shown_at_s(visitor, number + 1))
                    await household.house.step_on(scale, PERSON, 9.0)
                    began_s = (await measured).at_s
                    seconds.append(((await receipted).at_s - began_s, await shown - began_s))
    finally:
        peripheral.MOST_MTU = before
    return seconds


async def _shown_at_s(visitor: Visitor, count: int) -> float:
    """Return when so many weights were first on the account's page."""
    async with asyncio.timeout(SHOWN_WITHIN_s):
        while True:
            answer = await visitor.json("/en/weight.json")
            if isinstance(answer, dict) and len(answer["readings"]) >= count:
                return time.time()
            await asyncio.sleep(0.05)
