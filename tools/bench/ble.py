"""`foyer bench ble`: from settled to receipt over Bluetooth, by a real scale on a simulated air of 200 kbit/s, at three sizes of packets.

A home is run as `./foyer demo --radio ble` runs it; people step on the scale, and the time is from "measured" to "receipted" on the
device's own console. What is simulated is the air: its throughput, not a radio's way of sharing time. The last rows are the frames alone.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from protocol import frames, nearby
from simulator.air import peripheral
from simulator.people.person import Person
from tools.bench.figures import Figure
from tools.household import AIR_bit_per_s, Household, Ports

MTUS = (23, 185, 247)
WEIGH_INS = 4
LONGEST_s = 2.0
READING_BYTES = 146
PERSON = Person("Ada", 61.3, 120.0, 78.0, 64.0, seed=5)


def measure() -> list[Figure]:
    """Return the figures."""
    found = []
    whole: list[float] = []
    for mtu in MTUS:
        seconds = asyncio.run(_weigh_ins(mtu))
        whole += seconds
        found.append(Figure(f"settled to receipt at an MTU of {mtu}, median of {len(seconds)}", statistics.median(seconds), "s"))
        found.append(Figure(f"the same, the longest of {len(seconds)}", max(seconds), "s", LONGEST_s))
    found.append(Figure(f"95th percentile of all {len(whole)}", statistics.quantiles(whole, n=20)[-1], "s", LONGEST_s))
    for mtu in MTUS:
        count = len(frames.split(bytes(READING_BYTES), 0, mtu - nearby.HEADER_BYTES))
        found.append(Figure(f"fragments of a reading of {READING_BYTES} bytes at an MTU of {mtu}", count, ""))
    found.append(Figure("the air's throughput", AIR_bit_per_s / 1000, "kbit/s"))
    return found


async def _weigh_ins(mtu: int) -> list[float]:
    """Return how long each weigh-in took from settled to receipt, in s."""
    seconds = []
    before = peripheral.MOST_MTU
    peripheral.MOST_MTU = mtu
    try:
        with tempfile.TemporaryDirectory(prefix="foyer-") as folder:
            async with Household(Path(folder), Ports.free(), [PERSON], radio="ble") as household:
                scale = household.house.devices["scale"]
                for _ in range(WEIGH_INS):
                    while scale.display[1] not in ("step on", ""):  # off while it sleeps
                        await asyncio.sleep(0.1)
                    receipted = asyncio.ensure_future(scale.wait_for("stop", 60, stop="receipted", kind=0))
                    measured = asyncio.ensure_future(scale.wait_for("stop", 60, stop="measured", kind=0))
                    await household.house.step_on(scale, PERSON, 9.0)
                    seconds.append((await receipted).at_s - (await measured).at_s)
    finally:
        peripheral.MOST_MTU = before
    return seconds
