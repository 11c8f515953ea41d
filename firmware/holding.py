"""A button held for long: first a warning, then the decision to forget the home. Pure: levels and times in, names out."""

from micropython import const

WARN_MS = const(3000)
FORGET_MS = const(10_000)

WARNED = "hold_on"
HELD = "forget"
LET_GO = "let_go"


class Hold:
    """Feed it the button, at least five times a second."""

    def __init__(self):
        self._since_ms = None
        self._warned = False

    def feed(self, pressed: bool, at_ms: int) -> str | None:
        """Return WARNED after 3 s, HELD after 10 s, LET_GO when a warned person thinks better of it; else None."""
        if not pressed:
            was_warned, self._since_ms, self._warned = self._warned, None, False
            return LET_GO if was_warned else None
        if self._since_ms is None:
            self._since_ms = at_ms
        held_ms = at_ms - self._since_ms
        if held_ms >= FORGET_MS:
            return HELD
        if held_ms >= WARN_MS and not self._warned:
            self._warned = True
            return WARNED
        return None
