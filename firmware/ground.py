"""The ground that every device stands on: settings, keys, counters, outbox, radio, watchdog, built once and handed to what measures.

Nothing here knows what is measured. In the safe mode, after several lives in a row that ended badly, the same ground is there and
nothing is measured: what waits is sent, the home is told, and after a rest one more try is made.
"""

import asyncio
import gc
import os
import time
from collections import namedtuple

import machine
from micropython import const

from firmware import commanding, console, memory, once
from firmware.calm import Calm
from firmware.clock import Clock
from firmware.doing import Doing
from firmware.errors import OutboxFull, SettingsBroken
from firmware.flash import counters, outbox, replacing
from firmware.holding import HELD, LET_GO, Hold
from firmware.radio import session
from firmware.reporting import Reporting
from firmware.sending import Sending
from firmware.signing import Signer
from firmware.updating import ALONE, Updating
from firmware.watch import TIMEOUT_MS, Watch
from protocol import faults, readings

STATE_FOLDER = "/state"
FORGETTING = "/state/forgetting"  # see `flash/forgetting.py`
SAFE_AFTER = const(5)  # bad ends in a row
SAFE_REST_MS = const(600_000)
_SENDING_LIMIT_MS = const(20_000)
_UPDATING_LIMIT_MS = const(180_000)  # a request is repeated for a minute, and waits for one that is
_MEASURING_LIMIT_MS = const(5000)
_BUTTON_LOOK_MS = const(100)
_REST_LOOK_MS = const(1000)
_FIRST_RETRY_MS = const(900_000)  # of a sleeping device with unsent readings; doubling from wake to wake
_LEAST_PIECE = const(256)

# What a device's own main is handed. settings: a map; board: its pin numbers; keep(kind, fields): see `signing.py`, and the home is told
# at once; keep_fault(code); alive(): the measuring task still runs; memory: what outlives sleep; woken: why, machine.wake_reason();
# may_sleep(): whether nothing is lost by it; sleep(longest_ms): until then, or until what was armed before; it does not return;
# can(kind, do): as in `commanding.py`, what the home may ask of this device; calm: as in `calm.py`; waiting(): how many
# readings wait; works(): what it measures with answers.
Ground = namedtuple(
    "Ground",
    ("settings", "board", "boot", "clock", "display", "link", "keep", "keep_fault", "alive", "memory", "woken", "may_sleep", "sleep")
    + ("can", "calm", "waiting", "works"),
)


