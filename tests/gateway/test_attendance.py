"""Commands at the devices' door: observed by other people's code and by the device's own, over good air and bad."""

import asyncio
import contextlib
import json
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiocoap
import lakers
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import devices
from gateway.commands import Order
from gateway.devices import Device
from gateway.edges.attendance import about
from gateway.edges.coap import Door
from gateway.edges.contexts import Contexts
from gateway.edges.introductions import Agreed
from protocol import cbor, commands, exchange, oscore
from protocol.link import Link
from tests.gateway.counterpart import Counterpart, MemoryContext, datagram
from tests.gateway.ingester import hkdf
from tests.gateway.test_coap import _open_ccm, _seal_ccm

pytestmark = pytest.mark.anyio

SECRET, SALT = bytes(range(16)), bytes(range(8))
DEVICE_ID, GATEWAY_ID = b"dev", b"\1"
QUICK = exchange.Timing(60, 6, 2000)


class Queue:
    """The simplest home: one order at a time, and what was answered."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.results: list[dict[int, object]] = []

    async def next_for(self, _device: Device) -> Order | None:
        return self.orders[0] if self.orders else None

    async def answered(self, _device: Device, result: Any) -> None:
        self.results.append(dict(result))
        self.orders = [order for order in self.orders if order.number != result[commands.NUMBER]]


class Counts:
    def __init__(self) -> None:
        self.refused: list[str] = []

    def refuse(self, reason: str) -> None:
        self.refused.append(reason)

    def count(self, what: str) -> None:
        pass


class Uptimes:
    """The part of `Arrivals` that hears what devices say of themselves."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, int, int]] = []

    def uptime(self, device: Device, boot: int, up_ms: int) -> None:
        self.heard.append((device.kid, boot, up_ms))


class NoPairings:
    def find(self, _device_id: bytes) -> None:
        """Nobody is being paired."""


class Room:
    """A door with one device before it, whose link is there already."""

    def __init__(self, door: Door, queue: Queue, device: Device, contexts: Contexts, counts: Counts) -> None:
        self.door, self.queue, self.device, self.contexts, self.counts = door, queue, device, contexts, counts
        self.uptimes = Uptimes()

    def ask(self, order: Order) -> None:
        self.queue.orders.append(order)
        self.door.orders_changed(self.device)

    def introduce(self, host: str = "127.0.0.1") -> None:
        """Give the device's link (again), as an introduction at this address does."""
        self.contexts.agreed(Agreed(self.device, DEVICE_ID, GATEWAY_ID, SECRET, SALT, host))


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    device = devices.parse("x", json.dumps(Counterpart("cuff").enrolment()))
    contexts = Contexts(ec.generate_private_key(ec.SECP256R1()))
    contexts.enrol([device])
    queue, counts = Queue(), Counts()
    uptimes = Uptimes()
    door = await Door.open("127.0.0.1", 0, contexts, NoPairings(), uptimes, counts, queue)  # type: ignore[arg-type]
    made = Room(door, queue, device, contexts, counts)
    made.uptimes = uptimes
    made.introduce()
    yield made
    await door.close()


async def until(happened: Callable[[], bool], timeout_s: float = 8) -> None:
    async with asyncio.timeout(timeout_s):
        while not happened():
            await asyncio.sleep(0.01)


