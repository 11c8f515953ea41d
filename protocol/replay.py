"""Sequence numbers seen before: the replay window of OSCORE (RFC 8613 section 7.4) and the same question for readings.

For the end that receives. After a restart a window is lost, and nothing may be believed until one request has proved to be fresh by an
Echo option (appendix B.1.2): `Window()` starts in that state, `fresh` ends it.
"""

from protocol import errors

WINDOW = 32  # RFC 8613 section 7.4: the default of DTLS
MAX_JUMP = 4096  # a device reserves numbers in blocks of 64: 64 power cuts in a row without one message
SEQUENCE_END = 1 << 40


class Window:
    """Which of the newest numbers have been seen."""

    def __init__(self) -> None:
        self.newest: int | None = None  # None: lost, see the file's head
        self._seen = 0  # bit i: newest - i was seen

    def fresh(self, sequence: int) -> None:
        """Begin (again) at a number that is known to be fresh; everything up to it counts as seen."""
        _check_range(sequence)
        self.newest = sequence
        self._seen = (1 << WINDOW) - 1

    def check(self, sequence: int) -> None:
        """Raises Replayed: seen, older than the window, or the window is lost. Raises SequenceTooLarge, SequenceJump."""
        _check_range(sequence)
        if self.newest is None:
            raise errors.Replayed(sequence)
        if sequence > self.newest + MAX_JUMP:
            raise errors.SequenceJump(self.newest + 1, sequence)
        age = self.newest - sequence
        if age >= WINDOW or (age >= 0 and self._seen >> age & 1):
            raise errors.Replayed(sequence)

    def strike(self, sequence: int) -> None:
        """Mark a number as seen; only after its message has been authenticated. Raises as `check` does."""
        self.check(sequence)
        newest = self.newest if self.newest is not None else sequence
        if sequence > newest:
            self._seen = (self._seen << (sequence - newest) | 1) & ((1 << WINDOW) - 1)
            self.newest = sequence
        else:
            self._seen |= 1 << (newest - sequence)


def _check_range(sequence: int) -> None:
    if not 0 <= sequence < SEQUENCE_END:
        raise errors.SequenceTooLarge(sequence)
