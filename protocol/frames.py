"""Fragments for a radio with small packets, as BLE's GATT has them: an object in pieces, each behind two bytes, with selective repeat.

First byte: which object (0 to 255, one more for each, then from 0). Second: index of the fragment, with the high bit on the last. The first
fragment adds the object's length, two bytes; all but the last are of one size. Fragments go in blocks of 32, as RFC 8724 (SCHC) has them
in ACK-on-Error: at the end of a block, or of the object, the other end says which it holds, and only what is missing is sent again:

    object, 0xFF, first index of the block (0xFF: the object is whole), 32 bits, lowest first: held

A repeated fragment with the same bytes is nothing; whatever does not fit ends the object, because a radio link has one object under way
at a time in each direction, and an object that was begun is finished or the link is cut.
"""

from protocol import errors

MAX_OBJECT_BYTES = 4096
MAX_FRAGMENTS = 127  # of 18 bytes at an MTU of 23: 2,286 bytes, eight times our largest message
BLOCK = 32
LEAST_FRAGMENT_BYTES = 8
SILENCE_MS = 10_000
STATUS_MS = 1000  # so long the end of a block waits for its status, then it is sent again
STATUS_TRIES = 5
MOST_WAITING = 4  # objects; one more is lost, as any datagram may be
_LAST = 0x80
_STATUS = 0xFF
_STATUS_BYTES = 7
_WHOLE = 0xFF


