"""Downloads under both Pythons: what comes of answers, right and wrong, and where a download can be continued."""

from protocol import blocks, coap, errors, oscore_opening


def answered(options, payload, code=coap.CONTENT):
    return oscore_opening.Opened(code, options, payload)


def block(number, more, exponent, etag=b"one"):
    block2 = (coap.BLOCK2, coap.uint(number << 4 | more << 3 | exponent))
    return ((coap.ETAG, etag), block2) if etag else (block2,)


def fetched(content, most_bytes, exponent, offered, cut_at=None):
    """Download `content` from a home that gives blocks of its own size; after `cut_at` blocks begin again from what was written.

    Return [state, what was written, how often was asked].
    """
    download = blocks.Download(most_bytes, exponent)
    written = bytearray()
    asked = 0
    while not download.over:
        if asked == cut_at:
            download = blocks.Download(
                most_bytes, exponent, len(written) >> 4 >> exponent << 4 << exponent, download.etag if written else None
            )
            written = written[: download.at_byte]
        asked += 1
        value = int.from_bytes(coap.option(download.options(), coap.BLOCK2), "big")
        size_exponent = min(value & 7, offered)
        at = value >> 4 << 4 << (value & 7)
        piece = content[at : at + (16 << size_exponent)]
        more = at + len(piece) < len(content)
        written.extend(download.feed(answered(block(at >> 4 >> size_exponent, more, size_exponent), piece)))
    return [download.state, bytes(written), asked]


WRONG = {
    "another block": (block(1, 1, 2), bytes(64)),
    "larger blocks than were asked for": (block(0, 1, 3), bytes(128)),
    "the reserved size": (block(0, 1, 7), bytes(64)),
    "a longer option": (((coap.ETAG, b"one"), (coap.BLOCK2, b"\x00\x00\x00\x0a")), bytes(64)),
    "an option in a longer form": (((coap.ETAG, b"one"), (coap.BLOCK2, b"\x00\x0a")), bytes(64)),
    "less than it says": (block(0, 1, 2), bytes(63)),
    "more than it says": (block(0, 0, 2), bytes(65)),
    "more than the most": (block(0, 0, 2), bytes(64)),
    "no ETag where more follows": (block(0, 1, 2, b""), bytes(64)),
    "a long ETag": (block(0, 1, 2, b"x" * 9), bytes(64)),
}


def refusals():
    """Return the name of the error for each, and whether the download stands where it stood."""
    out = {}
    for name, wrong in WRONG.items():
        download = blocks.Download(63 if name == "more than the most" else 1000, 2)
        try:
            download.feed(answered(wrong[0], wrong[1]))
            out[name] = "accepted"
        except errors.BadBlock:
            out[name] = [download.state, download.at_byte]
    return out


def ends():
    """Return the state after each end that is none of ours: another ETag, an error, whole in one, and what a place needs."""
    out = []
    for options, payload, code in (
        (block(1, 1, 2, b"two"), bytes(64), coap.CONTENT),
        (block(1, 1, 2, b""), bytes(64), coap.CONTENT),
        ((), b"", 0x84),
        ((), b"", 0xA3),
        (block(1, 0, 2), b"end", coap.CONTENT),
    ):
        download = blocks.Download(1000, 2, 64, b"one")
        download.feed(answered(options, payload, code))
        out.append([download.state, download.at_byte])
    small = blocks.Download(1000, 2)
    out.append([small.feed(answered((), b"whole")), small.state])
    for at_byte, etag in ((63, b"one"), (64, None), (1024, b"one")):
        try:
            blocks.Download(1000, 2, at_byte, etag)
            out.append("accepted")
        except errors.NotEncodable:
            out.append("NotEncodable")
    return out
