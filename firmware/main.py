"""A device's life: read who it is and what it measures, start that and the sending, keep the watchdog fed, say what goes wrong.

The root of everything on a device and the only file that knows all of it. Whatever ends a life unexpectedly is shown and told, and
the device starts again: what was kept is in flash, and every pin falls back to what is safe.
"""

import asyncio
import gc
import sys
import time
from collections import namedtuple

import machine
from micropython import const

from firmware import console
from firmware.clock import Clock
from firmware.crypto import p256
from firmware.display import Display
from firmware.errors import DeviceError, OutboxFull, SettingsBroken
from firmware.flash import counters, identity, outbox, replacing, settings
from firmware.radio import wifi
from firmware.sending import Sending
from firmware.signing import Signer
from firmware.watch import TIMEOUT_MS, Watch
from protocol import faults, readings

STATE_FOLDER = "/state"
_BEFORE_RESTART_MS = const(5000)
_LEAST_PIECE = const(256)
_SENDING_LIMIT_MS = const(20_000)
_MEASURING_LIMIT_MS = const(5000)

# What a device's own main is handed: settings (a map), board (its pin numbers), and the parts of the ground it stands on.
# keep(kind, fields): see `signing.py`, and the home is told at once; alive(): the measuring task still runs.
Ground = namedtuple("Ground", ("settings", "board", "boot", "clock", "display", "link", "keep", "keep_fault", "alive"))


def run() -> None:
    """Live until something unexpected happens, then say it and start again."""
    display = Display("en")
    try:
        asyncio.run(_live(display))
        fault = faults.SOFTWARE_FAULT  # a life has no end of its own
    except DeviceError as error:
        fault = error.fault
        print(error)
    except p256.SelfTestFailed:
        fault = faults.SELF_TEST_FAILED
    except MemoryError:
        fault = faults.MEMORY_SHORT
    except Exception as error:  # a bug of ours: its place belongs on the console, and the device must go on
        fault = faults.FLASH_BROKEN if isinstance(error, OSError) else faults.SOFTWARE_FAULT
        sys.print_exception(error, sys.stdout)
    console.fault(fault)
    display.fault(fault)
    time.sleep_ms(_BEFORE_RESTART_MS)
    machine.reset()


async def _live(display):
    chosen = settings.load()
    display.speak(chosen["language"])
    display.show("", "starting")
    clock = Clock(time.ticks_ms, time.ticks_diff)
    owner = identity.load()
    replacing.make_folder(STATE_FOLDER)
    numbers = counters.Counters()
    box = outbox.Outbox()
    p256.power_on_test()
    watch = Watch(machine.WDT(timeout=TIMEOUT_MS), clock)
    sending_alive = watch.expect("sending", _SENDING_LIMIT_MS)
    link = wifi.Wifi(chosen, owner, numbers.next_sender, clock, sending_alive)
    sending = Sending(box, link, clock, chosen["retry_ms"], display.way, sending_alive)
    signer = Signer(owner, numbers, box, clock)

    async def keep(kind, fields):
        try:
            kept = await signer.keep(kind, fields)
        except OutboxFull as error:
            console.fault(error.fault)
            raise
        sending.wake()
        return kept

    async def keep_fault(code):
        console.fault(code)
        display.fault(code)
        await keep(readings.FAULT, {readings.FAULT_CODE: code})

    measure = _measuring(chosen["device"])
    alive = watch.expect("measuring", _MEASURING_LIMIT_MS)
    ground = Ground(chosen, _board(chosen), numbers.boot, clock, display, link, keep, keep_fault, alive)
    link.begin()
    gc.collect()
    gc.threshold(-1)
    console.ready(chosen["device"], numbers.boot, gc.mem_free(), _largest_bytes())
    await asyncio.gather(watch.run(), sending.run(), measure(ground))


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


def _measuring(device):
    # one device's code only: the other two would fill the heap
    if device == "scale":
        from firmware.scale import main  # spares memory
    elif device == "cuff":
        from firmware.cuff import main  # spares memory
    else:
        from firmware.babyphone import main  # spares memory
    return main.measure


def _board(chosen):
    name = f"firmware.boards.{chosen['board']}_{chosen['device']}"
    try:
        return __import__(name, None, None, ("",))
    except ImportError:
        raise SettingsBroken(field="board", reason=name) from None


# /main.py on a device is `import firmware.main`; a computer that reads this file must not start living.
if sys.implementation.name == "micropython":
    run()
