"""The device's end of the link: against an imagined gateway over bad air, and against a real aiocoap server over loopback."""

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiocoap
import pytest
from aiocoap import resource
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore import FilesystemSecurityContext
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from hypothesis import given
from hypothesis import strategies as st

from protocol import coap, exchange, link, oscore, oscore_opening, oscore_server
from tests.on_micropython import both_pythons
from tests.protocol import bodies
from tests.protocol.test_oscore import open_, seal

DEVICE_ID, GATEWAY_ID = b"\x07", b""


def context_of(sender_id: bytes, recipient_id: bytes) -> oscore.Context:
    return oscore.derive(bodies.SECRET, bodies.SALT, sender_id, recipient_id, bodies.hkdf.hkdf)


class Counter:
    """Sequence numbers from 0, and bytes that are random enough to tell tokens apart."""

    def __init__(self) -> None:
        self.taken = 0
        self.drawn = 0

    def take(self) -> int:
        self.taken += 1
        return self.taken - 1

    def random(self, count: int) -> bytes:
        self.drawn += 1
        return (self.drawn * 40503 & 0xFFFF).to_bytes(2, "big")[-count:]


def new_link(counter: Counter, timing: exchange.Timing = exchange.RFC7252_TIMING) -> link.Link:
    return link.Link(context_of(DEVICE_ID, GATEWAY_ID), counter.take, seal, open_, counter.random, timing)


class Gateway:
    """An imagined gateway: opens, takes each sequence once, answers piggybacked or later, and can lose its memory."""

    def __init__(self, separate: bool = False) -> None:
        self.context = context_of(GATEWAY_ID, DEVICE_ID)
        self.separate = separate
        self.stored: list[bytes] = []
        self.sequences: set[int] = set()
        self.sent = 1000
        self.answered: dict[int, list[bytes]] = {}
        self.echo: bytes | None = None

    def restart(self) -> None:
        self.answered, self.echo = {}, b"fresh?!" + bytes((len(self.stored),))

    def hears(self, datagram: bytes) -> list[bytes]:
        """Return the datagrams it answers with."""
        message = coap.decode(datagram)
        if message.code == coap.EMPTY:
            return []
        if message.message_id in self.answered:
            return self.answered[message.message_id]
        opened, binding, sequence = oscore_server.unprotect_request(self.context, message.options, message.payload, open_)
        echo = coap.option(opened.options, coap.ECHO)
        self.sent += 1
        if self.echo is not None and echo != self.echo:
            code, options, sealed = oscore_server.protect_response(
                self.context, binding, coap.UNAUTHORIZED, ((coap.ECHO, self.echo),), b"", seal, self.sent
            )
            return [coap.encode(coap.Message(coap.ACK, code, message.message_id, message.token, options, sealed))]
        self.echo = None
        assert sequence not in self.sequences, "a nonce was used twice"
        self.sequences.add(sequence)
        self.stored.append(opened.payload)
        code, options, sealed = oscore_server.protect_response(self.context, binding, coap.CHANGED, (), b"kept " + opened.payload, seal)
        if self.separate:
            out = [coap.Message(coap.ACK, coap.EMPTY, message.message_id, b"", (), b"")]
            out.append(coap.Message(coap.CON, code, self.sent & 0xFFFF, message.token, options, sealed))
        else:
            out = [coap.Message(coap.ACK, code, message.message_id, message.token, options, sealed)]
        self.answered[message.message_id] = [coap.encode(part) for part in out]
        return self.answered[message.message_id]


def run_until_over(way: link.Link, gateway: Gateway, fates: list[str], now_ms: int = 0) -> int:
    """Play air between the two: each datagram is delivered, lost, doubled or delayed as `fates` say, then all arrive. Return the end."""
    fates = list(fates)
    air: list[tuple[int, bool, bytes]] = []  # when, towards the gateway, what

    def send(datagram: bytes, to_gateway: bool) -> None:
        fate = fates.pop(0) if fates else "arrives"
        if fate != "lost":
            air.append((now_ms + (2600 if fate == "late" else 20), to_gateway, datagram))
        if fate == "twice":
            air.append((now_ms + 900, to_gateway, datagram))

    while not way.over or air:
        while datagram := way.poll(now_ms):
            send(datagram, True)
        times = [when for when, _, _ in air] + ([way.due_ms] if way.due_ms is not None else [])
        if not times:
            break
        now_ms = max(now_ms, min(times))
        for entry in [entry for entry in air if entry[0] <= now_ms]:
            air.remove(entry)
            if entry[1]:
                for reply in gateway.hears(entry[2]):
                    send(reply, False)
            else:
                way.feed(entry[2], now_ms)
        assert now_ms < 400_000, "no end"
    return now_ms


