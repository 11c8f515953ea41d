"""Edges to the flash: what must survive the loss of power."""
