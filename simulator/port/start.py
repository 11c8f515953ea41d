"""Starts a simulated device in MicroPython's unix build: stand-ins first, then its flash as "/", then boot.py and main.py.

Started as a module, with the simulator's port, the flash image, the flash operation at which the power is cut (0 never) and how many
percent of it happen. A file beside the image, its name with ".slots", is the flash of two application slots. With the single argument
"measure" it prints what the stand-ins cost in heap, so that this can be added to the firmware's: nothing of them may be in this file.
"""

import gc

gc.collect()
_bare_bytes = gc.mem_alloc()

# What was there before the stand-ins is known now; the imports below are what they cost.
# ruff: noqa: E402, F401
import os
import sys
import time

import bluetooth
import esp32
import flash
import machine
import network
import vfs
import wire


def _mount(image, cut_at, torn_percent):
    """Replace the host's files by the device's."""
    esp32.boot(image)
    size = os.stat(image)[6]
    device = flash.FileFlash(open(image, "r+b"), size, cut_at, torn_percent)
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(device, progsize=32, readsize=32, lookahead=32), "/")
    os.chdir("/")
    return device


def _run(name):
    """Run a file as the stock port does: an exception is printed, and the next file still runs."""
    try:
        os.stat(name)
    except OSError:
        return
    try:
        exec(compile(open(name).read(), name, "exec"), {"__name__": "__main__"})  # noqa: S102 -- the device's own program
    except Exception as raised:
        sys.print_exception(raised)


if sys.argv[1] == "measure":
    flash.FileFlash(None, 0)
    gc.collect()
    print(gc.mem_alloc() - _bare_bytes)
else:
    wire.connect(int(sys.argv[1]))
    machine.hello()
    _mount(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    sys.argv.clear()
    sys.path[:] = ["", ".frozen", "/lib"]
    gc.collect()
    _run("/boot.py")
    _run("/main.py")