async def live(display, held, cause: int, measuring, screen, cells) -> None:
    """Live on this ground; measuring(device) gives the device's own main, and is None in the safe mode.

    held: the RTC's memory; screen(device, board): the display's panel or None; cells(device, board): as in `scale/battery.py`, or None on
    mains. Ends by an exception only.
    """
    if replacing.read(FORGETTING) is not None:
        from firmware.flash import forgetting  # spares memory: once in a device's life, and the next start is fresh

        forgetting.finish()
    chosen = _settings()
    if chosen["phones"] and held.get(memory.PAIRING) == memory.WITH_A_PHONE:
        chosen["phones"] = memory.WITH_A_PHONE
        held.put(memory.PAIRING, 0)
    display.speak(chosen["language"])
    board = _board(chosen)
    display.light(screen(chosen["device"], board))
    woken = machine.wake_reason()
    battery = cells(chosen["device"], board)
    if not woken:
        display.show("", "starting")
    clock = Clock(time.ticks_ms, time.ticks_diff)
    fields, owner, homeless = _identity()
    if homeless or (fields and held.get(memory.PAIRING) == 1):
        from firmware import pairing  # spares memory: once in a device's life with a home, and what measures is not there yet

        await pairing.find_home(chosen, fields, board, clock, display, held, woken)
    may_pair, fields = bool(fields), None
    replacing.make_folder(STATE_FOLDER)
    numbers = counters.Counters()
    box = outbox.Outbox()
    _know_the_answer()
    watch = Watch(machine.WDT(timeout=TIMEOUT_MS), clock)
    sending_alive = watch.expect("sending", _SENDING_LIMIT_MS)
    calm = Calm()

    def next_sender():
        if battery:
            battery.check()  # neither a block of numbers nor the end of what is receipted is written on empty cells
        return numbers.next_sender()

    keys = session.Session(owner, next_sender, chosen["retry_ms"], held, calm)
    link = _radio(chosen)(chosen, keys, clock, sending_alive)
    commands = commanding.Commanding(numbers.boot, clock)
    link.heard = commands.hear
    commands.signal = link.signal
    sending = Sending(box, link, clock, chosen["retry_ms"], display.way, sending_alive, commands, display.person)
    link.came = sending.wake
    alone = replacing.read(ALONE)
    if alone is not None:
        os.remove(ALONE)  # whatever becomes of it, the life after this one measures
    near = serving = None
    if chosen["phones"] and chosen["radio"] == "ble":
        near = link
    elif chosen["phones"] and measuring is not None and not alone:
        from firmware.radio import seldom  # spares memory

        near, serving = seldom.beside(chosen, keys, clock, watch.expect("phones", _SENDING_LIMIT_MS))
    signer = Signer(owner, numbers, box, clock, battery, calm)

    async def keep_status(kind, fields, reserve=False):
        await signer.keep(kind, fields, reserve)
        sending.wake()

    reporting = Reporting(keep_status, box, held, clock, cause, measuring is None, watch.expect("reporting", _SENDING_LIMIT_MS))

    def restart():
        reporting.lived_well()
        machine.reset()

    def meet():
        held.put(memory.PAIRING, memory.WITH_A_PHONE)
        restart()

    doing = Doing(commands, display, reporting, chosen, clock, restart, meet)
    updating = Updating(commands, sending, link, calm, chosen, clock, box, battery, restart)

    async def keep(kind, fields):
        try:
            kept = await signer.keep(kind, fields)
        except OutboxFull as error:
            console.fault(error.fault)
            reporting.refused()
            raise
        sending.wake()
        if near:
            near.measured(kind, fields)
        return kept

    async def keep_fault(code):
        console.fault(code)
        display.fault(code)
        await keep(readings.FAULT, {readings.FAULT_CODE: code})

    def may_sleep():
        return sending.may_rest and reporting.done and not updating.busy

    def sleep(longest_ms):
        updating.asleep()
        silences = held.get(memory.SILENCES) + 1 if sending.failures else 0
        held.put(memory.SILENCES, silences)
        held.put(memory.WAITING, len(box))
        reporting.lived_well()
        if len(box):
            again_ms = _FIRST_RETRY_MS << min(silences, 8)
            longest_ms = min(longest_ms, again_ms - again_ms * os.urandom(1)[0] // 1020)  # up to a quarter sooner
        link.off()
        if near:
            near.off()
        display.off()
        console.asleep(longest_ms)
        machine.deepsleep(longest_ms)

    if measuring is not None and alone:
        updating.be_alone(alone)
        own = _alone(watch.expect("resting", _MEASURING_LIMIT_MS), updating)
    elif measuring is None:
        display.fault(faults.SAFE_MODE)
        own = _rest(held, watch.expect("resting", _MEASURING_LIMIT_MS), updating)
    else:
        measure = measuring(chosen["device"])
        alive = watch.expect("measuring", _MEASURING_LIMIT_MS)
        own = measure(
            Ground(
                *(chosen, board, numbers.boot, clock, display, link, keep, keep_fault, alive, held, woken, may_sleep, sleep),
                commands.can,
                calm,
                lambda: len(box),
                updating.works,
            )
        )
    if not woken or len(box):
        link.begin()
    gc.collect()
    gc.threshold(-1)
    console.ready(chosen["device"], numbers.boot, gc.mem_free(), _largest_bytes())
    pressed = _button(board, clock, display, held, may_pair, doing, watch.expect("button", _MEASURING_LIMIT_MS))
    updates = updating.run(watch.expect("updating", _UPDATING_LIMIT_MS))
    await asyncio.gather(watch.run(), sending.run(), reporting.run(), updates, pressed, own, *([serving] if serving else []))


def _settings():
    from firmware.flash import settings  # spares memory: once in a life

    try:
        return settings.load()
    finally:
        once.forget("firmware.flash.settings")


def _radio(chosen):
    """Return the way home that was chosen; the code of the others would fill the heap."""
    if chosen["radio"] == "ble":
        from firmware.radio import seldom  # spares memory

        return seldom.Seldom
    if chosen["radio"] == "both":
        from firmware.radio import either  # spares memory

        return either.Either
    from firmware.radio import wifi  # spares memory

    return wifi.Wifi


def _identity():
    """Return the fields a pairing needs (None: it has none), who this device is (None: it has no home), and whether it has none."""
    from firmware.flash import identity  # spares memory: once in a life

    try:
        fields = identity.read()
        may_pair = identity.may_pair(fields)
        homeless = may_pair and identity.homeless(fields)
        return fields if may_pair else None, None if homeless else identity.check(fields), homeless
    finally:
        once.forget("firmware.flash.identity")


def _know_the_answer():
    """Sign nothing for anybody before the arithmetic has proved itself. Raises SelfTestFailed."""
    from firmware.crypto import known_answer  # spares memory: once in a start

    known_answer.check()
    once.forget("firmware.crypto.known_answer")


async def _rest(held, alive, updating):
    """The safe mode's own task: measure nothing, then give the ordinary life one more try; an update, which may mend it, goes first."""
    looks = 0
    while looks < SAFE_REST_MS // _REST_LOOK_MS or updating.busy:
        looks += 1
        alive()
        await asyncio.sleep_ms(_REST_LOOK_MS)
    held.put(memory.STARTS, SAFE_AFTER - 1)
    machine.reset()


async def _alone(alive, updating):
    """A life for an update and nothing else: a minute without measuring."""
    while updating.busy:
        alive()
        await asyncio.sleep_ms(_REST_LOOK_MS)
    machine.reset()


async def _button(board, clock, display, held, may_pair, doing, alive):
    """Forget the home when the button is held for 10 s; let go after 3 s, be ready to be paired with it again. And end what was to be shown
    for some time.
    """
    button = machine.Pin(board.BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
    hold = Hold()
    while True:
        alive()
        event = hold.feed(not button.value(), clock.up_ms())
        if event == HELD:
            replacing.replace(FORGETTING, b"")
            display.show("", "forgotten")
            held.put(memory.STARTS, 0)
            machine.reset()
        elif event == LET_GO and may_pair:
            held.put(memory.PAIRING, 1)
            machine.reset()
        elif event:
            display.show("", "starting" if event == LET_GO else event)
        doing.look()
        await asyncio.sleep_ms(_BUTTON_LOOK_MS)


def _largest_bytes():
    """Return about how much can be had in one piece."""
    size = gc.mem_free()
    while size > _LEAST_PIECE:
        try:
            bytearray(size)
            return size
        except MemoryError:
            size -= size >> 3
    return size


def _board(chosen):
    name = f"firmware.boards.{chosen['board']}_{chosen['device']}"
    try:
        return __import__(name, None, None, ("",))
    except ImportError:
        raise SettingsBroken(field="board", reason=name) from None
