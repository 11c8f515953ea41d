"""One person: what is true about them, as far as a home's devices can find out."""

from typing import NamedTuple

from simulator.parts import artery
from simulator.parts.artery import Artery


class Person(NamedTuple):
    """Somebody who stands on scales and wraps cuffs; `seed` makes their noise and their artery theirs."""

    name: str
    weight_kg: float
    systolic_mmHg: float = 120.0
    diastolic_mmHg: float = 78.0
    pulse_per_min: float = 68.0
    seed: int = 1
    impedance_ohm: float = 520.0  # foot to foot at 50 kHz
    barefoot: bool = True

    @property
    def artery(self) -> Artery:
        """The artery of this person's upper arm."""
        return artery.somebodys(self.seed)
