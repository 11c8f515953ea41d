"""How many signed readings a second a gateway receives, opens, verifies, commits and receipts, beside aiocoap with OSCORE answering alone.

Both are sent the same kind of load in turns, fifteen times each: twenty devices, each with a few requests on their way at a time, all
protected before the clock starts. A machine is not equally fast from one second to the next, so the share is the middle one of those of
two turns that follow each other. Every receipt is opened afterwards and must name its reading. Then how fast a long queue is packed, how
much memory the gateway has in use with its twenty devices, and what it does when nothing happens.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway import sealing
from gateway.delivery import Flight, Rules, Waiting, plan
from gateway.edges.link_key import public_half_in
from gateway.pseudonyms import keys_of
from protocol import coap, receipts
from tools import oscore_answers
from tools.bench.figures import Figure
from tools.crowd import Air, Device, Reading, Session
from tools.ordeal import Program
from tools.services import free_ports

_RUNS = 15
_MESSAGES = 1000
_ON_THEIR_WAY = 8  # of each device: within its replay window of 32, whatever is lost
_KINDS = ["scale"] * 14 + ["cuff"] * 3 + ["babyphone"] * 3
_VALUES = {"scale": {10: 72400, 11: 1, 12: 512}, "cuff": {10: 121, 11: 79, 12: 94, 13: 63, 14: 0}, "babyphone": {13: 2050, 14: 45}}
_AGAIN_S = 2.0
_IDLE_S = 20.0
_QUEUED = 10_000
_PEOPLE = 4


class Request(NamedTuple):
    """A datagram ready to send, the token its answer bears, and how the answer is judged."""

    datagram: bytes
    token: bytes
    is_right: Callable[[bytes], bool]


def measure() -> list[Figure]:
    """Run everything; return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="foyer-bench-"))
    try:
        return asyncio.run(_measure(folder))
    finally:
        shutil.rmtree(folder)


