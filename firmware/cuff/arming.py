"""A measurement asked for from afar: it arms the cuff, and only the button on the cuff starts it, within a minute.

Nobody but the person who wears a cuff may let it press (threat T14). Who shall be measured may be said with it, and the buttons on the
cuff say it too. Stop needs no arming: it is the cycle's, and always works.
"""

from firmware.cuff import limits

# Who is measured, as a reading says it; numbers from 16 on are the home's own.
NOBODY, A, B, GUEST = 0, 1, 2, 3


class Arming:
    """`who` is measured next, NOBODY when nothing was said; `armed` says whether somebody from afar waits for the button."""

    def __init__(self):
        self._until_ms = None
        self._who = NOBODY
        self.armed = False

    def arm(self, who: int, at_ms: int) -> None:
        """Take a start from afar: nothing moves, the button counts for the next minute."""
        self.armed = True
        self._choose(who, at_ms)

    def choose(self, who: int, at_ms: int) -> None:
        """Take a button A, B or guest; the same once more takes it back."""
        self._lapse(at_ms)
        self.armed = False
        self._choose(NOBODY if who == self._who else who, at_ms)

    def look(self, at_ms: int) -> int:
        """Return who is chosen now."""
        self._lapse(at_ms)
        return self._who

    def start(self, at_ms: int) -> int:
        """The start button was pressed: return who is measured; what was said is used up."""
        self._lapse(at_ms)
        who = self._who
        self._forget()
        return who

    def cancel(self) -> None:
        """A stop, from anywhere, takes back the arming too."""
        self._forget()

    def _choose(self, who, at_ms):
        self._who = who
        self._until_ms = at_ms + limits.ARMED_MS

    def _lapse(self, at_ms):
        if self._until_ms is not None and at_ms >= self._until_ms:
            self._forget()

    def _forget(self):
        self._until_ms = None
        self._who = NOBODY
        self.armed = False
