"""The home's Wi-Fi as one device meets it: a station that joins or not, and a relay that carries its datagrams to the gateway.

Each device has a relay port of its own on this machine, so its air can be cut, slowed and made to lose packets while others' stays
clear; what is lost is decided by a printed seed. The gateway sees each device behind an address of its own.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable

from simulator.clock import Clock

Received = Callable[[bytes, tuple[str, int]], None]

JOINING_s = 0.4

# network.STAT_* of the stock port
IDLE, CONNECTING, GOT_IP, BEACON_TIMEOUT, NO_AP_FOUND, WRONG_PASSWORD = 1000, 1001, 1010, 200, 201, 202

# what simulator/port/network.py sends
OFF, ON, JOIN, LEAVE = range(4)


class Station:
    """Whether a device has joined the network; the stock port rejoins by itself when the network comes back.

    admits: the network takes the device's password; gives_addresses: its DHCP server answers. Both may be changed at any time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wants = False
        self._joined_at_s = float("inf")
        self._in_reach = True
        self._lost = False
        self.admits = True
        self.gives_addresses = True
        self.joins = 0  # how often the firmware asked

    def command(self, what: int) -> None:
        """Take what the firmware asks of the radio."""
        if what == JOIN:
            self.joins += 1
            self._wants = True
            self._lost = False
            self._joined_at_s = self._clock.now_s() + JOINING_s
        elif what in (OFF, LEAVE):
            self._wants = False

    def heard(self) -> list[tuple[bytes, int, int]]:
        """Return name, dBm and whether secured of each network in reach, the strongest first."""
        return [(b"home", -55, 1), (b"next door", -81, 1)] if self._in_reach else []

    def lose_power(self) -> None:
        """Forget the network, as a reset does."""
        self._wants = False

    @property
    def in_reach(self) -> bool:
        """Whether the access point can be heard."""
        return self._in_reach

    @in_reach.setter
    def in_reach(self, there: bool) -> None:
        if there and not self._in_reach:
            self._joined_at_s = self._clock.now_s() + JOINING_s
        elif not there:
            self._lost = self.joined
        self._in_reach = there

    @property
    def joined(self) -> bool:
        """Whether datagrams can flow."""
        admitted = self._in_reach and self.admits and self.gives_addresses
        return self._wants and admitted and self._clock.now_s() >= self._joined_at_s

    def status(self) -> int:
        """Return what WLAN.status() says."""
        if not self._wants:
            return IDLE
        if not self._in_reach:
            return BEACON_TIMEOUT if self._lost else NO_AP_FOUND
        if not self.admits:
            return WRONG_PASSWORD
        return GOT_IP if self.joined else CONNECTING


def reserve() -> socket.socket:
    """Return a bound UDP socket of this machine, so that its port is known before anything runs."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    reserved.setblocking(False)
    reserved.bind(("127.0.0.1", 0))
    return reserved


class Relay:
    """Carries datagrams between a device and its gateway, as long as the station has joined.

    loss: share of datagrams that vanish, each way; latency_s: how long each takes. Both may be changed at any time.
    """

    def __init__(self, reserved: socket.socket, gateway: tuple[str, int], station: Station, seed: int) -> None:
        self._socket = reserved
        self._gateway = gateway
        self._station = station
        self._random = random.Random(seed)
        self._device: tuple[str, int] | None = None
        self._near: asyncio.DatagramTransport | None = None
        self._far: asyncio.DatagramTransport | None = None
        self.loss = 0.0
        self.latency_s = 0.0
        self.carried = 0
        self.dropped = 0

    @property
    def port(self) -> int:
        """The UDP port that the device sends to."""
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Begin to carry."""
        loop = asyncio.get_running_loop()
        self._near, _ = await loop.create_datagram_endpoint(lambda: _Side(self._from_device), sock=self._socket)
        self._far, _ = await loop.create_datagram_endpoint(lambda: _Side(self._from_gateway), remote_addr=self._gateway)

    def close(self) -> None:
        """Stop for good."""
        for transport in (self._near, self._far):
            if transport is not None:
                transport.close()
        if self._near is None:
            self._socket.close()

    def _from_device(self, data: bytes, sender: tuple[str, int]) -> None:
        self._device = sender
        if self._far is not None:
            self._carry(self._far, data, None)

    def _from_gateway(self, data: bytes, _sender: tuple[str, int]) -> None:
        if self._near is not None and self._device is not None:
            self._carry(self._near, data, self._device)

    def _carry(self, transport: asyncio.DatagramTransport, data: bytes, to: tuple[str, int] | None) -> None:
        if not self._station.joined or self._random.random() < self.loss:
            self.dropped += 1
            return
        self.carried += 1
        if self.latency_s > 0:
            asyncio.get_running_loop().call_later(self.latency_s, self._deliver, transport, data, to)
        else:
            self._deliver(transport, data, to)

    @staticmethod
    def _deliver(transport: asyncio.DatagramTransport, data: bytes, to: tuple[str, int] | None) -> None:
        # a gateway that is down refuses, which on the air is silence
        with contextlib.suppress(OSError):
            if not transport.is_closing():
                transport.sendto(data, to)


class _Side(asyncio.DatagramProtocol):
    """One of the relay's two sockets."""

    def __init__(self, received: Received) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Say nothing: nobody listens at the other end, and the sender finds out by silence."""
