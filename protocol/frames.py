"""Fragments for a radio with small packets, as BLE's GATT has them: an object in pieces, each behind two bytes.

First byte: which object (0 to 255, one more for each, then from 0). Second: index of the fragment, with the high bit on the last. The first
fragment adds the object's length, two bytes. What is missing is sent again by its index, so a repeated fragment with the same bytes is
nothing; everything else that does not fit ends the object, because a radio link has one object under way at a time.
"""

from protocol import errors

MAX_OBJECT_BYTES = 4096
MAX_FRAGMENTS = 128
SILENCE_MS = 10_000
_LAST = 0x80


def split(data: bytes, number: int, fragment_bytes: int) -> "list[bytes]":
    """Return the fragments of an object; fragment_bytes: what fits one packet, 8 or more. Raises NotEncodable: it does not fit at all."""
    room = fragment_bytes - 2
    framed = len(data).to_bytes(2, "big") + data
    count = -(-len(framed) // room)
    if room < 6 or count > MAX_FRAGMENTS or not 0 < len(data) <= MAX_OBJECT_BYTES:
        raise errors.NotEncodable(len(data))
    out = []
    for index in range(count):
        last = _LAST if index == count - 1 else 0
        out.append(bytes((number & 255, index | last)) + framed[index * room : (index + 1) * room])
    return out


class Assembly:
    """Puts one object at a time together again."""

    def __init__(self) -> None:
        self._clear()

    def feed(self, fragment: bytes, now_ms: int) -> "bytes | None":
        """Return the object once it is whole, else None. Raises BadFragment as one of its kinds; the object is given up."""
        try:
            return self._take(fragment, now_ms)
        except errors.BadFragment:
            self._clear()
            raise

    def missing(self) -> "int | None":
        """Return the index of the fragment that is due, or None when no object is under way."""
        return len(self._parts) if self._parts else None

    def _clear(self) -> None:
        self._parts: list[bytes] = []
        self._number = 0
        self._total = 0
        self._held = 0
        self._heard_ms = 0

    def _take(self, fragment: bytes, now_ms: int) -> "bytes | None":
        if len(fragment) < 3:
            raise errors.BadFragment(3, len(fragment))
        index, last = fragment[1] & ~_LAST, fragment[1] & _LAST
        due = len(self._parts)
        if due and now_ms - self._heard_ms > SILENCE_MS:
            raise errors.FragmentLate(SILENCE_MS, now_ms - self._heard_ms)
        if due and fragment[0] != self._number:
            raise errors.SecondObject(self._number, fragment[0])
        self._heard_ms = now_ms
        if index < due:
            if self._parts[index] == fragment[2:]:
                return None
            raise errors.FragmentOverlap(due, index)
        if index > due:
            raise errors.FragmentGap(due, index)
        if not due:
            self._begin(fragment)
        self._parts.append(fragment[2:])
        self._held += len(fragment) - 2
        if self._held > self._total + 2 or (last and self._held != self._total + 2):
            raise errors.FragmentTotal(self._total, self._held - 2)
        if not last:
            return None
        whole = b"".join(self._parts)[2:]
        self._clear()
        return whole

    def _begin(self, fragment: bytes) -> None:
        self._number = fragment[0]
        self._total = int.from_bytes(fragment[2:4], "big")
        if len(fragment) < 4 or not 0 < self._total <= MAX_OBJECT_BYTES:
            raise errors.FragmentTotal(MAX_OBJECT_BYTES, self._total)
