"""CBOR, RFC 8949: the core deterministic encoding of section 4.2.1 and nothing else, small enough for a device.

One meaning, one encoding. This is the half that writes; the half that reads is in `cbor_decoding.py` and comes in when `cbor.decode` is
first asked for, because a device that signs and sends a reading does without it. Left out on purpose: floats, tags, indefinite lengths,
undefined and other simple values. Labels are integers, bytes or text, because `true` and 1 are one key to Python.
"""

from protocol import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocol.cbor_decoding import decode as decode
    from protocol.cbor_decoding import decode_sequence as decode_sequence

_LARGEST = (1 << 64) - 1


def __getattr__(name: str) -> object:
    """Return a function of the half that reads."""
    from protocol import cbor_decoding  # here to spare memory: see the file's head

    found = globals()[name] = getattr(cbor_decoding, name)
    return found


def encode(value: object) -> bytes:
    """Return the deterministic encoding of dict, list, tuple, bytes, str, int (-2^64..2^64-1), bool or None.

    Raises NotEncodable: another type, an integer out of range, or a label that is no int, bytes or str.
    """
    out = bytearray()
    _append(out, value)
    return bytes(out)


def _head(major: int, argument: int) -> bytes:
    major <<= 5
    if argument < 24:
        return bytes((major | argument,))
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x10000:
        return bytes((major | 25,)) + argument.to_bytes(2, "big")
    if argument <= 0xFFFFFFFF:
        return bytes((major | 26,)) + argument.to_bytes(4, "big")
    return bytes((major | 27,)) + argument.to_bytes(8, "big")


def _append(out: bytearray, value: object) -> None:
    kind = type(value)  # of bool too, which CPython's isinstance takes for an int
    if kind is int:
        _append_integer(out, value)  # type: ignore[arg-type]
    elif isinstance(value, dict):
        out.extend(_head(5, len(value)))
        for label, item in sorted([(_label(label), item) for label, item in value.items()], key=_first):
            out.extend(label)
            _append(out, item)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        out.extend(_head(2, len(value)))
        out.extend(value)
    elif isinstance(value, (list, tuple)):
        out.extend(_head(4, len(value)))
        for item in value:
            _append(out, item)
    elif isinstance(value, str):
        raw = value.encode()
        out.extend(_head(3, len(raw)))
        out.extend(raw)
    elif value is None:
        out.append(0xF6)
    elif kind is bool:
        out.append(0xF5 if value else 0xF4)
    else:
        raise errors.NotEncodable(value)


def _append_integer(out: bytearray, value: int) -> None:
    if 0 <= value < 24:
        out.append(value)
    elif not -_LARGEST - 1 <= value <= _LARGEST:
        raise errors.NotEncodable(value)
    else:
        out.extend(_head(0, value) if value >= 0 else _head(1, -1 - value))


def _first(pair: tuple[bytes, object]) -> bytes:
    return pair[0]


def _label(label: object) -> bytes:
    if type(label) is int and 0 <= label < 24:
        return bytes((label,))  # all of a reading's
    if type(label) not in (int, bytes, str):
        raise errors.NotEncodable(label)
    return encode(label)
