"""How bytes and edges reach a chip: pin lines, I2C, I2S. A bus knows chips by the few methods it calls, and nothing of the world."""
