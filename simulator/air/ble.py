"""The Bluetooth air of a house: any Bumble host joins over TCP and has a controller of its own; who hears whom, when, and what is lost.

    air = Air(); await air.open(); open_transport(f"tcp-client:127.0.0.1:{air.port}")

A packet that the air loses is repeated by the controllers, as in the real radio: it comes later, in order, or the link ends by its
supervision timeout. What truly vanishes on a link are notifications and unanswered writes that a full host lets drop: `spill`. The control
port takes one JSON object a line (see `_Control`) and answers with one; a member is called by the name that it was given there, or by
its TCP port. `record`, when it is a list, is given every byte that is said on the air, as if nothing were enciphered.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import deque
from collections.abc import Callable

from bumble import controller, core, hci, ll
from bumble.transport.common import PacketParser

from simulator.air.peripheral import Peripheral
from simulator.air.radio import Medium, Radio

CONNECTION_INTERVAL_s = 0.03
_LOOK_s = 0.05
_OVERHEAD_BYTES = 21  # preamble to CRC around 27 bytes of data, its acknowledgement and the two pauses, at 1 Mbit/s
_ATT_CHANNEL = 4
_UNANSWERED = (0x1B, 0x52)  # a notification, a write command
_LINE_BYTES = 10_000


class Air(Medium):
    """loss: share of packets that are repeated, and of advertisements that vanish; spill: share of notifications and unanswered writes
    that vanish; throughput_bit_per_s: of one link, each way (None: at once); latency_s; supervision_s. All may be changed at any time.
    """

    def __init__(self, seed: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Bumble's
        self.loss = 0.0
        self.spill = 0.0
        self.throughput_bit_per_s: float | None = None
        self.latency_s = 0.0
        self.supervision_s = 2.0
        self.record: list[bytes] | None = None
        self.spilt = 0
        self._random = random.Random(seed)
        self._apart: set[frozenset[str]] = set()
        self._away: set[str] = set()
        self._lanes: dict[tuple[controller.Controller, hci.Address], _Lane] = {}
        self._unheard: dict[int, tuple[controller.Connection, float]] = {}  # links by identity: Bumble's have no hash
        self._joined = 0
        self._servers: list[asyncio.Server] = []
        self._watching: asyncio.Task[None] | None = None

    async def open(self, port: int = 0) -> None:
        """Open the port for members (0: a free one) and a free one for control, on this machine."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: _Member(self), "127.0.0.1", port))
        self._servers.append(await asyncio.start_server(_Control(self).serve, "127.0.0.1", 0, limit=_LINE_BYTES))
        self._watching = loop.create_task(self._watch())

    async def close(self) -> None:
        """Silence."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        for server in self._servers:
            server.close()
        self._servers.clear()
        for each in list(self.members):
            each.leave()
            each.hang_up()
        self.controllers.clear()

    @property
    def port(self) -> int:
        """Where members join."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    @property
    def control_port(self) -> int:
        """Where the air itself is turned."""
        return int(self._servers[1].sockets[0].getsockname()[1])

    @property
    def members(self) -> list[Radio]:
        """Return who has joined."""
        return [each for each in self.controllers if isinstance(each, Radio)]

    def member(self, name: str) -> Radio:
        """Return who goes by that name. Raises KeyError."""
        for each in self.members:
            if each.name == name:
                return each
        raise KeyError(name)

    def join(self, name: str) -> Radio:
        """Return a new controller on this air."""
        self._joined += 1
        return Radio(name, self, f"F0:F1:F2:00:{self._joined >> 8 & 255:02X}:{self._joined & 255:02X}")

    def board(self, name: str, chip: bytes) -> Peripheral:
        """Return the Bluetooth of a board; chip: the six bytes that name it."""
        return Peripheral(self, name, chip)

    def backlog(self, name: str) -> int:
        """Return how many packets of a member are still to go out."""
        return sum(len(lane) for (radio, _), lane in self._lanes.items() if radio.name == name)

    def part(self, radio: Radio) -> None:
        """Take a controller from the air, as when its power goes."""
        radio.leave()
        self.controllers.discard(radio)

    # range

    def separate(self, one: str, other: str) -> None:
        """Put two members so far apart that they do not hear each other."""
        self._apart.add(frozenset((one, other)))

    def carry_away(self, name: str) -> None:
        """Take a member out of everybody's range."""
        self._away.add(name)

    def bring_back(self, name: str) -> None:
        """Bring a member back into everybody's range."""
        self._away.discard(name)
        self._apart = {pair for pair in self._apart if name not in pair}

    def hear_each_other(self, one: controller.Controller, other: controller.Controller) -> bool:
        """Return whether two members are in range of each other."""
        names = {one.name, other.name}
        return not names & self._away and frozenset(names) not in self._apart

    # what controllers say

    def advertise(self, sender: Radio) -> None:
        """Carry an advertisement and its scan response to everybody in range."""
        said = sender.le_legacy_advertiser
        self._note(bytes(said.advertising_data) + bytes(said.scan_response_data))
        for other in self.members:
            if other is not sender and self.hear_each_other(sender, other) and self._random.random() >= self.loss:
                asyncio.get_running_loop().call_soon(other.hears, sender)

    def send_advertising_pdu(self, sender_controller: controller.Controller, packet: ll.AdvertisingPdu) -> None:
        """Carry the request for a connection."""
        for other in self.members:
            if other is not sender_controller and self.hear_each_other(sender_controller, other):
                asyncio.get_running_loop().call_soon(other.on_ll_advertising_pdu, packet)

    def send_acl_data(
        self, sender_controller: controller.Controller, destination_address: hci.Address, transport: core.PhysicalTransport, data: bytes
    ) -> None:
        """Carry data over a link; the link knows both addresses, public or random."""
        self._note(data)
        unanswered = len(data) > 4 and data[2] == _ATT_CHANNEL and data[4] in _UNANSWERED
        if unanswered and self._random.random() < self.spill:
            self.spilt += 1
            return
        connection = sender_controller.le_connections.get(destination_address)
        if connection is not None:
            own = connection.self_address
            self._carry(connection, len(data), lambda other: other.on_link_acl_data(own, transport, data))

    def send_ll_control_pdu(self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu) -> None:
        """Carry what controllers tell each other about a link, in order with its data."""
        for each in self.members:
            connection = each.le_connections.get(receiver_address)
            if connection is not None and connection.self_address == sender_address:
                self._carry(connection, 0, lambda other: other.on_ll_control_pdu(sender_address, packet))

    # links

    def peer(self, connection: controller.Connection) -> Radio | None:
        """Return who holds the other end of a link, or None: it is gone."""
        for each in self.members:
            other = each.le_connections.get(connection.self_address)
            if other is not None and other.self_address == connection.peer_address:
                return each
        return None

    def _carry(self, connection: controller.Connection, size: int, deliver: Callable[[Radio], None]) -> None:
        key = (connection.controller, connection.peer_address)
        lane = self._lanes.get(key)
        if lane is None or lane.connection is not connection:
            lane = self._lanes[key] = _Lane(self, connection)
        lasts_s = 0.0
        if self.throughput_bit_per_s:
            lasts_s = (size + _OVERHEAD_BYTES) * 8 / self.throughput_bit_per_s
        while self._random.random() < self.loss:
            lasts_s += CONNECTION_INTERVAL_s
        lane.put(lasts_s, self.latency_s, deliver)

    def _note(self, data: bytes) -> None:
        if self.record is not None:
            self.record.append(data)

    async def _watch(self) -> None:
        """End the links whose ends have not heard each other for the supervision timeout."""
        while True:
            await asyncio.sleep(_LOOK_s)
            now_s = time.monotonic()
            unheard: dict[int, tuple[controller.Connection, float]] = {}
            for each in self.members:
                for connection in list(each.le_connections.values()):
                    other = self.peer(connection)
                    if other is not None and self.hear_each_other(each, other):
                        continue
                    since_s = self._unheard.get(id(connection), (connection, now_s))[1]
                    if now_s - since_s < self.supervision_s:
                        unheard[id(connection)] = connection, since_s
                    else:
                        each.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            self._unheard = unheard
            self._lanes = {
                key: lane for key, lane in self._lanes.items() if len(lane) or key[0].le_connections.get(key[1]) is lane.connection
            }


