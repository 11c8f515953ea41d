"""Everything of the gateway that touches the world: sockets, disk, clock, randomness and the page. What is not here does no I/O."""
