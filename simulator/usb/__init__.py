"""The end of a technician's cable: an ESP32-S3's boot ROM, its flash, its start from that flash, and its serial line.

`board.py` puts them together into a device of the house that the unmodified esptool and mpremote work on. `standin.py` makes the image
that stands for MicroPython's own on such a board, because what runs in it is the real interpreter of this computer.
"""