async def _measure(folder: Path) -> list[Figure]:
    port, page, other = free_ports(3)
    home = folder / "home"
    (folder / "gateway.toml").write_text(
        f'[home]\ndata = "{home}"\n[coap]\nbind = "127.0.0.1"\nport = {port}\nmessages_per_s = 100000\n[discovery]\nannounce = false\n'
        f'[page]\nbind = "127.0.0.1"\nport = {page}\nhost_names = ["localhost"]\n',
        encoding="utf-8",
    )
    key = public_half_in(home / "keys")
    devices = [Device(kind, key, port, Air(0, 0, 0), lambda *_: None) for kind in _KINDS]
    (home / "enrolments").mkdir()
    for device in devices:
        (home / f"enrolments/{device.kid.hex()}.json").write_text(json.dumps(device.enrolment()), encoding="utf-8")
    gateway = Program("gateway", [sys.executable, "-m", "gateway", "--configuration", str(folder / "gateway.toml")], folder / "gateway.log")
    alone = Program("answers", [sys.executable, "-m", "tools.oscore_answers", str(other)], folder / "answers.log")
    await asyncio.to_thread(gateway.start, "gateway.ready")
    await asyncio.to_thread(alone.start, "answers.ready")
    try:
        links = [await _introduced(device, port) for device in devices]
        echoes = [Session(oscore_answers.secret(number), b"", bytes((number,)), b"g") for number in range(oscore_answers.LINKS)]
        received, answered, synced = [], [], []
        for _ in range(_RUNS):
            synced.append(_syncs_per_s(folder))
            answered.append(await _rate(other, [list(_plain(devices[number], echoes[number])) for number in range(len(echoes))]))
            received.append(await _rate(port, [list(_signed(device, link)) for device, link in zip(devices, links, strict=True)]))
        memory_MB = int(Path(f"/proc/{gateway.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        await asyncio.sleep(_IDLE_S / 2)  # what was kept is assigned, and the page's figures written
        busy_s = _processor_s(gateway.pid)
        await asyncio.sleep(_IDLE_S)
        idle_percent = (_processor_s(gateway.pid) - busy_s) / _IDLE_S * 100
    finally:
        await asyncio.to_thread(gateway.end, signal.SIGTERM)
        await asyncio.to_thread(alone.end, signal.SIGTERM)
    packed = [_packed_per_s() for _ in range(_RUNS)]
    return [
        Figure("signed readings committed and receipted", median(received), "readings/s", median(answered) / 2, at_most=False),
        Figure("aiocoap with OSCORE answering alone", median(answered), "requests/s"),
        Figure(
            "the gateway's share of that",
            median(ours / theirs for ours, theirs in zip(received, answered, strict=True)),
            "",
            0.5,
            at_most=False,
        ),
        Figure("fdatasync of 4 KiB on this disk", median(synced), "1/s"),
        Figure("queued readings planned, packed, signed and closed", median(packed), "readings/s", 10_000, at_most=False),
        Figure("memory with 20 devices", memory_MB, "MB", 120),
        Figure("processor while nothing happens", idle_percent, "%", 1),
    ]


async def _introduced(device: Device, port: int) -> Session:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: device, remote_addr=("127.0.0.1", port))
    try:
        return await device.introduce()
    finally:
        transport.close()


def _signed(device: Device, link: Session) -> Iterator[Request]:
    """Yield a device's readings as requests; right is the receipt that names the reading."""
    for _ in range(_MESSAGES // len(_KINDS)):
        reading = device.measure(_VALUES[device.kind], None)
        device.outbox.clear()
        datagram, token, binding = device.request(link, reading)
        yield Request(datagram, token, _judge(link, binding, reading))


def _plain(device: Device, link: Session) -> Iterator[Request]:
    """Yield as many requests of the same size for the other server; right is any answer of its own."""
    reading = device.measure(_VALUES[device.kind], None)
    device.outbox.clear()
    for _ in range(_MESSAGES // len(_KINDS)):
        datagram, token, binding = device.request(link, reading)
        yield Request(datagram, token, lambda payload, binding=binding: link.open(payload, *binding) is not None)  # type: ignore[misc]


def _judge(link: Session, binding: tuple[bytes, bytes], reading: Reading) -> Callable[[bytes], bool]:
    def is_right(payload: bytes) -> bool:
        opened = link.open(payload, *binding)
        if opened is None or opened[0] != coap.CHANGED:
            return False
        receipt = receipts.decode(coap.decode_options(opened, 1)[1])
        return (receipt.sequence, receipt.digest, receipt.status) == (reading.sequence, reading.digest8, receipts.STORED)

    return is_right


class _Sender(asyncio.DatagramProtocol):
    """One device's requests on their way, a few at a time."""

    def __init__(self, requests: list[Request]) -> None:
        self._left = iter(requests)
        self._open: dict[bytes, tuple[Request, float]] = {}
        self.answers: list[tuple[Request, bytes]] = []
        self.done = asyncio.get_running_loop().create_future()
        self._transport: asyncio.DatagramTransport | None = None

    def begin(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        for _ in range(_ON_THEIR_WAY):
            self._next()

    def _next(self) -> None:
        request = next(self._left, None)
        if request is not None:
            self._send(request)
        elif not self._open and not self.done.done():
            self.done.set_result(None)

    def _send(self, request: Request) -> None:
        self._open[request.token] = request, time.monotonic()
        if self._transport is not None:
            self._transport.sendto(request.datagram)

    def datagram_received(self, data: bytes, _: object) -> None:
        message = coap.decode(data)
        if message.code == coap.EMPTY or message.token not in self._open:
            return
        if message.type == coap.CON and self._transport is not None:
            self._transport.sendto(coap.encode(coap.Message(coap.ACK, coap.EMPTY, message.message_id, b"", (), b"")))
        request, _sent_s = self._open.pop(message.token)
        self.answers.append((request, message.payload))
        self._next()

    def repeat(self, now_s: float) -> None:
        for request, sent_s in list(self._open.values()):
            if now_s - sent_s > _AGAIN_S:
                self._send(request)


async def _rate(port: int, loads: list[list[Request]]) -> float:
    """Return how many of these requests a server answers a second, all devices at once. Raises RuntimeError: an answer is wrong."""
    loop = asyncio.get_running_loop()
    senders: list[_Sender] = []
    transports = []
    for load in loads:
        transport, sender = await loop.create_datagram_endpoint(lambda load=load: _Sender(load), remote_addr=("127.0.0.1", port))  # type: ignore[misc]
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        transports.append(transport)
        senders.append(sender)
    began_s = time.monotonic()
    for transport, sender in zip(transports, senders, strict=True):
        sender.begin(transport)
    waiting = {sender.done for sender in senders}
    while waiting:
        _, waiting = await asyncio.wait(waiting, timeout=0.5)
        for sender in senders:
            sender.repeat(time.monotonic())
    took_s = time.monotonic() - began_s
    for transport in transports:
        transport.close()
    answers = [answer for sender in senders for answer in sender.answers]
    wrong = sum(not request.is_right(payload) for request, payload in answers)
    if wrong:
        raise RuntimeError(f"{wrong} of {len(answers)} answers were wrong")
    return len(answers) / took_s


def _syncs_per_s(folder: Path) -> float:
    file = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT)
    page = bytes(4096)
    count = 200
    began_s = time.monotonic()
    for _ in range(count):
        os.pwrite(file, page, 0)
        os.fdatasync(file)
    took_s = time.monotonic() - began_s
    os.close(file)
    return count / took_s


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _packed_per_s() -> float:
    """Return how many queued rows a second become messages: what to send is planned anew for every twenty, as if all were receipted."""
    rules, now_ms = Rules(), 0
    keys = {each.pseudonym: each for each in (keys_of(bytes(32), bytes((number,) * 16), 0) for number in range(_PEOPLE))}
    ingester = X25519PrivateKey.generate().public_key()
    names = list(keys)
    queue = [Waiting(number, names[number % _PEOPLE]) for number in range(_QUEUED)]
    row = sealing.Row(29_000_000, secrets.token_bytes(16), secrets.token_bytes(540))
    began_s = time.monotonic()
    packed, window = 0, 0
    while packed < _QUEUED:
        waiting = queue[window : window + 2000]
        gone: set[int] = set()
        flights: list[Flight] = []
        for message in plan(waiting, flights, now_ms, rules).send:
            rows = [row] * len(message.numbers)
            sealing.pack(keys[message.pseudonym], rows, now_ms, ingester, secrets.token_bytes)
            gone.update(message.numbers)
        packed += len(gone)
        window += len(gone)
    return packed / (time.monotonic() - began_s)
