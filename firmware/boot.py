"""The first thing a device does: choose which of its two slots of firmware runs, make room for the report of a fault, clean the heap.

Never updated, because nothing can repair it; so it lies beside the slots as text, imports nothing of theirs, and is as short as it can be.
Pins are left as the reset left them: a cuff's valve is then open.

`/slot` holds two letters, written beside and renamed: the slot, and how it stands (`update/slots.py` says who writes what). A digit is how
many starts an update on trial has left, and it is counted down before the update runs: whatever that does then, the third start without a
word from it is the last, and the slot of before runs again.
"""

import gc
import os
import sys

import machine
import micropython
from micropython import const

_PACKED_BYTES = const(4096)
_TRIAL_MS = const(60_000)  # a trial that hangs before it has a watchdog of its own


def _slot():
    try:
        with open("/slot") as file:
            said = file.read(3)
    except OSError:
        said = ""
    if len(said) != 2 or said[0] not in "ab" or said[1] not in ".?!123":
        said = "a."
    slot, mark = said
    other = "b" if slot == "a" else "a"
    if mark in "123":
        try:
            with open("/slot.new", "w") as file:
                file.write(other + "!" if mark == "1" else slot + str(int(mark) - 1))
            os.rename("/slot.new", "/slot")
            machine.WDT(timeout=_TRIAL_MS)
        except OSError:
            slot, other = other, slot  # what cannot be counted is not tried
    try:
        os.stat("/" + slot + "/firmware/main.mpy")
    except OSError:
        return other
    return slot


sys.path.insert(0, "/" + _slot())
if hasattr(micropython, "alloc_emergency_exception_buf"):  # a port without interrupts has none
    micropython.alloc_emergency_exception_buf(100)
try:
    os.stat("/identity.cbor")
    os.stat("/settings.cbor")
except OSError:
    # Not set up: what a browser says on the cable holds Ctrl-C's byte, and it does not wait for us. `cable.py` reads both.
    micropython.kbd_intr(-1)
# What is imported stays for ever; collecting often meanwhile packs it together, so that what remains is one large block and not
# crumbs. `main.py` ends this, because a signature under it would take half as long again.
gc.collect()
gc.threshold(_PACKED_BYTES)
