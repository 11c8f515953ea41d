"""CoAP over datagrams, RFC 7252: messages to bytes and back; the timing of a confirmable exchange is `protocol/exchange.py`'s.

Left out: requests to us (a device serves nothing here), proxies. `decode` is strict because a datagram comes from anybody.
"""

from collections import namedtuple

from protocol import errors

CON, NON, ACK, RST = 0, 1, 2, 3  # section 3, Type
EMPTY, GET, POST, FETCH = 0x00, 0x01, 0x02, 0x05  # 0.00, 0.01, 0.02, 0.05
CHANGED, CONTENT = 0x44, 0x45  # 2.04, 2.05
BAD_REQUEST, UNAUTHORIZED, CONFLICT = 0x80, 0x81, 0x89  # 4.00, 4.01, 4.09
TOO_LARGE, UNAVAILABLE = 0x8D, 0xA3  # 4.13, 5.03

URI_HOST, ETAG, OBSERVE, URI_PORT, OSCORE, URI_PATH, CONTENT_FORMAT = 3, 4, 6, 7, 9, 11, 12
BLOCK2 = 23
PROXY_URI, PROXY_SCHEME = 35, 39
ECHO = 252  # RFC 9175 section 2.2.1

FORMAT_COSE_SIGN1 = 18
FORMAT_CBOR = 60

MAX_DATAGRAM_BYTES = 4096  # issue 2: larger is refused; ours stay below 300
MAX_OPTIONS = 32  # a hundred empty options cost a byte each; no message of ours has more than 5

# options: (number, value) pairs in ascending order of their numbers
Message = namedtuple("Message", ("type", "code", "message_id", "token", "options", "payload"))


def encode(message: Message) -> bytes:
    """Return the datagram. Raises NotEncodable: a token over 8 bytes, options out of order."""
    token = message.token
    if len(token) > 8:
        raise errors.NotEncodable(token)
    head = bytes((0x40 | message.type << 4 | len(token), message.code, message.message_id >> 8, message.message_id & 255))
    return head + bytes(token) + encode_options(message.options, message.payload)


def decode(datagram: bytes) -> Message:
    """Return the message. Raises NotCoAP, always as one of its subclasses."""
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise errors.MessageTooLarge(MAX_DATAGRAM_BYTES, len(datagram))
    if len(datagram) < 4:
        raise errors.MessageCutShort(0, len(datagram))
    if datagram[0] >> 6 != 1:
        raise errors.WrongVersion(0, datagram[0] >> 6)
    token_bytes = datagram[0] & 15
    if token_bytes > 8:
        raise errors.TokenTooLong(0, token_bytes)
    if len(datagram) < 4 + token_bytes:
        raise errors.MessageCutShort(4, token_bytes)
    if datagram[1] == EMPTY and len(datagram) > 4:
        raise errors.EmptyNotEmpty(4, len(datagram) - 4)
    options, payload = decode_options(datagram, 4 + token_bytes)
    return Message(
        datagram[0] >> 4 & 3,
        datagram[1],
        int.from_bytes(datagram[2:4], "big"),
        bytes(datagram[4 : 4 + token_bytes]),
        options,
        payload,
    )


def encode_options(options: "tuple[tuple[int, bytes], ...]", payload: bytes) -> bytes:
    """Return options, marker and payload; OSCORE's plaintext ends in the same way (RFC 8613 section 5.3)."""
    out = bytearray()
    before = 0
    for number, value in options:
        if number < before:  # sorting here would have to be stable, and MicroPython's is not
            raise errors.NotEncodable(number)
        delta, delta_more = _nibble(number - before)
        length, length_more = _nibble(len(value))
        out.append(delta << 4 | length)
        out.extend(delta_more)
        out.extend(length_more)
        out.extend(value)
        before = number
    if payload:
        out.append(0xFF)
        out.extend(payload)
    return bytes(out)


def decode_options(data: bytes, at: int) -> "tuple[tuple[tuple[int, bytes], ...], bytes]":
    """Return options and payload from offset `at` to the end. Raises NotCoAP."""
    options: list[tuple[int, bytes]] = []
    number = 0
    while at < len(data):
        start = at
        first = data[at]
        if first == 0xFF:
            if at + 1 == len(data):
                raise errors.MarkerWithoutPayload(at, 0)
            return tuple(options), bytes(data[at + 1 :])
        delta, at = _unnibble(data, start, at + 1, first >> 4)
        length, at = _unnibble(data, start, at, first & 15)
        number += delta
        if number > 0xFFFF:
            raise errors.OptionNumberTooLarge(start, number)
        if len(data) - at < length:
            raise errors.MessageCutShort(start, length)
        if len(options) == MAX_OPTIONS:
            raise errors.TooManyOptions(start, MAX_OPTIONS)
        options.append((number, bytes(data[at : at + length])))
        at += length
    return tuple(options), b""


def option(options: "tuple[tuple[int, bytes], ...]", wanted: int) -> bytes | None:
    """Return the value of the first option of this number, or None."""
    for number, value in options:
        if number == wanted:
            return value
    return None


def refuse_critical(options: "tuple[tuple[int, bytes], ...]", known: tuple[int, ...] = ()) -> None:
    """Raise UnknownCriticalOption for an odd number outside `known` (section 5.4.1)."""
    for number, _ in options:
        if number & 1 and number not in known:
            raise errors.UnknownCriticalOption(0, number)


def uint(value: int) -> bytes:
    """Return an option's unsigned integer: no leading zero bytes, 0 is empty (section 3.2)."""
    out = b""
    while value:
        out = bytes((value & 255,)) + out
        value >>= 8
    return out


def _nibble(value: int) -> tuple[int, bytes]:
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes((value - 13,))
    if value > 0xFFFF + 269:
        raise errors.NotEncodable(value)
    return 14, (value - 269).to_bytes(2, "big")


def _unnibble(data: bytes, start: int, at: int, nibble: int) -> tuple[int, int]:
    """Return an extended delta or length, and the offset behind it (section 3.1)."""
    if nibble < 13:
        return nibble, at
    if nibble == 15:
        raise errors.OptionReserved(start, data[start])
    more = nibble - 12
    if len(data) - at < more:
        raise errors.MessageCutShort(start, more)
    return int.from_bytes(data[at : at + more], "big") + (13 if more == 1 else 269), at + more
