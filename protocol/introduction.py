"""EDHOC carried by CoAP, RFC 9528 appendix A.2: the device's two plain requests, which end in keys for OSCORE.

The same shape as `link.Link`, so that a radio runs both in the same loop: `poll` gives datagrams, `feed` takes them. Between the two
requests stands arithmetic that takes long; it is the caller's to run in steps, because only the caller knows who else needs the
processor:

    introduction.ask(edhoc_message_1 = yield from initiator.begin_steps(), now_ms)
    ... poll and feed until introduction.over; introduction.answer is message 2 or None
    introduction.tell(message_3, connection_id, now_ms)

Anybody can answer an unprotected request, so an answer is only a candidate: message 2 proves itself by its MAC, and the end of it all is
believed when the first protected answer opens.
"""

from protocol import cbor, coap, edhoc, errors, exchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PATH = (b".well-known", b"edhoc")
FORMAT_EDHOC, FORMAT_CID_EDHOC = 64, 65  # RFC 9528 section 10.9
_TRUE = b"\xf5"  # stands before message 1 (appendix A.2.1)


class Introduction:
    """At most one unprotected request in flight."""

    def __init__(
        self,
        random: "Callable[[int], bytes]",
        timing: exchange.Timing = exchange.RFC7252_TIMING,
        path: "tuple[bytes, ...]" = PATH,
        content_format: int = FORMAT_CID_EDHOC,
    ) -> None:
        """path, content_format: another question in clear than EDHOC's goes the same way (`pairing.py`)."""
        self.answer: bytes | None = None
        self.refused = False  # the other end answered with an error
        self.ignored = 0
        self._random = random
        self._options = tuple([(coap.URI_PATH, part) for part in path]) + ((coap.CONTENT_FORMAT, coap.uint(content_format)),)
        self._timing = timing
        self._exchange: exchange.Exchange | None = None
        self._replies: list[bytes] = []
        self._message_id = int.from_bytes(random(2), "big")

    @property
    def over(self) -> bool:
        """Return whether nothing is in flight."""
        return self._exchange is None or self._exchange.state not in (exchange.WAITING, exchange.ACKNOWLEDGED)

    @property
    def due_ms(self) -> int | None:
        """Return when `poll` must be called next, or None."""
        return None if self.over or not self._exchange else self._exchange.due_ms

    def ask(self, message_1: bytes, now_ms: int) -> None:
        """Send message 1; the answer will be message 2."""
        self.begin(_TRUE + message_1, now_ms)

    def tell(self, message_3: bytes, connection_id: bytes, now_ms: int) -> None:
        """Send message 3. connection_id: the other end's, as it came in message 2. The answer holds nothing we need."""
        self.begin(edhoc.encode_identifier(connection_id) + message_3, now_ms)

    def poll(self, now_ms: int) -> bytes | None:
        """Return a datagram that is to be sent now, or None; call again until None."""
        if self._replies:
            return self._replies.pop(0)
        if self._exchange and self._exchange.poll(now_ms):
            return self._datagram
        return None

    def feed(self, datagram: bytes, now_ms: int) -> None:
        """Take a datagram from anybody; never raises."""
        try:
            message = coap.decode(datagram)
            coap.refuse_critical(message.options)
        except errors.NotCoAP:
            self.ignored += 1
            return
        if self.over or not self._exchange or (message.type in (coap.ACK, coap.RST) and message.message_id != self._message_id):
            self.ignored += 1
        elif message.type == coap.RST:
            self._exchange.happened(exchange.RESET, now_ms)
        elif message.code == coap.EMPTY:
            if message.type == coap.ACK:
                self._exchange.happened(exchange.EMPTY_ACK, now_ms)
        elif message.token != self._token or message.code >> 5 not in (2, 4, 5):
            self.ignored += 1
        else:
            if message.type == coap.CON:
                self._replies.append(coap.encode(coap.Message(coap.ACK, coap.EMPTY, message.message_id, b"", (), b"")))
            self.refused = message.code >> 5 != 2
            self.answer = None if self.refused else message.payload
            self._exchange.happened(exchange.RESPONSE, now_ms)

    def begin(self, payload: bytes, now_ms: int) -> None:
        """Send any payload; what was in flight is forgotten."""
        self.answer = None
        self.refused = False
        self._token = self._random(4)  # nothing else ties this answer to its request, against those who do not hear it
        self._message_id = (self._message_id + 1) & 0xFFFF
        self._datagram = coap.encode(coap.Message(coap.CON, coap.POST, self._message_id, self._token, self._options, payload))
        self._exchange = exchange.Exchange(now_ms, self._random(1)[0], self._timing)


def split(payload: bytes) -> tuple[bytes | None, bytes]:
    """Return what the other end gets: (None, message 1) or (its connection id, message 3). Raises NotCBOR, NotEDHOC."""
    if payload[:1] == _TRUE:
        return None, payload[1:]
    items, ends = cbor.decode_sequence(payload, 2)
    if len(items) != 2:
        raise errors.NotEDHOC(len(items))
    return edhoc.decode_identifier(items[0]), payload[ends[0] :]
