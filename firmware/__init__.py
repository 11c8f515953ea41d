"""Everything flashed to a device: MicroPython, one folder per device, and the ground they share."""
