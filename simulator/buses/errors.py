"""What a bus says no to, as one small tree; the bridge turns each into the errno that the stock port raises."""


class BusError(Exception):
    """A transaction did not work."""


class NotAcknowledged(BusError):
    """No chip answered at an I2C address, or it refused."""

    def __init__(self, address: int) -> None:
        super().__init__(f"no acknowledgement from 0x{address:02x}")
        self.address = address


class BusStuck(BusError):
    """Something holds an I2C line low."""


class NotModelled(BusError):
    """The firmware touched something of a chip that the simulator does not have."""

    def __init__(self, chip: str, what: str) -> None:
        super().__init__(f"{chip}: {what} is not modelled")
        self.chip = chip
        self.what = what
