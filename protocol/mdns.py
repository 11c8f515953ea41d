"""RFC 6762 (multicast DNS) and RFC 1035, as much as a device needs to find its home again: one question, and where its answers lead.

Whoever answers is believed in nothing: an address is worth a datagram, and who is there has to open it. So names are passed over and not
read, and of counts, types and lengths the low byte is enough. Left out: IPv6, caching, announcements, all records but a service's port and
a host's address.
"""

# RFC 6762 section 6.7: asked from a port of our own, it is answered to that port alone. PTR of _foyer._udp.local.
QUESTION = b"\x12\x34\0\0\0\1\0\0\0\0\0\0\x06_foyer\x04_udp\x05local\0\0\x0c\0\1"

MOST_HOMES = 4  # of one answer: a home has an address or two
_HEAD_BYTES = 12
_RECORD_BYTES = 10  # behind its name: type, class, time to live, length
_A, _SRV = 1, 33
_POINTER = 0xC0


def homes(data: bytes) -> list[list[object]]:
    """Return [address, port] of each home that an answer names, at most four; none, if the bytes are no answer."""
    at, port = _HEAD_BYTES, 0
    addresses: list[str] = []
    if len(data) > at and data[2] & 0x80:
        records = data[7] + data[9] + data[11]
        for left in range(data[5] + records, 0, -1):
            while at < len(data) and 0 < data[at] < _POINTER:
                at += 1 + data[at]
            at += 2 if data[at : at + 1] > b"\0" else 1  # a pointer, or the end
            if left > records:  # a question
                at += 4
                continue
            begin = at + _RECORD_BYTES
            if begin > len(data):
                break
            kind, at = data[at + 1], begin + data[begin - 1]
            if at > len(data):
                break
            if kind == _SRV and at > begin + 6:
                port = data[begin + 4] << 8 | data[begin + 5]
            if kind == _A and at == begin + 4:
                addresses.append("%d.%d.%d.%d" % tuple(data[begin:at]))  # the shortest on a device
    return [[address, port] for address in addresses[:MOST_HOMES] if port]
