"""RFC 7252 section 4.5: a request that comes again is answered as before, and done once.

What is remembered of a request is who sent it, its message id and the bytes it was answered with, for as long as its sender may repeat it.
aiocoap would remember the message itself with all that hangs on it: 2.6 kB for every reading of the last four minutes.
"""

from collections import deque

EXCHANGE_LIFETIME_S = 247.0  # RFC 7252 section 4.8.2
# Some 15 MB of them. Beyond it the oldest is forgotten early: a device that repeats it introduces itself anew and is told "already".
_MOST = 32_768

_Key = tuple[object, int]


class Exchanges:
    """The requests of the last four minutes, and how each was answered."""

    def __init__(self) -> None:
        self._answers: dict[_Key, bytes] = {}
        self._begun: deque[tuple[float, _Key]] = deque()

    def __len__(self) -> int:
        return len(self._answers)

    def begin(self, sender: object, message_id: int, now_s: float) -> bytes | None:
        """Return None for a request that is new, and remember it; else what it was answered with, b"" while it is not yet.

        now_s: never decreasing.
        """
        while self._begun and (self._begun[0][0] <= now_s - EXCHANGE_LIFETIME_S or len(self._begun) >= _MOST):
            del self._answers[self._begun.popleft()[1]]
        key = sender, message_id
        known = self._answers.get(key)
        if known is None:
            self._answers[key] = b""
            self._begun.append((now_s, key))
        return known

    def answered(self, sender: object, message_id: int, datagram: bytes) -> None:
        """Remember with what a request was answered, if it is still remembered."""
        key = sender, message_id
        if key in self._answers:
            self._answers[key] = datagram
