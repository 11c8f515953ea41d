"""The artery under the cuff: how much blood it holds at a transmural pressure.

Babbs' model: an exponential on each side of zero. Real envelopes ask for a 0.041..0.070 and b 0.030..0.042 per mmHg (Babbs himself uses
about 0.11). The envelope's maximum then lies a / (a + b) of the pulse pressure below the systolic one, and the shares of the maximum
at the systolic and diastolic pressures are about 0.58 and 0.78: what oscillometry's fixed ratios stand for.
Source: Babbs 2012, PMC3541069; a and b fitted to real cuff recordings.
"""

import math
import random
from typing import NamedTuple


class Artery(NamedTuple):
    """An artery's walls: volume at zero transmural pressure, and how it gives way when collapsed (a) and when filled (b)."""

    volume_ml: float = 0.45
    a_per_mmHg: float = 0.055
    b_per_mmHg: float = 0.036

    def held_ml(self, transmural_mmHg: float) -> float:
        """Return the volume of blood under the cuff."""
        if transmural_mmHg < 0:
            return self.volume_ml * math.exp(self.a_per_mmHg * transmural_mmHg)
        return self.volume_ml * (1 - self.a_per_mmHg / self.b_per_mmHg * math.expm1(-self.b_per_mmHg * transmural_mmHg))

    def compliance_ml_per_mmHg(self, transmural_mmHg: float) -> float:
        """Return the slope of held_ml."""
        exponent = self.a_per_mmHg * transmural_mmHg if transmural_mmHg < 0 else -self.b_per_mmHg * transmural_mmHg
        return self.a_per_mmHg * self.volume_ml * math.exp(exponent)


def somebodys(seed: int) -> Artery:
    """Return an artery within the range of real people's envelopes."""
    chance = random.Random(seed)
    return Artery(chance.uniform(0.35, 0.55), chance.uniform(0.050, 0.060), chance.uniform(0.033, 0.039))
