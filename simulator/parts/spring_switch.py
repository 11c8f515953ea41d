"""A switch under a spring below the plate: it closes to ground while something lies on the plate, and needs no current to know."""

from simulator.clock import Signal

CLOSES_N = 35.0
OPENS_N = 25.0


class SpringSwitch:
    """Follows the force on the plate, with the play of its spring."""

    def __init__(self, load_N: Signal) -> None:
        self._load_N = load_N
        self._closed = False

    def level(self, at_s: float, _rested_s: float) -> int:
        """Return what a pin with a pull-up reads: 0 while it is closed."""
        load_N = self._load_N(at_s)
        self._closed = load_N > (OPENS_N if self._closed else CLOSES_N)
        return 0 if self._closed else 1
