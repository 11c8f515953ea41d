"""Everything flashed to a device; runs in MicroPython. `ROOT` is the slot it runs from: "/a" or "/b" on a device (`boot.py`)."""

ROOT = __file__.rpartition("/firmware/")[0]
