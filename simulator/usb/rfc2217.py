"""The serial line over a network (RFC 2217), with DTR and RTS: the two transistors that let a tool press BOOT and RESET by itself.

On boards with them, RTS alone pulls EN low (reset) and DTR alone pulls GPIO0 low (boot); both together do nothing. EN rises slowly, through
a resistor into a capacitor, so what GPIO0 is then decides, not what it was when RTS let go.
"""

import asyncio
import logging

from serial import rfc2217

from simulator.usb.board import BenchDevice

EN_RISES_s = 0.3  # far more than the real 1 ms: each line's change takes a round trip of the protocol here

_log = logging.getLogger(__name__)


class _Lines:
    """What pyserial's server side calls a serial port: speed and lines, no bytes."""

    bytesize, parity, stopbits = 8, "N", 1
    xonxoff = rtscts = False
    break_condition = False
    cts = dsr = ri = cd = False
    timeout: float | None = None

    def __init__(self, board: "NetworkBoard") -> None:
        self._board = board
        self.baudrate = 115_200
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self._board.lines_changed(self._dtr, self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self._board.lines_changed(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        """Nothing waits on this side."""

    def reset_output_buffer(self) -> None:
        """Nothing waits on this side."""


class NetworkBoard(asyncio.Protocol):
    """A board behind a network port; one connection at a time, as a serial port has."""

    def __init__(self, device: BenchDevice) -> None:
        self._device = device
        self._feed = device.speak_through(None)
        self._lines = _Lines(self)
        self._transport: asyncio.WriteTransport | None = None
        self._manager: rfc2217.PortManager | None = None
        self._in_reset = False
        self._rising: asyncio.TimerHandle | None = None
        self._pressing: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 -- what a TCP server makes
        self._transport = transport
        self._manager = rfc2217.PortManager(self._lines, self, _log)
        self._feed = self._device.speak_through(self._say)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio hands it
        self._device.speak_through(None)
        self._transport = self._manager = None

    def data_received(self, data: bytes) -> None:
        if self._manager is not None:
            plain = b"".join(self._manager.filter(data))
            if plain:
                self._feed(plain)

    def write(self, data: bytes) -> None:
        """Send the protocol's own bytes; the manager calls it."""
        if self._transport is not None:
            self._transport.write(data)

    def lines_changed(self, dtr: bool, rts: bool) -> None:
        """Do what the two transistors do."""
        if dtr and not rts:
            self._device.hold_boot()
        else:
            self._device.release_boot()
        if rts and not dtr:
            self._in_reset = True
            if self._rising is not None:
                self._rising.cancel()
        elif self._in_reset:
            self._in_reset = False
            self._rising = asyncio.get_running_loop().call_later(EN_RISES_s, self._risen)

    def _say(self, data: bytes) -> None:
        if self._manager is not None:
            self.write(b"".join(self._manager.escape(data)))

    def _risen(self) -> None:
        task = asyncio.get_running_loop().create_task(self._device.press_reset())
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)


async def serve(device: BenchDevice) -> tuple[asyncio.Server, str]:
    """Offer a device's line on a free port of this machine; return the server, to be closed, and the port's name for tools."""
    server = await asyncio.get_running_loop().create_server(lambda: NetworkBoard(device), "127.0.0.1", 0)
    return server, f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}"