async def test_other_peoples_code_observes_commands_and_answers(room: Room) -> None:
    """aiocoap's client fetches nothing, is told of an order once it waits, answers it, and is told that nothing waits."""
    context = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
    context.client_credentials[f"coap://127.0.0.1:{room.door.port}/*"] = MemoryContext(SECRET, SALT, DEVICE_ID, GATEWAY_ID)
    uri = f"coap://127.0.0.1:{room.door.port}/c"
    request = aiocoap.Message(code=aiocoap.FETCH, uri=uri, payload=commands.encode_presence(7, 5000), observe=0, content_format=60)
    asked = context.request(request, handle_blockwise=False)
    heard: list[bytes] = []
    first = await asked.response
    assert (first.code, first.payload) == (aiocoap.CONTENT, b"")

    async def listen() -> None:
        async for message in asked.observation:
            heard.append(message.payload)

    listening = asyncio.create_task(listen())
    assert room.door.attends(room.device)
    assert room.uptimes.heard == [(room.device.kid, 7, 5000)]
    room.ask(Order(3, commands.ARM, {commands.WHO: 2}, 30.0))
    await until(lambda: len(heard) == 1)
    told = commands.decode(heard[0])
    boot, until_ms = told[commands.UNTIL]  # type: ignore[misc]
    assert (told[commands.KIND], told[commands.NUMBER], told[commands.WHO], boot) == (1, 3, 2, 7)
    assert 34_000 <= until_ms <= 36_000, "30 s from now, in the device's uptime"
    result = commands.encode_result({0: 1, 1: 3, 4: commands.DONE})
    answer = await context.request(
        aiocoap.Message(code=aiocoap.POST, uri=uri, payload=result, content_format=60), handle_blockwise=False
    ).response
    assert answer.code == aiocoap.CHANGED
    assert room.queue.results == [{0: 1, 1: 3, 4: 0}]
    room.door.orders_changed(room.device)
    await until(lambda: heard[1:] == [b""])
    listening.cancel()
    await context.shutdown()


@pytest.mark.parametrize(
    ("code", "payload", "content_format"),
    [
        (aiocoap.FETCH, b"\xa0", 60),
        (aiocoap.FETCH, b"\xa1\x02\x82\x01\x20", 60),
        (aiocoap.POST, b"\xa1\x00\x01", 60),
        (aiocoap.POST, b"not CBOR", 60),
        (aiocoap.GET, b"", 60),
        (aiocoap.FETCH, commands.encode_presence(1, 1), 18),
    ],
)
async def test_a_presence_or_result_that_is_none_is_refused(room: Room, code: Any, payload: bytes, content_format: int) -> None:
    """4.00, 4.05 or 4.15, counted; nobody attends by it and no result is taken."""
    context = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
    context.client_credentials[f"coap://127.0.0.1:{room.door.port}/*"] = MemoryContext(SECRET, SALT, DEVICE_ID, GATEWAY_ID)
    request = aiocoap.Message(code=code, uri=f"coap://127.0.0.1:{room.door.port}/c", payload=payload, content_format=content_format)
    if code is aiocoap.FETCH:
        request.opt.observe = 0
    answer = await context.request(request, handle_blockwise=False).response
    assert answer.code in (aiocoap.BAD_REQUEST, aiocoap.METHOD_NOT_ALLOWED, aiocoap.UNSUPPORTED_CONTENT_FORMAT)
    assert room.counts.refused == ["bad_request"]
    assert not room.door.attends(room.device)
    assert room.queue.results == []
    await context.shutdown()


class Air(asyncio.DatagramProtocol):
    """Between a device's link and the door: loses, doubles and delays, by a seed."""

    def __init__(self, way: Link, port: int, seed: int, bad: float) -> None:
        self.way, self.port, self.chance, self.bad = way, port, random.Random(seed), bad
        self.heard: list[bytes] = []
        self.began = time.monotonic()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    @property
    def now_ms(self) -> int:
        return int((time.monotonic() - self.began) * 1000)

    def _carry(self, deliver: Callable[[], None]) -> None:
        for _ in range(2 if self.chance.random() < self.bad / 2 else 1):
            if self.chance.random() >= self.bad:
                asyncio.get_running_loop().call_later(self.chance.random() * 0.05 if self.bad else 0, deliver)

    def datagram_received(self, data: bytes, _: Any) -> None:
        self._carry(lambda: self._feed(data))

    def _feed(self, data: bytes) -> None:
        self.way.feed(data, self.now_ms)
        if self.way.news is not None:
            self.heard.append(self.way.news)
            self.way.news = None
        self.look()

    def look(self) -> None:
        while datagram := self.way.poll(self.now_ms):
            self._carry(lambda sent=datagram: self.transport.sendto(sent))  # type: ignore[misc]

    async def over(self, timeout_s: float = 15) -> None:
        """Wait for the exchange under way, beginning it again when it timed out, as a device does."""
        async with asyncio.timeout(timeout_s):
            while not self.way.over:
                self.look()
                await asyncio.sleep(0.005)


