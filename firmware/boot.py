"""The first thing a device does: room for the report of a fault inside an interrupt, and a clean heap.

Never updated and nearly empty, because nothing can repair it. Pins are left as the reset left them: a cuff's valve is then open.
"""

import gc
import os

import micropython
from micropython import const

_PACKED_BYTES = const(4096)


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
