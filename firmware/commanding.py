"""What the home asks of the device: heard at once, done at once, and the result kept until the home has it.

The functions that do it are quick: longer work they leave to a task of their own. The device adds its kinds to those that every device
has (`ground.can`).
"""

from micropython import const

from firmware import ROOT, console, once
from protocol import cbor, faults
from protocol.errors import ProtocolError

PATH = "c"
FORMAT = const(60)  # application/cbor
_UPTIME = const(2)
_VERSION = const(32)
_SIGNAL = const(33)
_ONCE = ("firmware.obeying", "firmware.flash.orders", "protocol.commands", "protocol.fields")


class Commanding:
    """clock as in `clock.py`; `result`: the bytes that the home shall have, or None; `signal`(): in dBm, or None."""

    def __init__(self, boot: int, clock):
        self._boot = boot
        self._clock = clock
        self._table = {}
        self._afterwards = None
        self._version = None
        self.signal = lambda: None
        self.result = None

    def can(self, kind: int, do) -> None:
        """From now on this device does commands of this kind by do(command), which returns 0, or the fault code that says why not."""
        self._table[kind] = do

    def afterwards(self, do) -> None:
        """Call do() once the home has the result of the command that is being done."""
        self._afterwards = do

    def told(self) -> None:
        """The home has a result."""
        if self._afterwards and self.result is None:
            self._afterwards()

    def hear(self, state: bytes) -> None:
        """Take what waits for the device: a command, or b"" for nothing. Raises what a function raises: a bug of ours."""
        if not state:
            return
        from firmware import obeying  # these spare memory: see the head of that file

        try:
            self.result = obeying.obey(state, self._boot, self._clock.up_ms(), self._table)
        finally:
            once.forget(*_ONCE)
        if self.result is None:
            console.fault(faults.WRONG_CONTENT)

    def presence(self) -> bytes:
        """Return what the device asks with."""
        said = {_UPTIME: [self._boot, self._clock.up_ms()]}
        if self._version is None:
            self._version = _version()
        if self._version:
            said[_VERSION] = self._version
        if (heard := self.signal()) is not None:
            said[_SIGNAL] = heard
        return cbor.encode(said)


def _version():
    """Return the release that runs, as bytes; empty where nobody wrote it down."""
    try:
        with open(ROOT + "/release.cbor", "rb") as file:
            return str(cbor.decode(file.read())["version"]).encode()[:32]
    except (OSError, ProtocolError, KeyError, TypeError):
        return b""
