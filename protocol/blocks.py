"""A download in blocks, RFC 7959 (Block2), block by block inside the protected link: `get` on a `Link` for each, and here what comes of it.

    while not download.over:
        link.get(path, download.options(), now_ms) and wait, as `link.py` says
        piece = download.feed(link.answer)      # to be written down at once; the device never holds more than one

Bounded: more than was announced as the most is refused before it is asked for. Whole: every piece belongs to one representation, told by
its ETag; when the home has another by now, the download is over, and what was written is worth nothing. To be continued: `at_byte` and the
ETag are all that outlives a power cut. Left out: Block1 (a device uploads nothing large), Size2 as a question, and blocks out of order,
because each is asked for when the one before is there.
"""

from protocol import coap, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocol.oscore import Options
    from protocol.oscore_opening import Opened

ASKING = "ASKING"  # the block at `at_byte` is due
WHOLE = "WHOLE"  # all is there
CHANGED = "CHANGED"  # the home has another representation: begin anew
REFUSED = "REFUSED"  # the home has none, or gives none

BLOCK = "BLOCK"
LAST_BLOCK = "LAST_BLOCK"
OTHER_ETAG = "OTHER_ETAG"
REFUSAL = "REFUSAL"

TRANSITIONS = {
    ASKING: {BLOCK: ASKING, LAST_BLOCK: WHOLE, OTHER_ETAG: CHANGED, REFUSAL: REFUSED},
    WHOLE: {},
    CHANGED: {},
    REFUSED: {},
}

LARGEST_EXPONENT = 6  # of 2^4..2^10 bytes; 7 is reserved (section 2.2)
MAX_ETAG_BYTES = 8  # RFC 7252 section 5.10
_BLOCKS = 1 << 20


class Download:
    """One representation, from `at_byte` on; most_bytes: what it may be at the most; exponent: blocks of 2^(4+exponent) bytes."""

    def __init__(self, most_bytes: int, exponent: int = 4, at_byte: int = 0, etag: "bytes | None" = None) -> None:
        """Raises NotEncodable: a size that RFC 7959 does not have, or a place between two blocks."""
        if not 0 <= exponent <= LARGEST_EXPONENT or at_byte % (16 << exponent) or at_byte > most_bytes or (at_byte and not etag):
            raise errors.NotEncodable(at_byte)
        self.state = ASKING
        self.at_byte = at_byte
        self.etag = etag
        self._most = most_bytes
        self._exponent = exponent

    @property
    def over(self) -> bool:
        """Return whether nothing more is to be asked for."""
        return self.state != ASKING

    def options(self) -> "Options":
        """Return the options of the next request, beside its path."""
        return ((coap.BLOCK2, coap.uint(self._number() << 4 | self._exponent)),)

    def feed(self, answer: "Opened") -> bytes:
        """Return the piece that stands at what `at_byte` was; b"" with an end that is none of ours: see `state`.

        Raises BadBlock: another block than was asked for, of another size than it says, or beyond the most. Nothing has changed then.
        """
        if answer.code >> 5 != 2:
            return self._end(REFUSAL)
        number, more, exponent = _block(answer.options)
        etag = coap.option(answer.options, coap.ETAG)
        if answer.code != coap.CONTENT or (etag is not None and not 0 < len(etag) <= MAX_ETAG_BYTES):
            raise errors.BadBlock(coap.CONTENT, answer.code)
        if exponent > self._exponent or number << 4 << exponent != self.at_byte:
            raise errors.BadBlock(self._number(), number)
        if self.etag is not None and etag != self.etag:
            return self._end(OTHER_ETAG)
        whole = coap.option(answer.options, coap.BLOCK2) is None
        size = self._most if whole else 16 << exponent
        if len(answer.payload) > size or (more and len(answer.payload) != size) or (more and etag is None):
            raise errors.BadBlock(size, len(answer.payload))
        if self.at_byte + len(answer.payload) > self._most or (more and self.at_byte + size >= self._most):  # one more byte at least
            raise errors.BadBlock(self._most, self.at_byte + len(answer.payload))
        if not whole:
            self._exponent = exponent  # the home may want smaller ones (section 2.4)
        self.etag = etag
        self.at_byte += len(answer.payload)
        self._happened(BLOCK if more else LAST_BLOCK)
        return bytes(answer.payload)

    def _number(self) -> int:
        number = self.at_byte >> 4 >> self._exponent
        if number >= _BLOCKS:
            raise errors.BadBlock(_BLOCKS, number)
        return number

    def _end(self, event: str) -> bytes:
        self._happened(event)
        return b""

    def _happened(self, event: str) -> None:
        row = TRANSITIONS[self.state]
        if event not in row:
            raise errors.IllegalEvent(self.state, event)
        self.state = row[event]


def _block(options: "Options") -> "tuple[int, bool, int]":
    """Return number, more and exponent of the Block2 option; without one the answer is whole. Raises BadBlock."""
    value = coap.option(options, coap.BLOCK2)
    if value is None:
        return 0, False, 0  # its size is then only bounded by the most
    if len(value) > 3 or value[:1] == b"\x00":
        raise errors.BadBlock(3, len(value))
    block = int.from_bytes(value, "big")
    if block & 7 > LARGEST_EXPONENT:
        raise errors.BadBlock(LARGEST_EXPONENT, block & 7)
    return block >> 4, bool(block & 8), block & 7
