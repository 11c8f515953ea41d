"""A device's end of the protected link: one request at a time, sealed, repeated until an authentic answer comes.

It joins `coap` and `oscore` and does no input or output. A sending loop is six lines:

    link.post(b"r", coap.FORMAT_COSE_SIGN1, signed, now_ms)
    while not link.over:
        while datagram := link.poll(now_ms): send(datagram)
        received = wait until link.due_ms or a datagram comes
        if received: link.feed(received, now_ms)
    link.answer is the Opened answer, or None when link.state is TIMED_OUT or REJECTED

Only an answer that opens under the context and is bound to the request in flight counts. Everything else, an unprotected error too,
changes nothing but a counter, because anybody can send it. A gateway that lost its replay window answers 4.01 with Echo (RFC 8613
appendix B.1.2, RFC 9175); then the request is sealed again, with a new sequence number, and sent with that Echo.

One resource can be observed (RFC 7641): `fetch` asks for it, and whenever a later answer to that request comes, it stands in `news`, if
its OSCORE number is above the last (RFC 8613 section 7.4.1). Only the newest counts: a state, not a queue.
"""

from protocol import coap, errors, exchange, oscore, oscore_opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol.oscore import Cipher, Options

MAX_ECHO_BYTES = 40  # RFC 9175 section 2.2.1
MOST_FORGED = 1 << 20  # a tag has 64 bits: after so many that did not fit, one that does may be a forger's luck (threats T21)
_MAX_ECHOES = 2  # a gateway may restart once more between the two


