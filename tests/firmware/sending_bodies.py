"""The outbox being emptied and readings being signed; MicroPython only, because asyncio there is another."""

import asyncio
import gc
import os
import time
from array import array
from collections import namedtuple

from firmware.clock import Clock
from firmware.commanding import Commanding
from firmware.errors import GatewaySilent, OutboxFull
from firmware.flash import identity
from firmware.flash.counters import Counters
from firmware.flash.outbox import Outbox
from firmware.sending import Sending
from firmware.signing import Signer
from firmware.watch import check_heap
from protocol import receipts
from tests.firmware.bodies import IDENTITY

Answer = namedtuple("Answer", ("code", "options", "payload"))
UTC_MS = 1795345000123


class ScriptedHome:
    """A way home whose answers are scripted: "silent", "receipt", "wrong digest", "wrong number", "garbage", or a CoAP code."""

    def __init__(self, outbox, *answers):
        self.outbox = outbox
        self.answers = list(answers)
        self.sent = []
        self.awake = self.observes = False  # nothing is asked of the device

    def hear(self):
        pass

    async def post(self, path, payload, content_format):
        assert (path, content_format) == ("r", 18)
        waiting = [self.outbox.read(sequence) for sequence in self.outbox.sequences()]
        kept = next(one for one in waiting if one.signed == payload)
        self.sent.append(kept.sequence)
        answer = self.answers.pop(0)
        await asyncio.sleep_ms(0)
        if answer == "silent":
            raise GatewaySilent(state="TIMED_OUT")
        if isinstance(answer, int):
            return Answer(answer, (), receipts.encode_refusal(104))
        if answer == "garbage":
            return Answer(0x44, (), b"\xa1\x01")
        sequence = kept.sequence + (answer == "wrong number")
        digest = bytes(8) if answer == "wrong digest" else kept.digest8
        return Answer(0x44, (), receipts.encode(sequence, digest, UTC_MS, 0))


def emptying(folder, sequences, answers):
    """Send until the script is used up; return [sent, what is left, what was told, time learnt]."""
    os.mkdir(folder)
    outbox = Outbox(folder + "/outbox")
    for sequence in sequences:
        outbox.keep(sequence, 0, bytes([sequence]) * 8, b"signed %d" % sequence)
    home = ScriptedHome(outbox, *answers)
    told = []
    clock = Clock(time.ticks_ms, time.ticks_diff)

    async def life():
        task = asyncio.create_task(
            Sending(outbox, home, clock, 10, lambda name, _: told.append(name), lambda: None, Commanding(1, clock)).run()
        )
        for _ in range(500):
            if not home.answers:
                break
            await asyncio.sleep_ms(5)
        await asyncio.sleep_ms(5)
        task.cancel()

    asyncio.run(life())
    return [home.sent, Outbox(folder + "/outbox").sequences(), told, clock.utc_s()]


def _largest():
    size = gc.mem_free()
    while True:
        try:
            bytearray(size)
            return size
        except MemoryError:
            size -= 512