def split(data: bytes, number: int, fragment_bytes: int) -> "list[bytes]":
    """Return the fragments of an object; fragment_bytes: what fits one packet, 8 or more. Raises NotEncodable: it does not fit at all."""
    room = fragment_bytes - 2
    framed = len(data).to_bytes(2, "big") + data
    if fragment_bytes < LEAST_FRAGMENT_BYTES or -(-len(framed) // room) > MAX_FRAGMENTS or not 0 < len(data) <= MAX_OBJECT_BYTES:
        raise errors.NotEncodable(len(data))
    count = -(-len(framed) // room)
    out = []
    for index in range(count):
        last = _LAST if index == count - 1 else 0
        out.append(bytes((number & 255, index | last)) + framed[index * room : (index + 1) * room])
    return out


class Assembly:
    """Puts one object at a time together again, in whatever order its fragments come."""

    def __init__(self, most_bytes: int = MAX_OBJECT_BYTES) -> None:
        """most_bytes: an object that announces more is refused."""
        self.status: bytes | None = None  # to be sent to the other end; whoever takes it sets it to None
        self._most_bytes = most_bytes
        self._done: int | None = None  # the object before this one
        self._clear()

    def feed(self, fragment: bytes, now_ms: int) -> "bytes | None":
        """Return the object once it is whole, else None. Raises BadFragment as one of its kinds; the object is given up."""
        try:
            return self._take(fragment, now_ms)
        except errors.BadFragment:
            self._clear()
            raise

    def _clear(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._number: int | None = None
        self._room = 0  # bytes of a fragment that is not the last
        self._end: int | None = None  # index of the last
        self._total: int | None = None
        self._held = 0
        self._block = 0
        self._highest = -1
        self._heard_ms = 0

    def _take(self, fragment: bytes, now_ms: int) -> "bytes | None":
        if len(fragment) < 3:
            raise errors.BadFragment(3, len(fragment))
        number, index, last = fragment[0], fragment[1] & ~_LAST, fragment[1] & _LAST
        if self._done is not None and (self._done - number) & 255 < 128:  # late, of an object that is whole
            if number == self._done:  # our word that it is so was lost
                self.status = bytes((number, _STATUS, _WHOLE, 255, 255, 255, 255))
            return None
        if self._number is None:
            self._number = number
        elif now_ms - self._heard_ms > SILENCE_MS:
            raise errors.FragmentLate(SILENCE_MS, now_ms - self._heard_ms)
        if number != self._number:
            raise errors.SecondObject(self._number, number)
        self._heard_ms = now_ms
        part = fragment[2:]
        if index in self._parts:
            if self._parts[index] != part:
                raise errors.FragmentOverlap(self._block, index)
            self._say()
            return None
        if index >= MAX_FRAGMENTS or index >= self._block + BLOCK or (self._end is not None and index > self._end):
            raise errors.FragmentGap(self._block, index)
        self._check_sizes(index, last, part)
        self._parts[index] = part
        self._held += len(part)
        if index == 0:
            self._begin(part)
        self._check_total()
        return self._progress(index, last)

    def _begin(self, part: bytes) -> None:
        self._total = int.from_bytes(part[:2], "big")
        if len(part) < 2 or not 0 < self._total <= self._most_bytes:
            raise errors.FragmentTotal(self._most_bytes, self._total)

    def _check_sizes(self, index: int, last: int, part: bytes) -> None:
        """Refuse a fragment whose size or place contradicts the others'."""
        if last:
            self._end = index
            if index < self._highest or (self._room and len(part) > self._room):
                raise errors.FragmentTotal(self._room, len(part))
        else:
            self._room = self._room or len(part)
            if len(part) != self._room or (self._end is not None and len(self._parts.get(self._end, b"")) > self._room):
                raise errors.FragmentTotal(self._room, len(part))

    def _check_total(self) -> None:
        """Refuse more bytes than were announced, or than may be announced at all."""
        total = self._most_bytes if self._total is None else self._total
        reach = (self._end or 0) * self._room + len(self._parts.get(self._end, b"")) if self._end is not None else self._held
        if self._total is not None and self._end is not None and (self._room or not self._end) and reach != total + 2:
            raise errors.FragmentTotal(total, reach - 2)
        if self._held > total + 2:
            raise errors.FragmentTotal(total, self._held - 2)

    def _progress(self, index: int, last: int) -> "bytes | None":
        fills = index < self._highest
        self._highest = max(self._highest, index)
        if self._end is not None and len(self._parts) == self._end + 1:
            whole = b"".join([self._parts[each] for each in range(self._end + 1)])[2:]
            number = self._done = self._number
            self._clear()
            self.status = bytes((number or 0, _STATUS, _WHOLE, 255, 255, 255, 255))
            return whole
        while self._holds(self._block, self._block + BLOCK):
            self._block += BLOCK
        # the other end sends what is missing in rising order: after the last of it, it waits for our word
        if (fills or last or index % BLOCK == BLOCK - 1) and self._holds(index, self._highest + 1):
            self._say()
        return None

    def _holds(self, start: int, end: int) -> bool:
        return all(index in self._parts for index in range(start, end))

    def _say(self) -> None:
        held = 0
        for place in range(BLOCK):
            if self._block + place in self._parts:
                held |= 1 << place
        self.status = bytes((self._number or 0, _STATUS, self._block)) + held.to_bytes(4, "little")


class Stream:
    """One end of a link of small packets: `send` objects, `poll` for packets that are to go, `feed` those that came.

    fragment_bytes: what fits one packet; most_bytes: of an object that comes. failed: the other end says nothing more: cut the link.
    """

    def __init__(self, fragment_bytes: int, most_bytes: int = MAX_OBJECT_BYTES) -> None:
        self.failed = False
        self._fragment_bytes = fragment_bytes
        self._assembly = Assembly(most_bytes)
        self._waiting: list[bytes] = []
        self._number = -1
        self._pieces: list[bytes] = []  # of the object under way
        self._block = 0
        self._round: list[int] = []  # indices still to be sent before we wait for a status
        self._asked = 0  # the index that ended the round
        self._tries = 0
        self._due_ms = 0

    @property
    def idle(self) -> bool:
        """Return whether everything given to `send` has arrived."""
        return not self._pieces and not self._waiting

    def send(self, data: bytes) -> bool:
        """Take an object; return False when it is lost, because too many wait or it is too large for these packets."""
        if len(self._waiting) == MOST_WAITING or not 0 < len(data) <= min(MAX_OBJECT_BYTES, MAX_FRAGMENTS * (self._fragment_bytes - 2) - 2):
            return False
        if data not in self._waiting:  # a repetition that finds the first still waiting
            self._waiting.append(data)
        return True

    def poll(self, now_ms: int) -> "bytes | None":
        """Return a packet that is to be sent now, or None."""
        status = self._assembly.status
        if status is not None:
            self._assembly.status = None
            return status
        if not self._pieces and self._waiting:
            self._number = (self._number + 1) & 255
            self._pieces = split(self._waiting.pop(0), self._number, self._fragment_bytes)
            self._begin_block(0, 0)
        if self._pieces and not self._round and now_ms >= self._due_ms:
            if self._tries == STATUS_TRIES:
                self.failed = True
                return None
            self._round = [self._asked]
        if not self._round:
            return None
        index = self._round.pop(0)
        if not self._round:
            self._asked = index
            self._tries += 1
            self._due_ms = now_ms + STATUS_MS
        return self._pieces[index]

    def feed(self, packet: bytes, now_ms: int) -> "bytes | None":
        """Return an object that came whole, else None. Raises BadFragment: cut the link."""
        if len(packet) == _STATUS_BYTES and packet[1] == _STATUS:
            self._told(packet)
            return None
        return self._assembly.feed(packet, now_ms)

    def _begin_block(self, block: int, held: int) -> None:
        self._block = block
        self._tries = 0
        end = min(block + BLOCK, len(self._pieces))
        self._round = [index for index in range(block, end) if not held >> (index - block) & 1]

    def _told(self, status: bytes) -> None:
        block = status[2]
        if not self._pieces or status[0] != self._number:
            return  # of an object that is over
        if block == _WHOLE:
            self._pieces = []
            self._round = []
        elif block >= self._block and block % BLOCK == 0 and block < len(self._pieces) and not self._round:
            self._begin_block(block, int.from_bytes(status[3:7], "little"))