fate_lists = st.lists(st.sampled_from(["arrives", "lost", "twice", "late"]), max_size=16)


@given(st.lists(fate_lists, min_size=1, max_size=3), st.booleans(), st.sets(st.integers(0, 2)))
def test_over_bad_air_an_answer_is_authentic_and_a_nonce_never_comes_twice(
    rounds: list[list[str]], separate: bool, restarts: set[int]
) -> None:
    """Lost, doubled and late datagrams and restarts of the gateway: ANSWERED means stored, and otherwise the time ran out."""
    counter, gateway = Counter(), Gateway(separate)
    way = new_link(counter)
    now_ms = 0
    for number, fates in enumerate(rounds):
        if number in restarts:
            gateway.restart()
        payload = b"reading %d" % number
        way.post(b"r", coap.FORMAT_COSE_SIGN1, payload, now_ms)
        now_ms = run_until_over(way, gateway, fates, now_ms)
        if way.state == exchange.ANSWERED:
            assert way.answer == oscore_opening.Opened(coap.CHANGED, (), b"kept " + payload)
            assert payload in gateway.stored
        else:
            assert way.state == exchange.TIMED_OUT
            assert way.answer is None
        assert fates or way.state == exchange.ANSWERED
    assert way.forged == 0


def test_a_lost_replay_window_costs_one_more_request() -> None:
    """4.01 with Echo makes the link seal the request again under a new number; the reading is stored once."""
    counter, gateway = Counter(), Gateway()
    gateway.restart()
    way = new_link(counter)
    way.post(b"r", coap.FORMAT_COSE_SIGN1, b"72.4", 0)
    run_until_over(way, gateway, [])
    assert (way.state, gateway.stored, counter.taken) == (exchange.ANSWERED, [b"72.4"], 2)


def test_echo_without_end_is_not_followed_without_end() -> None:
    """A gateway that always asks for another Echo gets three requests; its 4.01 is the answer then."""
    counter, gateway = Counter(), Gateway()
    way = new_link(counter)
    way.post(b"r", coap.FORMAT_COSE_SIGN1, b"72.4", 0)
    while datagram := way.poll(0):
        gateway.echo = b"another%d" % counter.taken
        for reply in gateway.hears(datagram):
            way.feed(reply, 0)
    assert counter.taken == 3
    assert way.answer is not None
    assert way.answer.code == coap.UNAUTHORIZED


def in_flight() -> tuple[link.Link, coap.Message, bytes]:
    way = new_link(Counter())
    way.post(b"r", coap.FORMAT_COSE_SIGN1, b"72.4", 0)
    datagram = way.poll(0)
    assert datagram is not None
    return way, coap.decode(datagram), datagram


@pytest.mark.parametrize("code", [coap.CHANGED, coap.UNAUTHORIZED, coap.BAD_REQUEST])
@pytest.mark.parametrize("options", [(), ((coap.OSCORE, b""),), ((coap.ECHO, b"12345678"),)])
def test_an_answer_anybody_can_send_changes_nothing(code: int, options: tuple[tuple[int, bytes], ...]) -> None:
    """Unprotected or wrongly protected answers are counted, neither acknowledged nor believed, and the request goes on."""
    way, request, datagram = in_flight()
    for message_type in (coap.ACK, coap.CON, coap.NON):
        way.feed(coap.encode(coap.Message(message_type, code, request.message_id, request.token, options, b"forged payload")), 10)
    assert (way.state, way.answer, way.forged) == (exchange.WAITING, None, 3)
    assert way.poll(10) is None
    assert way.poll(3001) == datagram


def test_a_reset_ends_the_exchange_and_a_foreign_one_does_not() -> None:
    """RST counts only with the message id in flight."""
    way, request, _ = in_flight()
    way.feed(coap.encode(coap.Message(coap.RST, coap.EMPTY, request.message_id ^ 1, b"", (), b"")), 10)
    assert way.state == exchange.WAITING
    way.feed(coap.encode(coap.Message(coap.RST, coap.EMPTY, request.message_id, b"", (), b"")), 10)
    assert (way.state, way.answer) == (exchange.REJECTED, None)