class Link:
    """One security context and at most one request in flight."""

    def __init__(
        self,
        context: oscore.Context,
        take_sequence: "Callable[[], int]",
        seal: "Cipher",
        open_: "Cipher",
        random: "Callable[[int], bytes]",
        timing: exchange.Timing = exchange.RFC7252_TIMING,
    ) -> None:
        """take_sequence: returns a sender sequence number never given before, across restarts too; random: n random bytes."""
        self.answer: oscore_opening.Opened | None = None
        self.ignored = 0  # datagrams that were no CoAP, or nobody's answer
        self.forged = 0  # answers that did not open (threats T21 wants them counted)
        self.disowned = False  # somebody answered this request in clear that they do not know us: our home without our keys, or anybody
        self._context = context
        self._take_sequence = take_sequence
        self._seal = seal
        self._open = open_
        self._random = random
        self._timing = timing
        self._message_id = int.from_bytes(random(2), "big")
        self._exchange: exchange.Exchange | None = None
        self._replies: list[bytes] = []
        self._answered_id: int | None = None  # message id of the separate response that was taken
        self.news: bytes | None = None  # the newest state of what is observed; whoever reads it sets it to None
        self._observed: tuple[bytes, oscore.Binding] | None = None  # token and request of the observation
        self._newest = -1  # number of the newest notification
        self._told_id: int | None = None  # message id of the newest notification

    @property
    def state(self) -> str:
        """Return the exchange's state, one of coap's; ANSWERED before the first request."""
        return self._exchange.state if self._exchange else exchange.ANSWERED

    @property
    def over(self) -> bool:
        """Return whether nothing is in flight."""
        return self.state not in (exchange.WAITING, exchange.ACKNOWLEDGED)

    @property
    def worn(self) -> bool:
        """Return whether so many forged answers came that these keys are to be given up."""
        return self.forged >= MOST_FORGED

    @property
    def due_ms(self) -> int | None:
        """Return when `poll` must be called next, or None when only a datagram can change anything."""
        return None if self.over or not self._exchange else self._exchange.due_ms

    def post(self, path: bytes, content_format: int, payload: bytes, now_ms: int) -> None:
        """Begin a confirmable POST; one that was in flight is forgotten, and its late answer will be ignored."""
        self._ask(coap.POST, ((coap.URI_PATH, path), (coap.CONTENT_FORMAT, coap.uint(content_format))), payload, now_ms)

    def fetch(self, path: bytes, content_format: int, payload: bytes, now_ms: int) -> None:
        """Begin a confirmable FETCH (RFC 8132) that also observes from now on; again for the same, the observation is renewed."""
        options = ((coap.OBSERVE, b""), (coap.URI_PATH, path), (coap.CONTENT_FORMAT, coap.uint(content_format)))
        self._ask(coap.FETCH, options, payload, now_ms)

    def get(self, path: bytes, options: "Options", now_ms: int) -> None:
        """Begin a confirmable GET with options behind the path, as a download's in `blocks.py`."""
        self._ask(coap.GET, ((coap.URI_PATH, path),) + options, b"", now_ms)

    def say(self, path: bytes, content_format: int, payload: bytes) -> bytes:
        """Return the datagram of a non-confirmable POST; nothing is kept of it, and an answer to it is ignored."""
        options = ((coap.URI_PATH, path), (coap.CONTENT_FORMAT, coap.uint(content_format)))
        return self._protect(coap.POST, coap.NON, self._next_id(), self._random(2), options, payload)[0]

    def poll(self, now_ms: int) -> bytes | None:
        """Return a datagram that is to be sent now, or None; call again until None."""
        if self._replies:
            return self._replies.pop(0)
        if self._exchange and self._exchange.poll(now_ms):
            return self._datagram
        return None

    def feed(self, datagram: bytes, now_ms: int) -> None:
        """Take a datagram from anybody; never raises, whatever it holds."""
        try:
            message = coap.decode(datagram)
        except errors.NotCoAP:
            self.ignored += 1
            return
        if message.type in (coap.ACK, coap.RST) and message.message_id != self._sent_id():
            self.ignored += 1  # of an older exchange
        elif message.type == coap.RST:
            self._happened(exchange.RESET, now_ms)
        elif message.type == coap.ACK and message.code == coap.EMPTY:
            self._happened(exchange.EMPTY_ACK, now_ms)
        elif message.code >> 5 in (2, 4, 5) and not self.over and message.token == self._token:
            self._response(message, now_ms)
        elif message.code >> 5 in (2, 4, 5) and self._observed and message.token == self._observed[0]:
            self._notified(message)
        else:
            self._stray(message)

    def _response(self, message: coap.Message, now_ms: int) -> None:
        try:
            opened = oscore_opening.unprotect_response(self._context, self._binding, message.options, message.payload, self._open)
            coap.refuse_critical(opened.options, () if coap.option(self._options, coap.BLOCK2) is None else (coap.BLOCK2,))
        except (errors.NotOSCORE, errors.NotCoAP):
            if self._observed and message.token == self._observed[0] and message.type != coap.ACK:
                self._notified(message)  # a notification that crossed the request by which its observation is renewed
                return
            self.forged += 1
            if message.code == coap.UNAUTHORIZED and coap.option(message.options, coap.OSCORE) is None:
                self.disowned = True
            return
        if message.type == coap.CON:
            self._reply(coap.ACK, message.message_id)
            self._answered_id = message.message_id
        echo = coap.option(opened.options, coap.ECHO)
        if opened.code == coap.UNAUTHORIZED and echo and len(echo) <= MAX_ECHO_BYTES and self._echoes_left:
            self._echoes_left -= 1
            self._begin(self._options + ((coap.ECHO, echo),), now_ms)
            return
        self.answer = opened
        if coap.option(self._options, coap.OBSERVE) is not None:
            goes_on = opened.code == coap.CONTENT and coap.option(opened.options, coap.OBSERVE) is not None
            self._observed = (self._token, self._binding) if goes_on else None
            self._newest = oscore_opening.number(message.options)
        self._happened(exchange.RESPONSE, now_ms)

    def _notified(self, message: coap.Message) -> None:
        """Take a later answer to the request that observes; acknowledge it, and the same once more, but nothing that does not open."""
        if message.type == coap.CON and message.message_id in (self._told_id, self._answered_id):
            self._reply(coap.ACK, message.message_id)
            return
        assert self._observed is not None  # noqa: S101  # the caller compared its token
        try:
            opened = oscore_opening.unprotect_response(self._context, self._observed[1], message.options, message.payload, self._open)
            coap.refuse_critical(opened.options)
        except (errors.NotOSCORE, errors.NotCoAP):
            self.forged += 1
            self._stray(message)  # of an observation before this one: a reset ends its repetition
            return
        if message.type == coap.CON:
            self._told_id = message.message_id
            self._reply(coap.ACK, message.message_id)
        number = oscore_opening.number(message.options)
        if number <= self._newest:
            self.ignored += 1  # overtaken by a newer one, or played back
            return
        self._newest = number
        if opened.code == coap.CONTENT:
            self.news = opened.payload
        else:
            self._observed = None  # it is over: an error ends it (RFC 7641 section 4.2)

    @property
    def observes(self) -> bool:
        """Return whether notifications may come."""
        return self._observed is not None

    def _stray(self, message: coap.Message) -> None:
        """Acknowledge the answer we have again, reset what else wants to be confirmed (RFC 7252 section 4.2), drop the rest."""
        self.ignored += 1
        if message.type == coap.CON:
            self._reply(coap.ACK if message.message_id == self._answered_id else coap.RST, message.message_id)

    def _ask(self, code: int, options: "Options", payload: bytes, now_ms: int) -> None:
        self._code = code
        self._options = options
        self._payload = payload
        self._echoes_left = _MAX_ECHOES
        self._begin(options, now_ms)

    def _begin(self, options: "Options", now_ms: int) -> None:
        self.answer = None
        self.disowned = False
        renews = self._observed if self._code == coap.FETCH else None
        # OSCORE binds answers to requests; the token only sorts them. The same one renews an observation (RFC 7641 section 3.3.1).
        self._token = renews[0] if renews else self._random(2)
        message_id = self._next_id()
        self._datagram, self._binding = self._protect(self._code, coap.CON, message_id, self._token, options, self._payload)
        self._exchange = exchange.Exchange(now_ms, self._random(1)[0], self._timing)

    def _protect(
        self, code: int, message_type: int, message_id: int, token: bytes, options: "Options", payload: bytes
    ) -> tuple[bytes, oscore.Binding]:
        outer_code, outer, sealed, binding = oscore.protect_request(
            self._context, code, options, payload, self._take_sequence(), self._seal
        )
        return coap.encode(coap.Message(message_type, outer_code, message_id, token, outer, sealed)), binding

    def _happened(self, event: str, now_ms: int) -> None:
        if self.over or not self._exchange:
            self.ignored += 1
        else:
            self._exchange.happened(event, now_ms)

    def _reply(self, message_type: int, message_id: int) -> None:
        if len(self._replies) < 4:  # a flood of strays must not fill the heap
            self._replies.append(coap.encode(coap.Message(message_type, coap.EMPTY, message_id, b"", (), b"")))

    def _next_id(self) -> int:
        self._message_id = (self._message_id + 1) & 0xFFFF
        return self._message_id

    def _sent_id(self) -> int | None:
        return int.from_bytes(self._datagram[2:4], "big") if self._exchange else None


def backoff_ms(failures: int, random_byte: int, first_ms: int = 1000, longest_ms: int = 60000) -> int:
    """Return how long to wait after `failures` (1 or more) requests in a row without a receipt: doubling, the upper half random.

    random_byte: 0..255, so that devices that lost the same gateway do not come back all at once.
    """
    full_ms = min(longest_ms, first_ms << min(failures - 1, 16))
    return full_ms // 2 + full_ms * random_byte // 510
