"""The artery under the cuff: how much blood it holds at a transmural pressure. Two models, written apart.

Babbs' model: an exponential on each side of zero. Real envelopes ask for a 0.041..0.070 and b 0.030..0.042 per mmHg (Babbs himself uses
about 0.11). The envelope's maximum then lies a / (a + b) of the pulse pressure below the systolic one, and the shares of the maximum
at the systolic and diastolic pressures are about 0.58 and 0.78: what oscillometry's fixed ratios stand for.
The second, against which the firmware was not developed, is exponential-linear: its compliance is exp(-x) (1 + x) on each side, flat
at the top and steeper on the flanks, with a width for each side.
Source: Babbs 2012, PMC3541069; a and b fitted to real cuff recordings. Chandrasekhar 2019 (PMC6881246) and 2023 (PMC9958264), the form
as remembered, the widths so that half of the compliance is left where Babbs' with real envelopes' parameters has it.
"""

import math
import random
from typing import NamedTuple, Protocol


class Walls(Protocol):
    """What a cuff feels of an artery."""

    def compliance_ml_per_mmHg(self, transmural_mmHg: float) -> float:
        """Return how the volume grows with the transmural pressure."""


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


class ExponentialLinearArtery(NamedTuple):
    """The second model: widths of the compliance curve on its collapsed and on its filled side."""

    ml_per_mmHg: float = 0.025
    collapsed_mmHg: float = 9.0
    filled_mmHg: float = 12.0

    def held_ml(self, transmural_mmHg: float) -> float:
        """Return the volume of blood above that at zero transmural pressure."""
        width_mmHg = self.collapsed_mmHg if transmural_mmHg < 0 else self.filled_mmHg
        x = abs(transmural_mmHg) / width_mmHg
        return math.copysign(self.ml_per_mmHg * width_mmHg * (2 - math.exp(-x) * (2 + x)), transmural_mmHg)

    def compliance_ml_per_mmHg(self, transmural_mmHg: float) -> float:
        """Return the slope of held_ml."""
        x = abs(transmural_mmHg) / (self.collapsed_mmHg if transmural_mmHg < 0 else self.filled_mmHg)
        return self.ml_per_mmHg * math.exp(-x) * (1 + x)


def somebodys(seed: int) -> Artery:
    """Return an artery within the range of real people's envelopes."""
    chance = random.Random(seed)
    return Artery(chance.uniform(0.35, 0.55), chance.uniform(0.050, 0.060), chance.uniform(0.033, 0.039))
