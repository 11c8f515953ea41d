"""What can go wrong in the simulator itself, as one small tree; faults of simulated parts are not errors but
behaviour, and what a bus refuses to its device is in buses/errors.py."""


class SimulatorError(Exception):
    """The simulator cannot do what was asked."""


class OutOfRange(SimulatorError):
    """A world face was given a value that the part cannot meet."""

    def __init__(self, part: str, what: str, got: float, lowest: float, highest: float) -> None:
        super().__init__(f"{part}: {what} must be {lowest:g}..{highest:g}, got {got:g}")
        self.part = part
        self.what = what
        self.got = got
        self.lowest = lowest
        self.highest = highest


class BadFrame(SimulatorError):
    """A device's stand-ins and the bridge disagree about their frames."""

    def __init__(self, operation: int, size: int) -> None:
        super().__init__(f"operation {operation} with {size} bytes is not a frame")
        self.operation = operation
        self.size = size


class WrongKind(SimulatorError):
    """A device was asked for something that only another kind of device can do."""

    def __init__(self, device: str, kind: str, wanted: str) -> None:
        super().__init__(f"{device} is a {kind}, not a {wanted}")
        self.device = device
        self.kind = kind
        self.wanted = wanted


class DeviceNotRunning(SimulatorError):
    """A device has no power, so it cannot be waited for."""

    def __init__(self, device: str) -> None:
        super().__init__(f"{device} has no power")
        self.device = device


class PortRefused(SimulatorError):
    """What was asked of the Bluetooth cannot be done; errno as the stock port raises it."""

    def __init__(self, errno: int) -> None:
        super().__init__(f"errno {errno}")
        self.errno = errno
