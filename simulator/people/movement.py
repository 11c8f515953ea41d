"""An arm that does not keep still: bursts that come by chance, press on the cuff and let go.

Source: bursts of 0.3 to 2 s and 2 to 20 mmHg, by Poisson; how often is what a test chooses.
"""

import math
import random

from simulator.parts.pneumatics import Squeeze


def restless(seed: int, from_s: float, until_s: float, every_s: float) -> list[Squeeze]:
    """Return the movements of an arm between two times, one in `every_s` on average."""
    chance = random.Random(seed)
    squeezes = []
    at_s = from_s + chance.expovariate(1 / every_s)
    while at_s < until_s:
        seconds = chance.uniform(0.3, 2.0)
        mmHg = math.exp(chance.uniform(math.log(2.0), math.log(20.0)))
        squeezes.append(Squeeze(at_s, seconds, mmHg, chance.uniform(0.7, 3.0)))
        at_s += seconds + chance.expovariate(1 / every_s)
    return squeezes
