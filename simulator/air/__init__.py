"""What lies between a device and the rest of the world: networks that can be cut, slowed and made to lose things."""
