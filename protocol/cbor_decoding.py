"""CBOR from outside, RFC 8949: what `cbor.py` writes and nothing else; ask for it as `cbor.decode`.

Every second way to say the same thing is refused, each with its own error, and every length is checked against the bytes that remain
before anything is allocated.
"""

from protocol import errors

MAX_DEPTH = 8  # containers inside containers; our deepest object has 3, and a device's stack is 8 KiB

_SIMPLE = {20: False, 21: True, 22: None}


def decode(data: bytes, max_depth: int = MAX_DEPTH) -> object:
    """Return the value that `data` encodes, arrays as lists.

    Raises NotCBOR, always as one of its subclasses: anything but exactly one deterministic item.
    """
    value, end = _item(data, 0, max_depth)
    if end != len(data):
        raise errors.TrailingBytes(end, len(data) - end)
    return value


def decode_sequence(data: bytes, max_items: int) -> tuple[list[object], list[int]]:
    """Return the items of a CBOR sequence (RFC 8742) and the offset behind each. Raises NotCBOR; TrailingBytes: more than `max_items`."""
    items: list[object] = []
    ends: list[int] = []
    at = 0
    while at < len(data):
        if len(items) == max_items:
            raise errors.TrailingBytes(at, len(data) - at)
        item, at = _item(data, at, MAX_DEPTH)
        items.append(item)
        ends.append(at)
    return items, ends


def _item(data: bytes, at: int, depth: int) -> tuple[object, int]:
    """Return the item that starts at `at` and the offset behind it; `depth` containers may still open."""
    start = at
    major, argument, at = _read_head(data, at)
    if major == 0:
        return argument, at
    if major == 1:
        return -1 - argument, at
    if major == 7:
        if argument not in _SIMPLE:
            raise errors.BadSimple(start, argument)
        return _SIMPLE[argument], at
    if major == 6:
        raise errors.UnexpectedTag(start, argument)
    # Each item takes one byte at least, each pair two: a count above that is a lie, found before anything is allocated.
    if argument * (2 if major == 5 else 1) > len(data) - at:
        raise errors.CutShort(start, argument)
    if major == 2:
        return bytes(data[at : at + argument]), at + argument
    if major == 3:
        return _text(data[at : at + argument], start), at + argument
    if depth == 0:
        raise errors.TooDeep(start, major)
    if major == 4:
        items: list[object] = []
        for _ in range(argument):
            item, at = _item(data, at, depth - 1)
            items.append(item)
        return items, at
    return _map(data, at, argument, depth - 1)


def _map(data: bytes, at: int, pairs: int, depth: int) -> tuple[dict[object, object], int]:
    values: dict[object, object] = {}
    before = b""
    for _ in range(pairs):
        start = at
        label, at = _item(data, at, depth)
        if isinstance(label, bool) or not isinstance(label, (int, bytes, str)):
            raise errors.BadLabel(start, label)
        encoded = bytes(data[start:at])
        if encoded == before:
            raise errors.DuplicateLabel(start, label)
        if encoded < before:
            raise errors.Unsorted(start, label)
        before = encoded
        values[label], at = _item(data, at, depth)
    return values, at


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Return major type, argument and the offset behind the head."""
    if at >= len(data):
        raise errors.CutShort(at, 0)
    start = at
    major, information = data[at] >> 5, data[at] & 31
    at += 1
    if information < 24:
        return major, information, at
    if information == 31:
        if major == 7:
            raise errors.StrayBreak(start, data[start])
        if major in (2, 3, 4, 5):
            raise errors.Indefinite(start, data[start])
    if information > 27:
        raise errors.ReservedInformation(start, data[start])
    length = 1 << (information - 24)
    if len(data) - at < length:
        raise errors.CutShort(start, length)
    argument = int.from_bytes(data[at : at + length], "big")
    if major == 7:
        if information > 24:
            raise errors.FloatRefused(start, length)
        raise errors.BadSimple(start, argument)  # the three we know stand in one byte
    if argument < (24 if length == 1 else 1 << (4 * length)):
        raise errors.NonMinimal(start, argument)
    return major, argument, at + length


def _text(raw: bytes, at: int) -> str:
    """Return strict UTF-8 as text.

    MicroPython lets overlong forms and surrogates pass, so each character's shortest length is added up.
    """
    try:
        text = str(raw, "utf-8")
    except UnicodeError:
        raise errors.BadText(at, len(raw)) from None
    length = 0
    for character in text:
        code = ord(character)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise errors.BadText(at, len(raw))
        length += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    if length != len(raw):
        raise errors.BadText(at, len(raw))
    return text
