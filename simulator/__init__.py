"""A house without hardware: chips, parts, people and air around real MicroPython processes.

`house.House` is the way in. Nothing here imports the firmware: a device boots it from its flash image, and talks to its chips
through `bridge.py` in bytes and pin edges.
"""
