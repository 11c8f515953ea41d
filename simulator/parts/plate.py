"""The scale's plate: whatever stands on it adds up to a force."""

from simulator.clock import Signal, constant
from simulator.parts.load_cell import STANDARD_GRAVITY_m_per_s2


class Plate:
    """A plate that one person stands on, or on which things lie."""

    def __init__(self) -> None:
        self._person: Signal = constant(0.0)
        self._things_N = 0.0
        self.occupied = False

    def carry(self, person_N: Signal) -> None:
        """Let a person's force act from now on; it begins and ends at 0 N by itself."""
        self._person = person_N
        self.occupied = True

    def clear(self) -> None:
        """Nobody stands here any more."""
        self._person = constant(0.0)
        self.occupied = False

    def lay(self, mass_kg: float) -> None:
        """Lay a thing on the plate, for example a technician's reference weight; 0 takes it away."""
        self._things_N = mass_kg * STANDARD_GRAVITY_m_per_s2

    def load_N(self, at_s: float) -> float:
        """Return the force on the plate."""
        return self._person(at_s) + self._things_N
