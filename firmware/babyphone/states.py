"""What is known of each of the babyphone's senses, as a table: the climate sensor and the microphone each have a state of their own.

One garbled answer is no fault; several in a row are, and are said once.
"""

from firmware.errors import IllegalEvent

WAITING = "waiting"  # nothing sensed yet
SENSING = "sensing"
DOUBTFUL = "doubtful"  # it failed just now
LOST = "lost"  # it failed again and again; the person has been told

SENSED = "sensed"
MISSED = "missed"
MISSED_OFTEN = "missed_often"

TRANSITIONS = {
    WAITING: {SENSED: SENSING, MISSED: WAITING, MISSED_OFTEN: LOST},
    SENSING: {SENSED: SENSING, MISSED: DOUBTFUL},
    DOUBTFUL: {SENSED: SENSING, MISSED: DOUBTFUL, MISSED_OFTEN: LOST},
    LOST: {SENSED: SENSING, MISSED: LOST, MISSED_OFTEN: LOST},
}

PATIENCE = 3  # failures in a row


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise IllegalEvent(state=state, event=event)
    return following


class Sense:
    """One sense: tell it what came, ask it for `state`."""

    def __init__(self):
        self.state = WAITING
        self._misses = 0

    def sensed(self) -> None:
        """A value came."""
        self._misses = 0
        self.state = after(self.state, SENSED)

    def missed(self) -> bool:
        """No value came; return whether this is the moment to say so."""
        self._misses += 1
        before = self.state
        self.state = after(before, MISSED_OFTEN if self._misses >= PATIENCE else MISSED)
        return self.state == LOST != before
