"""A device's Bluetooth as docs/wire.md tells it, in the shape of a UDP port: what comes in there goes over the air in fragments, and back.

So whatever speaks CoAP to a gateway over UDP (`counterpart.py`) speaks to it over Bluetooth, and nothing in between is ours but
`protocol/frames.py` and the board's stack.
"""

import asyncio
import contextlib
import hmac
import secrets
import struct
from collections.abc import AsyncIterator
from hashlib import sha256

from bumble.core import UUID

from protocol import frames, nearby
from protocol.errors import BadFragment
from simulator.air import peripheral
from simulator.air.ble import Air
from simulator.errors import PortRefused
from tests.gateway.counterpart import Counterpart


class Pocket(asyncio.DatagramProtocol):
    """One device on the air. mtu: the most that it takes; waiting: whether it says that readings wait; secrets: its bonds."""

    def __init__(self, air: Air, device: Counterpart, name: str, mtu: int = 247) -> None:
        self.device = device
        self.waiting = True
        self.pairing = False
        self.secrets: dict[tuple[int, bytes], bytes] = {}
        self.links = 0
        self.mtu = 23
        self._most_mtu = mtu
        self._board = air.board(name, sha256(name.encode()).digest()[:6])
        self._stream: frames.Stream | None = None
        self._conn: int | None = None
        self._inbox = self._outbox = 0
        self._said = b""
        self._held: bytes | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._asker: tuple[str, int] | None = None
        self._queued: list[bytes] = []

    @property
    def port(self) -> int:
        """The UDP port that stands for the air."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def address(self) -> str:
        return self._board.address

    @contextlib.asynccontextmanager
    async def on(self) -> AsyncIterator["Pocket"]:
        """Be switched on."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.switch_on()
        running = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            self._board.lose_power()
            assert self._transport is not None
            self._transport.close()

    def switch_on(self) -> None:
        """Start with nothing but the bonds."""
        self._board.lose_power()
        self._stream = self._conn = self._held = None
        self._said = b""
        self._board.tell = self._happened
        for key, value in ((peripheral.BOND, 1), (peripheral.SECURE, 1), (peripheral.IO, 3), (peripheral.ADDRESS_MODE, 2)):
            self._do(peripheral.CONFIG, struct.pack("<BH", key, value))
        self._do(peripheral.CONFIG, struct.pack("<BH", peripheral.MTU, self._most_mtu))
        self._do(peripheral.ACTIVE, b"\1")
        said = b"\1" + _uuid(nearby.SERVICE) + b"\2" + _uuid(nearby.INBOX) + b"\x0c\x10" + _uuid(nearby.OUTBOX) + b"\x10\x00"
        self._inbox, self._outbox = struct.unpack("<HH", self._do(peripheral.REGISTER, said))
        self._do(peripheral.BUFFER, struct.pack("<HHB", self._inbox, 247, 0))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    async def visited(self) -> None:
        """Wait for the home, as a device does before it asks anything."""
        while self._stream is None:
            await asyncio.sleep(0.01)

    def say(self, packet: bytes) -> bool:
        """Notify the home of a packet as it stands; return whether there was a link that took it."""
        if self._conn is None or self._stream is None:
            return False
        try:
            self._do(peripheral.NOTIFY, struct.pack("<HHB", self._conn, self._outbox, 1) + packet)
        except PortRefused:
            return False
        return True

    async def silent(self) -> None:
        """Wait until all that was to be said is said, or nobody listens any more."""
        while self._stream is not None and (self._queued or not self._stream.idle):
            await asyncio.sleep(0.005)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr != self._asker:
            self._queued.clear()  # whoever begins anew asks nothing more of what he asked before
        self._asker = addr
        if data not in self._queued:
            self._queued = [*self._queued[-3:], data]

    def _do(self, what: int, body: bytes) -> bytes:
        return self._board.do(bytes((what,)) + body)

    def _happened(self, event: int, number: int, payload: bytes) -> None:
        answer = b""
        if event == peripheral.CENTRAL_CONNECT:
            self._conn, self.mtu = int.from_bytes(payload[:2], "little"), 23
            self.links += 1
        elif event == peripheral.CENTRAL_DISCONNECT:
            self._conn = self._stream = self._held = None
            self._said = b""
        elif event == peripheral.MTU_EXCHANGED:
            self.mtu = struct.unpack("<HH", payload)[1]
        elif event == peripheral.GATTS_WRITE and payload[4:] == nearby.READY and self._stream is None:
            self._stream = frames.Stream(self.mtu - 3)
        elif event == peripheral.GATTS_WRITE and self._stream is not None:
            self._take(payload[4:])
        elif event == peripheral.SET_SECRET:
            self.secrets[payload[0], payload[2:9]] = payload[9:]
            answer = b"\1"
        elif event == peripheral.GET_SECRET:
            found = [value for (kind, key), value in sorted(self.secrets.items()) if kind == payload[0] and payload[3:] in (b"", key)]
            answer = found[payload[1]] if payload[1] < len(found) else b""
        if number:
            self._do(peripheral.ANSWER, struct.pack("<H", number) + answer)

    def _take(self, packet: bytes) -> None:
        assert self._stream is not None
        try:
            whole = self._stream.feed(packet, _now_ms())
        except BadFragment:
            self._do(peripheral.DISCONNECT, struct.pack("<H", self._conn))
            return
        if whole is not None and self._asker is not None and self._transport is not None:
            self._transport.sendto(whole, self._asker)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            if self._conn is None:
                self._advertise()
            while self._stream is not None and self._queued and self._stream.send(self._queued[0]):
                self._queued.pop(0)
            self._pump()

    def _advertise(self) -> None:
        flags = (nearby.WAITING if self.waiting else 0) | (nearby.PAIRING if self.pairing else 0)
        if not self._said or self._said[0] & 15 != flags:
            nonce = secrets.token_bytes(3)
            tagged = nearby.tag(self.device.pairing, nonce, lambda key, data: hmac.digest(key, data, "sha256"))
            self._said = nearby.encode(self.device.kind, flags, nonce, tagged)
            said = nearby.advertisement(self._said)
            self._do(peripheral.ADVERTISE, struct.pack("<IBB", 50_000, 1, len(said)) + said)

    def _pump(self) -> None:
        while self._stream is not None and self._conn is not None:
            self._held = self._held or self._stream.poll(_now_ms())
            if self._held is None:
                return
            try:
                self._do(peripheral.NOTIFY, struct.pack("<HHB", self._conn, self._outbox, 1) + self._held)
            except PortRefused:
                return
            self._held = None


def _uuid(text: str) -> bytes:
    return b"\x10" + UUID(text).to_bytes()


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