def many_readings(folder, number):
    """Sign, keep, send and forget many; return the largest free piece after the first tenth and after the last."""
    os.mkdir(folder)
    outbox = Outbox(folder + "/outbox")
    clock = Clock(time.ticks_ms, time.ticks_diff)
    signer = Signer(identity.check(IDENTITY), Counters(folder + "/counters.cbor"), outbox, clock, None)
    home = ScriptedHome(outbox, *["receipt"] * number)
    pieces = []

    async def life():
        sending = Sending(outbox, home, clock, 10, lambda _name, _sequence: None, lambda: None, Commanding(1, clock))
        task = asyncio.create_task(sending.run())
        for count in range(number):
            await signer.keep(0, {10: 72400 + count, 11: 1})
            sending.wake()
            while len(outbox):
                await asyncio.sleep_ms(0)
            if count in (number // 10, number - 1):
                gc.collect()
                pieces.append(_largest())
        task.cancel()

    asyncio.run(life())
    return pieces


def signed_reading(folder):
    """Sign and keep one reading; return [sequence, digest, message], and what keeping one more says when only one fits."""
    os.mkdir(folder)
    outbox = Outbox(folder + "/outbox", 1)
    clock = Clock(time.ticks_ms, time.ticks_diff)
    clock.learn(UTC_MS)
    signer = Signer(identity.check(IDENTITY), Counters(folder + "/counters.cbor"), outbox, clock, None)

    async def life():
        kept = await signer.keep(0, {10: 72400, 11: 1})
        try:
            await signer.keep(0, {10: 72500, 11: 1})
        except OutboxFull:
            return [kept.sequence, kept.digest8, kept.signed, "full"]

    return asyncio.run(life())


class Echo:
    """A bus on which an AD5933 and an SSD1306 answer as if bare feet of 500 ohm stood there; it keeps nothing but registers."""

    def __init__(self):
        self.registers = bytearray(256)
        self.registers[0x8F] = 2
        self.registers[0x94] = 0x20
        self.pointer = 0

    def writeto(self, address, data):
        if data[0] == 0xB0:
            self.pointer = data[1]
        elif address == 0x0D and len(data) == 2:
            self.registers[data[0]] = data[1]

    def writevto(self, _address, vector):
        return sum(len(part) for part in vector)

    def readfrom_into(self, _address, into):
        into[0] = self.registers[self.pointer]


def whole_weigh_ins(folder, number, every):
    """A scale's whole life: weigh, measure feet, sign, keep, draw, send, receipt, again and again.

    Return the largest free piece after each `every` weigh-ins, as [[count, free bytes, largest bytes], ...].
    """
    from firmware.display import Display
    from firmware.drivers.ssd1306 import SSD1306
    from firmware.panel import Panel
    from firmware.scale import states
    from firmware.scale.calibration import Curve
    from firmware.scale.feet import Feet
    from firmware.scale.label import weight
    from firmware.scale.weighing import Weighing

    os.mkdir(folder)
    outbox = Outbox(folder + "/outbox")
    clock = Clock(time.ticks_ms, time.ticks_diff)
    signer = Signer(identity.check(IDENTITY), Counters(folder + "/counters.cbor"), outbox, clock, None)
    bus = Echo()
    display = Display("en", lambda _line: None)
    display.light(Panel(SSD1306(bus)))
    feet = Feet(bus, 8192)
    weighing = Weighing(Curve({"counts_per_100_kg": 1_073_742}), 0)
    weighing.wake()
    home = ScriptedHome(outbox)
    home.sent = Nothing()
    found = array("i", bytes(12 * (number // every)))  # what is noted takes no room that was not taken at the start

    async def life():
        sending = Sending(outbox, home, clock, 10, display.way, lambda: None, Commanding(1, clock), display.person)
        task = asyncio.create_task(sending.run())
        at_ms = 0
        for count in range(number):
            load = 600_000 + count % 500 * 500
            for conversion in range(140):
                at_ms += 91
                shake = (conversion * 7919 + count * 104_729) % 600 - 300
                on = 12 <= conversion < 100
                event = weighing.feed(load + shake if on else shake // 8, at_ms)
                if event == states.SETTLED:
                    ohm = await feet.impedance_ohm()
                    weighing.impedance_ended()
                    home.answers.append("receipt")
                    kept = await signer.keep(0, {10: weighing.weight_g, 11: 1, 12: ohm})
                    display.reading(weight(weighing.weight_g, "kg", "en"), kept.sequence)
                elif event:
                    display.show("", "stand_still")
            sending.wake()
            while len(outbox):
                await asyncio.sleep_ms(0)
            if count % every == every - 1:
                gc.collect()
                at = 3 * (count // every)
                found[at], found[at + 1], found[at + 2] = count + 1, gc.mem_free(), _largest()
        task.cancel()

    asyncio.run(life())
    return [[found[at], found[at + 1], found[at + 2]] for at in range(0, len(found), 3)]


class Nothing:
    """A list that keeps nothing: the test's own memory must not grow."""

    def append(self, _item):
        pass


def weigh_in_in_pieces(folder, piece_bytes):
    """Return how a reading's whole way (sign, keep, send, receipt) ends when no free piece of the heap is larger: "done", or what ended it.

    The floor of `firmware/watch.py` must lie where this still is "done".
    """
    os.mkdir(folder)
    outbox = Outbox(folder + "/outbox")
    clock = Clock(time.ticks_ms, time.ticks_diff)
    signer = Signer(identity.check(IDENTITY), Counters(folder + "/counters.cbor"), outbox, clock, None)
    home = ScriptedHome(outbox, "receipt", "receipt")

    async def one(sending):
        await signer.keep(0, {10: 72400, 11: 1, 12: 512})
        sending.wake()
        for _ in range(500):
            if not len(outbox):
                return True
            await asyncio.sleep_ms(5)
        return False

    async def life():
        sending = Sending(outbox, home, clock, 10, lambda _name, _sequence: None, lambda: None, Commanding(1, clock))
        task = asyncio.create_task(sending.run())
        await one(sending)  # what is made once in a life is there
        walls, largest = _in_pieces(piece_bytes)
        try:
            done = await one(sending)
        except MemoryError:
            done = "memory"
        task.cancel()
        return "done" if done is True else done or "not sent", largest, walls is not None

    return list(asyncio.run(life()))


def heap_judged(piece_bytes):
    """Return what the watch says of a heap with no free piece larger than about this, and the largest there was."""
    walls, largest = _in_pieces(piece_bytes)
    try:
        check_heap()
    except MemoryError:
        return ["restart", largest, walls is not None]
    return ["enough", largest, walls is not None]


def _in_pieces(piece_bytes):
    """Leave only pieces of about this size free, with walls between them; return the walls and the largest piece."""
    gc.collect()
    walls = rooms = None
    try:
        while True:
            rooms = (bytearray(piece_bytes), rooms)
            walls = (bytearray(piece_bytes), walls)  # as large, so that it lies behind and not in some crumb of the heap
    except MemoryError:
        pass
    rooms = None
    gc.collect()
    return walls, _largest_below(2 * piece_bytes)


def _largest_below(size):
    while True:
        try:
            bytearray(size)
            return size
        except MemoryError:
            size -= 16
