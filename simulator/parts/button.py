"""A push button to ground with a pull-up: pressed reads 0."""


class Button:
    """A button that somebody presses for a while."""

    def __init__(self) -> None:
        self._pressed: list[tuple[float, float]] = []

    def press(self, from_s: float, seconds: float = 0.3) -> None:
        """Hold the button down for some seconds."""
        self._pressed.append((from_s, from_s + seconds))

    def level(self, at_s: float, _rested_s: float) -> int:
        """Return what a pin reads."""
        self._pressed = [press for press in self._pressed if press[1] > at_s]
        return 0 if any(start_s <= at_s for start_s, _ in self._pressed) else 1