class _Lane:
    """One direction of a link: packets in order, each in its time; while the ends do not hear each other they wait."""

    def __init__(self, air: Air, connection: controller.Connection) -> None:
        self.connection = connection
        self._air = air
        self._free_s = 0.0
        self._waiting: deque[tuple[float, Callable[[Radio], None]]] = deque()
        self._next: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, lasts_s: float, latency_s: float, deliver: Callable[[Radio], None]) -> None:
        loop = asyncio.get_running_loop()
        self._free_s = max(self._free_s, loop.time()) + lasts_s
        self._waiting.append((self._free_s + latency_s, deliver))
        if self._next is None:
            self._next = loop.call_at(self._waiting[0][0], self._deliver)

    def _deliver(self) -> None:
        self._next = None
        loop = asyncio.get_running_loop()
        own = self.connection.controller
        other = self._air.peer(self.connection)
        if other is None or not self._air.hear_each_other(own, other):
            if own.le_connections.get(self.connection.peer_address) is self.connection and other is not None:
                self._next = loop.call_later(CONNECTION_INTERVAL_s, self._deliver)
            else:
                self._waiting.clear()
            return
        while self._waiting and self._waiting[0][0] <= loop.time():
            self._waiting.popleft()[1](other)
        if self._waiting:
            self._next = loop.call_at(self._waiting[0][0], self._deliver)


