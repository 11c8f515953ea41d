"""Is the update that runs on trial to be kept? A table of what is known, what follows from it, and the task that waits for it.

Kept is what finds its parts, is heard by the home, and still gets a known signature right. A home that is silent proves nothing against it:
then the slot of before looks whether it hears the home, and only if it does is the update, after one start more, given back.
"""

import asyncio
import os

from micropython import const

from firmware.crypto import p256
from firmware.errors import GaveWay
from firmware.flash import endings, replacing
from firmware.update import record, unswept
from firmware.update.record import Record
from firmware.update.slots import LAST_TRY, LOOKING
from protocol import faults, updates

SETTLE, LOOK, LAST, AGAIN, NO_PARTS, UNHEARD = "settle", "look", "last", "again", "no parts", "unheard"
_FAULTS = {NO_PARTS: faults.UPDATE_PARTS_SILENT, UNHEARD: faults.UPDATE_UNHEARD}
PATIENCE_MS = const(90_000)  # so long a device on trial stays awake, where it would have slept
PARTS_MS = const(60_000)  # a cuff waits for its sensor, a scale for its converter: seconds
SILENT_MS = const(600_000)  # of a home, before the slot of before is asked whether it hears it
_LOOK_MS = const(100)
_IMAGE = "/state/image"  # as in `image.py`


def next_move(state: str, parts_answer: bool, parts_late: bool, heard: bool, silent: bool) -> str | None:
    """Return what to do now, or None: wait. parts_late, silent: so long that it means something."""
    if state == LOOKING:
        return LAST if heard else AGAIN if silent else None
    if not parts_answer:
        return NO_PARTS if parts_late else None
    if heard:
        return SETTLE
    if silent:
        return UNHEARD if state == LAST_TRY else LOOK
    return None


def on_sleep(state: str) -> str:
    """Return what to do when a device on trial falls asleep without having been heard: its life was as long as such lives are."""
    return AGAIN if state == LOOKING else UNHEARD if state == LAST_TRY else LOOK


async def prove(updating, slots, state: str, alive) -> None:
    """Return when the slot that runs is kept; end this life when it is the other one's turn. updating: as in `updating.py`.

    Raises GaveWay: somebody measures, and it is looked at again afterwards.
    """
    if replacing.read(_IMAGE) is not None:
        from firmware.update import image  # spares memory: seldom in a release

        if image.starts_again(slots, state):
            updating.restart()
        image = None
    updating.busy = True
    updating.asleep = lambda: _make(on_sleep(state), slots)
    while True:
        alive()
        if updating.calm.disturbed:
            raise GaveWay
        up_ms = updating.clock.up_ms()
        if up_ms > PATIENCE_MS:
            updating.busy = False  # a device that sleeps may do so: `asleep` above says whose turn it is then
        move = next_move(state, updating.parts_answer, up_ms > PARTS_MS, updating.sending.heard, up_ms > SILENT_MS)
        if move == SETTLE:
            await unswept.through(updating.calm, known_answer_steps(), alive)
            updating.asleep = lambda: None
            _make(move, slots)
            return
        if move:
            _make(move, slots)
            updating.restart()
        await asyncio.sleep_ms(_LOOK_MS)


def note_given_back(slots) -> None:
    """The other slot was on trial and is no more: write down why, as far as it could say."""
    last = record.load()
    if last is None or last.state != updates.GIVEN_BACK:
        ending = endings.load()
        fault = ending.fault if ending and not ending.told else faults.UPDATE_UNPROVED
        record.save(Record(last.sequence if last else 0, updates.GIVEN_BACK, fault, 0))
    try:
        os.remove(_IMAGE)
    except OSError:
        pass  # it brought none
    slots.settle()


def _make(move, slots):
    """Write down what was decided about the slot on trial: first what will be told, then what takes effect."""
    last = record.load()
    sequence = last.sequence if last else 0
    image = None
    if move in (SETTLE, LAST) and replacing.read(_IMAGE) is not None:
        from firmware.update import image  # spares memory: seldom in a release
    if move == SETTLE:
        if image:
            image.keep()
        record.save(Record(sequence, updates.KEPT, 0, 0))
        slots.settle()
    elif move == LOOK:
        slots.look()
    elif move == LAST:
        if image:
            image.start()
        slots.last()
    elif move == AGAIN:
        slots.commit()
    else:
        record.save(Record(sequence, updates.GIVEN_BACK, _FAULTS[move], 0))
        slots.give_back()


def known_answer_steps():
    """Yield, and return if a known signature is right: without this no further update could be checked. Raises SelfTestFailed.

    RFC 6979, appendix A.2.5.
    """
    key = bytes.fromhex(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )
    digest = bytes.fromhex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf")
    signature = bytes.fromhex(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )
    from firmware.crypto import verify  # spares memory: an introduction needs room first

    if not (yield from verify.holds_steps(key, digest, signature)):
        raise p256.SelfTestFailed("verification")
