"""Recordings through the devices' own code, one module per kind of device."""