class _Member(asyncio.Protocol):
    """A host's TCP connection: HCI packets in and out."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._parser = PacketParser()
        self._radio: Radio | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 -- what a TCP server makes
        self._transport = transport
        self._radio = self._air.join(str(transport.get_extra_info("peername")[1]))
        self._radio.set_packet_sink(self)
        self._radio.hang_up = transport.abort
        self._parser.set_packet_sink(self._radio)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except core.InvalidPacketError:
            if self._transport is not None:
                self._transport.abort()  # a stranger on the port

    def on_packet(self, packet: bytes) -> None:
        """Give the host what its controller says."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packet)

    def connection_lost(self, _: Exception | None) -> None:
        if self._radio is not None:
            self._air.part(self._radio)


class _Control:
    """Lines of JSON: {"set": {"loss": 0.05}}, {"name": {"port": 5, "as": "scale"}}, {"away": "scale"}, {"back": "scale"},
    {"apart": ["scale", "gateway"]}, {"links": {"of": "gateway", "most": 1}}, {"cut": "scale"}, {"members": true}; answered by
    {"done": …} or {"wrong": "…"}.
    """

    def __init__(self, air: Air) -> None:
        self._air = air

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other end closes."""
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                try:
                    answer: dict[str, object] = {"done": self.obey(json.loads(line))}
                except (ValueError, KeyError, TypeError, AttributeError) as wrong:
                    answer = {"wrong": f"{type(wrong).__name__}: {wrong}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def obey(self, order: dict[str, object]) -> object:
        """Do one thing. Raises ValueError, KeyError, TypeError: it is none, or not to be done."""
        ((verb, what),) = order.items()
        air = self._air
        if verb == "members":
            return sorted(each.name for each in air.members)
        if verb == "set" and isinstance(what, dict):
            for name, value in what.items():
                if name not in ("loss", "spill", "throughput_bit_per_s", "latency_s", "supervision_s") or isinstance(value, bool):
                    raise KeyError(name)
                setattr(air, name, None if value is None else float(value))
        elif verb == "name" and isinstance(what, dict):
            air.member(str(what["port"])).name = str(what["as"])
        elif verb == "apart" and isinstance(what, list):
            air.separate(str(what[0]), str(what[1]))
        elif verb == "away":
            air.carry_away(str(what))
        elif verb == "back":
            air.bring_back(str(what))
        elif verb == "links" and isinstance(what, dict):
            air.member(str(what["of"])).most_links = int(what["most"])
        elif verb == "cut":
            cut(air, str(what))
        else:
            raise ValueError(verb)
        return True


def cut(air: Air, name: str) -> None:
    """End every link of a member at once, as interference does."""
    radio = air.member(name)
    for connection in list(radio.le_connections.values()):
        other = air.peer(connection)
        if other is not None:
            for far in [each for each in other.le_connections.values() if each.peer_address == connection.self_address]:
                other.on_le_disconnected(far, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        radio.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
