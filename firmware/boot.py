"""The first thing a device does: room for the report of a fault inside an interrupt, and a clean heap.

Never updated and nearly empty, because nothing can repair it. Pins are left as the reset left them: a cuff's valve is then open.
"""

import gc

import micropython

if hasattr(micropython, "alloc_emergency_exception_buf"):  # a port without interrupts has none
    micropython.alloc_emergency_exception_buf(100)
gc.collect()
