"""Four electrodes on the plate and the circuit before them: a sine becomes a current through the feet, a voltage comes back.

Two electrodes carry the current, two sense, so the skin's own resistance drops out as long as the source can drive the current through
it. Shoes and socks are a resistance that it cannot. Source of the figures: from memory; a body is some 500 ohm from foot to foot at 50 kHz.
"""

CURRENT_mA = 0.5
LARGEST_V = 1.6  # what the source can reach
SENSED_ohm = 1000.0  # comes back as large as it went out
BARE_SKIN_ohm = 900.0  # both feet, wetted by standing
SHOES_ohm = 400_000.0


class Electrodes:
    """What is between them; nobody at first."""

    def __init__(self) -> None:
        self._body_ohm: float | None = None
        self._contact_ohm = BARE_SKIN_ohm

    def touch(self, body_ohm: float, barefoot: bool = True) -> None:
        """Somebody's feet stand on all four."""
        self._body_ohm = body_ohm
        self._contact_ohm = BARE_SKIN_ohm if barefoot else SHOES_ohm

    def leave(self) -> None:
        """Nobody touches them."""
        self._body_ohm = None

    def ratio(self, _at_s: float) -> float:
        """Return what comes back of the sine, as a share of it."""
        if self._body_ohm is None:
            return 0.0
        driven = min(1.0, LARGEST_V / (CURRENT_mA / 1000 * (self._body_ohm + self._contact_ohm)))
        return driven * self._body_ohm / SENSED_ohm