def test_a_separate_answer_is_acknowledged_every_time_it_comes() -> None:
    """The gateway repeats its confirmable answer until it is acknowledged; the second one changes nothing."""
    way, request, datagram = in_flight()
    empty, answer = Gateway(separate=True).hears(datagram)
    way.feed(empty, 10)
    assert way.state == exchange.ACKNOWLEDGED
    for _ in range(2):
        way.feed(answer, 20)
        reply = way.poll(20)
        assert reply is not None
        assert coap.decode(reply) == coap.Message(coap.ACK, coap.EMPTY, coap.decode(answer).message_id, b"", (), b"")
    assert way.state == exchange.ANSWERED
    assert request.token


def test_what_nobody_asked_for_is_reset_or_dropped() -> None:
    """A confirmable stray gets a reset, so its sender stops; others get silence; a flood fills nothing."""
    way = new_link(Counter())
    for number in range(20):
        way.feed(coap.encode(coap.Message(coap.CON, coap.POST, number, b"t", (), b"x")), 0)
        way.feed(coap.encode(coap.Message(coap.NON, coap.CHANGED, number, b"t", (), b"x")), 0)
    replies = []
    while reply := way.poll(0):
        replies.append(coap.decode(reply))
    assert [reply.type for reply in replies] == [coap.RST] * 4
    assert way.ignored == 40


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_hostile_datagrams_never_raise_and_never_answer_a_request(datagrams: list[bytes]) -> None:
    """Whatever arrives, the link goes on waiting, or was reset or acknowledged by a lucky guess."""
    way, _, _ = in_flight()
    for datagram in datagrams:
        way.feed(datagram, 5)
    assert way.answer is None
    assert way.state in (exchange.WAITING, exchange.ACKNOWLEDGED, exchange.REJECTED)


@given(st.integers(1, 100), st.integers(0, 255))
def test_backing_off_doubles_up_to_a_minute_with_jitter(failures: int, random_byte: int) -> None:
    """Between half and all of min(60 s, 2^(failures-1) s)."""
    full_ms = min(60_000, 1000 * 2 ** min(failures - 1, 16))
    assert full_ms // 2 <= link.backoff_ms(failures, random_byte) <= full_ms


# --- against aiocoap


class Readings(resource.Resource):
    """Keeps what it is posted; answers at once, or late enough that aiocoap acknowledges first."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[bytes, bool]] = []
        self.delay_s = 0.0

    async def render_post(self, request: aiocoap.Message) -> aiocoap.Message:
        await asyncio.sleep(self.delay_s)
        self.received.append((request.payload, hasattr(request.remote, "security_context")))
        return aiocoap.Message(code=aiocoap.CHANGED, payload=b"kept " + request.payload)


def prepare(folder: Path, secret: bytes = bodies.SECRET) -> None:
    settings = {
        "sender-id_hex": GATEWAY_ID.hex(),
        "recipient-id_hex": DEVICE_ID.hex(),
        "secret_hex": secret.hex(),
        "salt_hex": bodies.SALT.hex(),
    }
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings))


@asynccontextmanager
async def serving(folder: Path, port: int, readings: Readings, live: Readings) -> AsyncIterator[None]:
    """Run aiocoap with OSCORE on loopback; leaving is a kill: what it knew of sequence numbers in memory is lost."""
    credentials = CredentialsMap()
    credentials[":device"] = context = FilesystemSecurityContext(str(folder))
    site = resource.Site()
    site.add_resource(["r"], readings)
    site.add_resource(["l"], live)
    server = await aiocoap.Context.create_server_context(OscoreSiteWrapper(site, credentials), bind=("127.0.0.1", port))
    try:
        yield
        await asyncio.sleep(0.05)  # the live value that came last is still being taken in
    finally:
        await server.shutdown()
        assert context.lockfile is not None
        context.lockfile.release()
        context.lockfile = None  # otherwise it would save its window when collected


def free_port() -> int:
    """Return a port nobody has, outside the range from which other programs are given theirs by chance."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            udp.bind(("127.0.0.1", port))
            return port


async def deliver(call: Callable[..., object], port: int, payloads: list[bytes], first_sequence: int = 0) -> object:
    """Let a device's link POST the payloads from another thread, or from MicroPython."""
    way = (bodies.delivered, "127.0.0.1", port, DEVICE_ID, GATEWAY_ID, payloads, first_sequence, 300)
    return await asyncio.to_thread(call, *way)


