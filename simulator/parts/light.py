"""A light: an LED behind a transistor, as bright as its pin is on."""


class Light:
    """A light that somebody in the room sees; `history` holds (at_s, share) for each change."""

    def __init__(self) -> None:
        self.history: list[tuple[float, float]] = []

    @property
    def share(self) -> float:
        """How bright it is now, 0..1 of its power."""
        return self.history[-1][1] if self.history else 0.0

    def dim(self, share: float, _frequency_Hz: int, at_s: float) -> None:
        """Take the share of time that its pin is on."""
        if share != self.share:
            self.history.append((at_s, share))

    def switch(self, level: int, at_s: float, _rested_s: float) -> None:
        """Take its pin's level."""
        self.dim(float(level), 0, at_s)
