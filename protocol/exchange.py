"""One confirmable CoAP exchange, RFC 7252 sections 4.2 and 5.2, as a table: when to send again, and when to stop waiting.

No socket, no clock, no randomness: the caller hands in what happened, a millisecond count that never falls, and a random byte.
"""

from collections import namedtuple

from protocol import errors

WAITING = "WAITING"  # sent; neither acknowledged nor answered
ACKNOWLEDGED = "ACKNOWLEDGED"  # the other end has it and will answer by a message of its own
ANSWERED = "ANSWERED"
TIMED_OUT = "TIMED_OUT"
REJECTED = "REJECTED"  # the other end reset it

EMPTY_ACK = "EMPTY_ACK"
RESPONSE = "RESPONSE"  # piggybacked or separate; the caller has checked that it is authentic
RESET = "RESET"
WAIT_OVER = "WAIT_OVER"  # a retransmission is due
PATIENCE_OVER = "PATIENCE_OVER"  # the last retransmission, or the separate response, was waited for in vain

TRANSITIONS = {
    WAITING: {
        EMPTY_ACK: ACKNOWLEDGED,
        RESPONSE: ANSWERED,
        RESET: REJECTED,
        WAIT_OVER: WAITING,
        PATIENCE_OVER: TIMED_OUT,
    },
    # An acknowledgement may come twice; after one, a reset can only be old or forged.
    ACKNOWLEDGED: {EMPTY_ACK: ACKNOWLEDGED, RESPONSE: ANSWERED, RESET: ACKNOWLEDGED, PATIENCE_OVER: TIMED_OUT},
    ANSWERED: {EMPTY_ACK: ANSWERED, RESPONSE: ANSWERED, RESET: ANSWERED},
    TIMED_OUT: {},
    REJECTED: {},
}

# acknowledge_ms: ACK_TIMEOUT; repeats: MAX_RETRANSMIT (section 4.8); separate_ms: how long a promised answer may take, ours
Timing = namedtuple("Timing", ("acknowledge_ms", "repeats", "separate_ms"))
RFC7252_TIMING = Timing(2000, 4, 30000)


def next_state(state: str, event: str) -> str:
    """Return the row's state. Raises IllegalEvent."""
    row = TRANSITIONS[state]
    if event not in row:
        raise errors.IllegalEvent(state, event)
    return row[event]


class Exchange:
    """The timing of one confirmable request: when to send it again, and when to stop waiting."""

    def __init__(self, now_ms: int, random_byte: int, timing: Timing = RFC7252_TIMING) -> None:
        """random_byte: 0..255 spreads the first wait over ACK_TIMEOUT times 1 to 1.5 (ACK_RANDOM_FACTOR)."""
        self.state = WAITING
        self.due_ms = now_ms  # when `poll` has something to do next
        self._timing = timing
        self._wait_ms = timing.acknowledge_ms + timing.acknowledge_ms * random_byte // 510
        self._sends_left = timing.repeats + 1

    def happened(self, event: str, now_ms: int) -> None:
        """Move on. Raises IllegalEvent."""
        before = self.state
        self.state = next_state(before, event)
        if self.state == ACKNOWLEDGED and before == WAITING:
            self.due_ms = now_ms + self._timing.separate_ms

    def poll(self, now_ms: int) -> bool:
        """Return whether the request is to be sent (again) now."""
        if self.state not in (WAITING, ACKNOWLEDGED) or now_ms < self.due_ms:
            return False
        if self.state == ACKNOWLEDGED or not self._sends_left:
            self.happened(PATIENCE_OVER, now_ms)
            return False
        self.happened(WAIT_OVER, now_ms)
        self._sends_left -= 1
        self.due_ms = now_ms + self._wait_ms
        self._wait_ms *= 2
        return True