@asynccontextmanager
async def air(room: Room, seed: int, bad: float, host: str = "127.0.0.1", first: int = 0) -> AsyncIterator[Air]:
    """A device at an address, whose link begins at a number."""
    numbers = iter(range(first, 10**6))
    ours = Link(oscore.derive(SECRET, SALT, DEVICE_ID, GATEWAY_ID, hkdf), lambda: next(numbers), _seal_ccm, _open_ccm, os.urandom, QUICK)
    between = Air(ours, room.door.port, seed, bad)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: between, (host, 0), ("127.0.0.1", room.door.port))
    try:
        yield between
    finally:
        transport.close()


async def present(between: Air, boot: int = 4) -> None:
    """Ask until it is answered."""
    for _ in range(20):
        between.way.fetch(b"c", 60, commands.encode_presence(boot, between.now_ms), between.now_ms)
        await between.over()
        if between.way.answer is not None:
            between.heard.append(between.way.answer.payload)
            return
    pytest.fail("never answered")


@pytest.mark.parametrize(("seed", "bad"), [(1, 0.0), (2, 0.3), (3, 0.3), (4, 0.5)])
async def test_the_devices_own_link_hears_the_newest_state_whatever_the_air_does(
    room: Room, seed: int, bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost, doubled, overtaken and late datagrams, against aiocoap: the numbers heard never fall, and the last is what waits in the end."""
    monkeypatch.setattr("aiocoap.numbers.constants.TransportTuning.ACK_TIMEOUT", 0.06)
    monkeypatch.setattr("aiocoap.numbers.constants.TransportTuning.MAX_RETRANSMIT", 7)
    async with air(room, seed, bad) as between:
        await present(between)
        for number in range(1, 13):
            room.queue.orders = [Order(number, commands.REPORT, {}, 60.0)]
            room.door.orders_changed(room.device)
            if number == 6:
                await present(between)  # renewed, with notifications on their way
            await asyncio.sleep(0.03)
        for _ in range(40):
            if between.heard and between.heard[-1] and commands.decode(between.heard[-1])[commands.NUMBER] == 12:
                break
            await asyncio.sleep(0.1)
        else:
            await present(between)  # as after a minute: an observation that was given up is made good
        numbers = [commands.decode(state)[commands.NUMBER] for state in between.heard if state]
        assert numbers[-1] == 12
        assert numbers == sorted(numbers)  # type: ignore[type-var]
        assert between.way.observes


async def test_a_notification_played_back_changes_nothing(room: Room) -> None:
    """Recorded and sent again, before and after a newer one: acknowledged at most, never heard again; a changed one is a forgery."""
    async with air(room, 1, 0.0) as between:
        await present(between)
        recorded: list[bytes] = []
        plain = between.datagram_received
        between.datagram_received = lambda data, who: (recorded.append(data), plain(data, who))  # type: ignore[method-assign,func-returns-value]
        for number in (1, 2):
            room.queue.orders = [Order(number, commands.STOP, {}, 9.0)]
            room.door.orders_changed(room.device)
            await until(lambda number=number: len(recorded) == number)  # type: ignore[misc]
        await until(lambda: len(between.heard) == 3)
        for data in (recorded[0], recorded[1], bytes([recorded[0][0], recorded[0][1], 1, 2]) + recorded[0][4:]):
            between.way.feed(data, between.now_ms)
            assert between.way.news is None
        forged = between.way.forged
        between.way.feed(recorded[1][:2] + b"\7\7" + recorded[1][4:-1] + bytes((recorded[1][-1] ^ 1,)), between.now_ms)
        assert (between.way.forged, between.way.news) == (forged + 1, None)


async def test_an_observation_ends_with_its_link_and_begins_with_the_next(room: Room) -> None:
    """A device that introduced itself anew is told by its new link alone; nothing is sealed with the old keys any more."""
    async with air(room, 1, 0.0) as between:
        await present(between)
        room.contexts.enrol([])
        room.contexts.enrol([room.device])
        room.ask(Order(1, commands.STOP, {}, 9.0))
        await until(lambda: not room.door.attends(room.device))
        assert between.heard == [b""]
        room.introduce()
    async with air(room, 2, 0.0) as between:
        await present(between)
        assert commands.decode(between.heard[-1])[commands.NUMBER] == 1


async def test_a_device_that_asks_anew_from_elsewhere_takes_its_own_place(room: Room) -> None:
    """Two observations of one device are one: the older ends in silence, and the newer is told."""
    async with air(room, 1, 0.0) as before:
        await present(before)
        # the same link, from another port: after deep sleep
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: before, remote_addr=("127.0.0.1", room.door.port))
        before.way._observed = None  # a link that woke from sleep knows of none
        await present(before)
        room.ask(Order(1, commands.STOP, {}, 9.0))
        await until(lambda: len(before.heard) == 3)
        assert before.way.forged == 0
        transport.close()


def exchanged(port: int, sent: bytes, wait_s: float = 0.5) -> bytes:
    """Return all that comes back to an address that nobody knows."""
    got = b""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(wait_s)
        stranger.sendto(sent, ("127.0.0.1", port))
        with contextlib.suppress(TimeoutError):
            while True:
                got += stranger.recv(4096)
    return got


async def test_nobody_can_make_the_door_send_more_than_three_times_what_it_heard(room: Room) -> None:
    """Whatever an address that proved nothing sends, all that comes back to it is within RFC 9175's three times, so no Echo is needed."""
    message_1 = lakers.EdhocInitiator().prepare_message_1(b"\x05", [])
    introduction = aiocoap.Message(code=aiocoap.POST, payload=b"\xf5" + message_1, uri_path=(".well-known", "edhoc"), content_format=65)
    plain = aiocoap.Message(code=aiocoap.GET, uri_path=("c",))
    stranger, _ = MemoryContext(bytes(16), bytes(8), b"who", b"\1").protect(_outgoing(plain))
    forged, _ = MemoryContext(bytes(16), bytes(8), DEVICE_ID, GATEWAY_ID).protect(_outgoing(plain))
    discovery = aiocoap.Message(code=aiocoap.GET, uri_path=(".well-known", "core"))
    sent = [datagram(each, 100 + number) for number, each in enumerate((introduction, plain, stranger, forged, discovery))]
    for data in [*sent, b"\x40\x00\x12\x34", b"\x40\x01\x00\x01", b"\x50\x01\x00\x01", b"", b"\x40", b"\xff" * 40]:
        answer = await asyncio.to_thread(exchanged, room.door.port, data)
        assert len(answer) <= 3 * len(data), data.hex()
    answer = await asyncio.to_thread(exchanged, room.door.port, datagram(introduction, 300))
    assert answer, "the largest of them is answered"


class Victim(asyncio.DatagramProtocol):
    """Somebody else's address, from which an attacker sends what was recorded, and what comes of it."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, _: Any) -> None:
        self.got.append(data)


@asynccontextmanager
async def victim(host: str = "127.0.0.2") -> AsyncIterator[tuple[Victim, asyncio.DatagramTransport]]:
    transport, somebody = await asyncio.get_running_loop().create_datagram_endpoint(Victim, (host, 0))
    try:
        yield somebody, transport
    finally:
        transport.close()


def recorded(between: Air) -> bytes:
    """Return the device's next question for commands, kept from the gateway by whoever recorded it."""
    between.way.fetch(b"c", 60, commands.encode_presence(4, between.now_ms), between.now_ms)
    return between.way.poll(between.now_ms) or b""


async def change_what_waits(room: Room, between: Air) -> None:
    """Give an order after the other; the device itself hears the last."""
    for number in range(1, 6):
        room.queue.orders = [Order(number, commands.REPORT, {}, 60.0)]
        room.door.orders_changed(room.device)
        await asyncio.sleep(0.05)
    await present(between)
    assert commands.decode(between.heard[-1])[commands.NUMBER] == 5


async def test_a_recorded_question_from_elsewhere_draws_one_small_answer(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's own FETCH, sent first from an address where it has not proved to be, makes nobody there hear of anything that changes.

    What comes is smaller than what was sent, it is not repeated, the gateway learns nothing by it, and the device is told as ever.
    """
    monkeypatch.setattr("aiocoap.numbers.constants.TransportTuning.ACK_TIMEOUT", 0.06)
    async with air(room, 1, 0.0) as between, victim() as (somebody, transport):
        for _ in range(3):
            sent = recorded(between)
            transport.sendto(sent, ("127.0.0.1", room.door.port))
            await until(lambda: bool(somebody.got))
            assert not room.door.attends(room.device)
            assert room.uptimes.heard == []
            assert len(somebody.got) == 1
            assert len(somebody.got[0]) <= len(sent)
            somebody.got.clear()
        await change_what_waits(room, between)
        await asyncio.sleep(0.5)
        assert somebody.got == []


async def test_a_slow_answer_to_somewhere_else_is_sent_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result sent from an address where the device has not proved to be, and a disk that takes its time: one answer, never repeated."""
    monkeypatch.setattr("aiocoap.numbers.constants.TransportTuning.ACK_TIMEOUT", 0.06)
    monkeypatch.setattr("gateway.edges.datagrams._Tuning.EMPTY_ACK_DELAY", 0.05)
    answered = room.queue.answered

    async def slowly(device: Device, result: Any) -> None:
        await asyncio.sleep(0.2)
        await answered(device, result)

    monkeypatch.setattr(room.queue, "answered", slowly)
    async with air(room, 1, 0.0) as between, victim() as (somebody, transport):
        for number, host in enumerate(("127.0.0.1", "127.0.0.2")):
            room.introduce(host)
            between.way.post(b"c", 60, commands.encode_result({0: 1, 1: number, 4: commands.DONE}), between.now_ms)
            sent = between.way.poll(between.now_ms) or b""
            somebody.got.clear()
            transport.sendto(sent, ("127.0.0.1", room.door.port))
            await until(lambda: len(somebody.got) >= 2)
            await asyncio.sleep(1.0)
            repeated = len(somebody.got) - 2
            assert (repeated > 0) == (host == "127.0.0.2"), "only where it is proved to be is it told until it says that it heard"
            if host == "127.0.0.1":
                assert sum(map(len, somebody.got)) <= 3 * len(sent)


async def test_a_device_that_moved_proves_where_it_is_and_is_told_there(room: Room) -> None:
    """From another address than that of its introduction: one exchange more, by an Echo, and commands come as before."""
    room.queue.orders = [Order(1, commands.STOP, {}, 9.0)]
    async with air(room, 1, 0.0, host="127.0.0.3") as between:
        await present(between)
        assert commands.decode(between.heard[-1])[commands.NUMBER] == 1
        assert room.door.attends(room.device)
        await change_what_waits(room, between)


async def test_a_recorded_echo_proves_nothing_from_elsewhere(room: Room) -> None:
    """The device's answer to an Echo, kept from the gateway and sent from a third address, draws one small answer, too."""
    async with air(room, 1, 0.0) as between, victim("127.0.0.3") as (device, own), victim() as (somebody, transport):
        own.sendto(recorded(between), ("127.0.0.1", room.door.port))
        await until(lambda: bool(device.got))
        between.way.feed(device.got[0], between.now_ms)
        sent = between.way.poll(between.now_ms)
        assert sent is not None
        transport.sendto(sent, ("127.0.0.1", room.door.port))
        await until(lambda: bool(somebody.got))
        assert len(somebody.got[0]) <= len(sent)
        assert not room.door.attends(room.device)


def _outgoing(message: Any) -> Any:
    message.direction = aiocoap.message.Direction.OUTGOING
    return message


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({32: b"0.1.0", 33: -61}, ("0.1.0", -61)),
        ({}, (None, None)),
        ({32: 7, 33: b"strong"}, (None, None)),
        ({32: b"<b>", 33: 5}, (None, None)),
        ({32: b"", 33: -128}, (None, None)),
        ({32: b"\xff\xfe", 33: 0}, (None, 0)),
    ],
)
def test_what_a_device_says_of_itself_is_believed_only_as_far_as_it_can_be(said: dict[int, Any], known: tuple[Any, Any]) -> None:
    """A release is a short plain text and a signal a possible number of dBm; anything else is not said."""
    assert about(cbor.encode({2: [1, 1], **said})) == known
