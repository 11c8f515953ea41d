"""A device's life, from its start to its end: an ordinary one, or the safe mode after several that ended badly.

The root of everything on a device. Whatever ends a life unexpectedly is shown, written down and told to the home, and the device starts
again: what was kept is in flash, and every pin falls back to what is safe.
"""

import asyncio
import io
import sys
import time

import machine
from micropython import const

from firmware import console, ground, memory
from firmware.crypto import p256
from firmware.display import Display
from firmware.errors import DeviceError
from firmware.flash import endings
from protocol import faults

_BEFORE_RESTART_MS = const(5000)
_NEW_CELLS_MS = const(3_600_000)  # they start it at once; this is for a measurement that was wrong
_LONGEST_BEFORE_RESTART_MS = const(20_000)  # the watchdog already counts, and has 30
_WITH_A_TECHNICIAN_MS = const(600_000)
# Nobody's mistake: such a device waits for a technician, without a watchdog as long as it has not even begun to live.
_BEFORE_THE_WATCHDOG = (faults.SETTINGS_BAD, faults.IDENTITY_MISSING)
_NOT_SET_UP = _BEFORE_THE_WATCHDOG + (faults.SCALE_NOT_CALIBRATED,)


def run() -> None:
    """Live until something unexpected happens, then say it, write it down and start again."""
    display = Display("en")
    held = memory.Memory(machine.RTC())
    starts = _bad_starts(held)
    held.put(memory.STARTS, min(starts + 1, 255))
    what = ""
    try:
        asyncio.run(ground.live(display, held, machine.reset_cause(), None if starts >= ground.SAFE_AFTER else _measuring, _screen, _cells))
        fault = faults.SOFTWARE_FAULT  # a life has no end of its own
    except DeviceError as error:
        fault = error.fault
        what = type(error).__name__
        print(error)
    except p256.SelfTestFailed:
        fault = faults.SELF_TEST_FAILED
    except MemoryError:
        fault = faults.MEMORY_SHORT
    except Exception as error:  # a bug of ours: its place belongs on the console and to the home, and the device must go on
        fault = faults.FLASH_BROKEN if isinstance(error, OSError) else faults.SOFTWARE_FAULT
        sys.print_exception(error, sys.stdout)
        what = _place(error)
    console.fault(fault)
    display.fault(fault)
    if fault == faults.BATTERY_LOW:
        held.put(memory.STARTS, starts)
        time.sleep_ms(_BEFORE_RESTART_MS)
        display.off()
        machine.deepsleep(_NEW_CELLS_MS)
    if fault not in _NOT_SET_UP:
        try:
            endings.note(fault, what)
        except OSError:
            pass  # the flash itself is broken, which the display says
    elif fault in _BEFORE_THE_WATCHDOG:
        from firmware import cable  # spares memory: a device that is set up never needs it

        cable.wait(_WITH_A_TECHNICIAN_MS)
        machine.reset()
    time.sleep_ms(min(_LONGEST_BEFORE_RESTART_MS, _BEFORE_RESTART_MS << min(starts, 2)))
    machine.reset()


def _bad_starts(held):
    """Return how many lives in a row ended badly: the RTC's memory knows, and flash when the power was lost since."""
    starts = held.get(memory.STARTS)
    if starts:
        return starts
    try:
        last = endings.load()
    except OSError:
        return 0
    return min(last.times, ground.SAFE_AFTER - 1) if last else 0  # a person who cycles the power gets one more try


def _place(error):
    """Return an exception's kind and innermost place, like "ValueError weighing.py:88"."""
    text = io.StringIO()
    sys.print_exception(error, text)
    places = [line for line in text.getvalue().split("\n") if line.strip().startswith("File")]
    if not places:
        return type(error).__name__
    file, _, rest = places[-1].partition('", line ')
    return f"{type(error).__name__} {file.rpartition('/')[2]}:{rest.partition(',')[0]}"


def _measuring(device):
    # one device's code only: the other two would fill the heap
    if device == "scale":
        from firmware.scale import main  # spares memory
    elif device == "cuff":
        from firmware.cuff import main  # spares memory
    else:
        from firmware.babyphone import main  # spares memory
    return main.measure


def _screen(device, board):
    """Return the panel that the device carries, or None."""
    if device != "scale":
        return None
    from firmware.scale import screen  # spares memory where there is none

    return screen.screen(board)


def _cells(device, board):
    """Return the cells that the device lives on, or None on mains. Raises BatteryEmpty."""
    if device != "scale":
        return None
    from firmware.scale import supply  # spares memory where there is none

    return supply.battery(board)


# /main.py on a device is `import firmware.main`; a computer that reads this file must not start living.
if sys.implementation.name == "micropython":
    run()