SIGNED = [b"reading %d" % number for number in range(3)]


@both_pythons
def test_aiocoap_receives_what_the_link_sends(call, tmp_path: Path) -> None:
    """Three readings are posted, received once and protected, and answered; then a live value that waits for none."""

    async def play() -> None:
        readings, live, port = Readings(), Readings(), free_port()
        prepare(tmp_path / "context")
        async with serving(tmp_path / "context", port, readings, live):
            results = await deliver(call, port, SIGNED)
            await arrived(live, 1)
        assert results == [[exchange.ANSWERED, coap.CHANGED, b"kept " + payload, 1, 0] for payload in SIGNED]
        assert readings.received == [(payload, True) for payload in SIGNED]
        assert live.received == [(b"\xa0", True)]

    asyncio.run(play())


@both_pythons
def test_an_answer_that_takes_its_time_is_waited_for_and_acknowledged(call, tmp_path: Path) -> None:
    """aiocoap acknowledges after 0.1 s and answers by a message of its own; nothing is sent twice by either end."""

    async def play() -> None:
        readings, port = Readings(), free_port()
        readings.delay_s = 0.25
        prepare(tmp_path / "context")
        async with serving(tmp_path / "context", port, readings, Readings()):
            results = await deliver(call, port, SIGNED[:1])
        assert results == [[exchange.ANSWERED, coap.CHANGED, b"kept " + SIGNED[0], 1, 0]]
        assert readings.received == [(SIGNED[0], True)]

    asyncio.run(play())


@both_pythons
def test_a_killed_gateway_that_lost_its_replay_window_is_met_with_echo(call, tmp_path: Path) -> None:
    """After the restart the first request is answered 4.01 with Echo and repeated with it; each reading is stored once."""

    async def play() -> None:
        readings, port = Readings(), free_port()
        prepare(tmp_path / "context")
        async with serving(tmp_path / "context", port, readings, Readings()):
            first = await deliver(call, port, SIGNED[:1])
        async with serving(tmp_path / "context", port, readings, Readings()):
            later = await deliver(call, port, SIGNED[1:], first_sequence=64)
        assert first == [[exchange.ANSWERED, coap.CHANGED, b"kept " + SIGNED[0], 1, 0]]
        assert later == [
            [exchange.ANSWERED, coap.CHANGED, b"kept " + SIGNED[1], 2, 0],
            [exchange.ANSWERED, coap.CHANGED, b"kept " + SIGNED[2], 1, 0],
        ]
        assert readings.received == [(payload, True) for payload in SIGNED]

    asyncio.run(play())


@both_pythons
def test_a_gateway_that_is_away_is_asked_again_until_it_is_back(call, tmp_path: Path) -> None:
    """Requests into nothing are repeated; when the gateway starts half a second later, the reading arrives, once."""

    async def play() -> None:
        readings, port = Readings(), free_port()
        prepare(tmp_path / "context")
        sending = asyncio.create_task(deliver(call, port, SIGNED[:1]))
        await asyncio.sleep(0.5)  # real time: a real socket refuses
        async with serving(tmp_path / "context", port, readings, Readings()):
            results = await sending
        assert isinstance(results, list)
        assert results[0][:3] == [exchange.ANSWERED, coap.CHANGED, b"kept " + SIGNED[0]]
        assert readings.received == [(SIGNED[0], True)]

    asyncio.run(play())


@both_pythons
def test_a_gateway_with_another_secret_is_not_believed(call, tmp_path: Path) -> None:
    """It cannot open the request and answers unprotected; the link counts that, repeats, and gives up without an answer."""

    async def play() -> None:
        readings, port = Readings(), free_port()
        prepare(tmp_path / "context", secret=bytes(16))
        async with serving(tmp_path / "context", port, readings, Readings()):
            way = (bodies.delivered, "127.0.0.1", port, DEVICE_ID, GATEWAY_ID, SIGNED[:1], 0, 20)
            results = await asyncio.to_thread(call, *way)
        assert isinstance(results, list)
        assert results[0][:3] == [exchange.TIMED_OUT, None, None]
        assert results[0][4] >= 1
        assert readings.received == []

    asyncio.run(play())


async def arrived(where: Readings, count: int) -> None:
    """Wait, at most five seconds, until `count` requests are there."""
    async with asyncio.timeout(5):
        while len(where.received) < count:
            await asyncio.sleep(0.01)
