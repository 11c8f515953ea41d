"""What the fuzzing campaign runs under both Pythons: one loop that makes inputs from a seed, feeds a decoder, and counts what comes out.

The same generator on both sides, so a seed names the same inputs everywhere: five of eight are mutations of valid messages, the rest
bytes by chance, many of them heads that mean something. Nothing but our errors may come out; anything else ends the campaign with the
input in its hands.
"""

import sys
import time

if sys.implementation.name == "cpython":
    from tests import cryptolib

    cryptolib.install()

from protocol import (
    batches,
    blocks,
    cbor,
    coap,
    commands,
    edhoc,
    errors,
    frames,
    introduction,
    live,
    manifest,
    oscore_opening,
    pairing,
    readings,
    receipts,
    sign1,
    updates,
)


def answered(data):
    """Feed a download with an answer: the first byte says how long its Block2 option is, the rest is a piece."""
    size = data[0] & 7 if data else 0
    options = ((coap.ETAG, b"one"), (coap.BLOCK2, data[1 : 1 + size]))
    blocks.Download(1024, 2).feed(oscore_opening.Opened(coap.CONTENT, options, data[1 + size :]))


PARSERS = {
    "cbor": cbor.decode,
    "sequence": lambda data: cbor.decode_sequence(data, 8),
    "sign1": sign1.parse_sign1,
    "coap": coap.decode,
    "option": oscore_opening.decompress,
    "reading": readings.decode,
    "live": live.decode,
    "receipt": receipts.decode,
    "refusal": receipts.decode_refusal,
    "batch": batches.decode,
    "range": batches.decode_receipt,
    "command": commands.decode,
    "head": commands.decode_head,
    "presence": commands.decode_presence,
    "result": commands.decode_result,
    "manifest": manifest.decode,
    "hello": lambda data: pairing.decode(data, pairing.HELLO),
    "newcomer": lambda data: pairing.decode(data, pairing.DEVICE),
    "block": answered,
    "message 2": edhoc.parse_message_2,
    "split": introduction.split,
    "file": lambda data: manifest.check_file(cbor.decode(data), ""),
    "report": updates.decode,
}


SECOND_LOOKS = 8


class Chance:
    """A 32-bit xorshift: small, the same under both Pythons."""

    def __init__(self, seed):
        self.state = seed or 1

    def below(self, end):
        """Return a number in 0..end-1."""
        state = self.state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self.state = state
        return state % end


def mutated(chance, valid):
    """Return a valid message with one to three changes: a byte, a bit, cut, doubled, joined or with something put in."""
    data = bytearray(valid[chance.below(len(valid))])
    for _ in range(1 + chance.below(3)):
        kind = chance.below(7)
        at = chance.below(len(data) + 1)
        if kind == 0 and at < len(data):
            data[at] = chance.below(256)
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << chance.below(8)
        elif kind == 2:
            data = data[:at]
        elif kind == 3:
            data = data[:at] + bytes((chance.below(256),)) + data[at:]
        elif kind == 4 and at < len(data):
            data = data[:at] + data[at + 1 :]
        elif kind == 5:
            data = data[:at] + data[at:] + data[at : at + 1 + chance.below(8)]
        else:
            other = valid[chance.below(len(valid))]
            data = data[:at] + other[chance.below(len(other) + 1) :]
    return bytes(data[:600])


HEADS = (
    0x18,
    0x19,
    0x1B,
    0x1C,
    0x3F,
    0x58,
    0x5F,
    0x78,
    0x9B,
    0x9F,
    0xA1,
    0xA2,
    0xBB,
    0xBF,
    0xC0,
    0xD8,
    0xF7,
    0xF8,
    0xFA,
    0xFF,
    0x81,
    0x40,
    0x49,
    0x62,
)


def by_chance(chance):
    """Return up to 24 bytes, a third of them heads that mean something."""
    return bytes([HEADS[chance.below(len(HEADS))] if chance.below(3) == 0 else chance.below(256) for _ in range(chance.below(25))])


def campaign(name, valid, seed, count, limit_us):
    """Return [how often each outcome came, mutations, longest in us, its input]; raises with the input if it was no error of ours."""
    parse = PARSERS.get(name)
    chance = Chance(seed)
    outcomes = {}
    mutations = 0
    longest = 0
    longest_data = b""
    now_us = time.ticks_us if hasattr(time, "ticks_us") else lambda: time.perf_counter_ns() // 1000
    for _ in range(count):
        if chance.below(8) < 5:
            data = mutated(chance, valid)
            mutations += 1
        else:
            data = by_chance(chance)
        begun = now_us()
        try:
            if parse is None:
                fed(data)
            else:
                parse(data)
            outcome = "accepted"
        except errors.ProtocolError as error:
            outcome = type(error).__name__
        except Exception as error:
            raise AssertionError((name, data, type(error).__name__)) from None
        took = now_us() - begun
        for _ in range(SECOND_LOOKS):
            if took <= limit_us:
                break
            # a stall of the machine or of the garbage collector is not the input's: only what is slow again and again counts
            begun = now_us()
            try:  # noqa: SIM105  MicroPython has no contextlib
                fed(data) if parse is None else parse(data)
            except errors.ProtocolError:
                pass
            took = min(took, now_us() - begun)
        if took > longest:
            longest, longest_data = took, data
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return [outcomes, mutations, longest, longest_data]


def fed(data):
    """Feed an assembly with a message cut into fragments of up to 20 bytes, each told its own length by chance's bytes."""
    assembly = frames.Assembly()
    at = 0
    now_ms = 0
    while at < len(data):
        size = 3 + data[at] % 18
        now_ms += 11_000 if data[at] & 0x80 else 10
        assembly.feed(data[at + 1 : at + 1 + size], now_ms)
        at += 1 + size


def allocation(name, data):
    """Return how many bytes a refusal or a value allocates, on a device's Python."""
    import gc

    parse = PARSERS.get(name) or fed
    try:  # noqa: SIM105  MicroPython has no contextlib
        parse(data)
    except errors.ProtocolError:
        pass
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    try:  # noqa: SIM105  MicroPython has no contextlib
        parse(data)
    except errors.ProtocolError:
        pass
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def largest_allocation(name, valid, seed, count):
    """Return [bytes, input] of the greatest allocation for inputs of up to 64 bytes."""
    chance = Chance(seed)
    most, worst = 0, b""
    for _ in range(count):
        data = (mutated(chance, valid) if chance.below(2) else by_chance(chance))[:64]
        took = allocation(name, data)
        if took > most:
            most, worst = took, data
    return [most, worst]
