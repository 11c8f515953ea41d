"""The devices' door, with a device of other people's code before it and a real process behind it."""

import asyncio
import contextlib
import itertools
import os
import resource
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol import oscore, receipts
from protocol.errors import TagBroken
from protocol.link import Link
from tests.gateway.counterpart import Counterpart, MemoryContext, NotIntroduced, datagram, link
from tests.gateway.ingester import hkdf
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import browser

pytestmark = pytest.mark.anyio


def rows(folder: Path, question: str = "SELECT kid, sequence, digest FROM readings ORDER BY reading") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "data" / "home.db")
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


async def test_a_signed_reading_is_receipted_once_and_kept_once(tmp_path: Path) -> None:
    """The receipt names the reading; the same bytes again get the receipt again, and other bytes under its number are a conflict."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way:
            message = device.signed(device.fields(1))
            receipt = await way.send(message)
            assert (receipt[1], receipt[2], receipt[4]) == (1, device.digest8(message), 0)
            assert set(receipt) == {1, 2, 3, 4}
            # a hedged signature of the same fields differs in its bytes, not in what was signed
            again = await way.send(device.signed(device.fields(1)))
            assert (again[1], again[2], again[4]) == (1, device.digest8(message), 1)
            other = await way.post("r", device.signed(device.fields(1, _10=80000)))
            assert (other.code, cbor2.loads(other.payload)) == (aiocoap.CONFLICT, {0: 104})
        await home.event("reading.committed", sequence=1, row=device.digest8(message).hex())
        assert await home.stop() == 0
    assert len(rows(tmp_path)) == 1
    assert len(rows(tmp_path, "SELECT * FROM conflicts")) == 1


async def test_what_was_receipted_survives_being_killed(tmp_path: Path) -> None:
    """kill -9 right after receipts: everything receipted is there once, and what is sent again is known."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    configuration = configure(tmp_path)
    sent: dict[int, bytes] = {}
    receipted: set[int] = set()
    for life in range(3):
        async with gateway(configuration) as home:
            port = (await home.event("gateway.ready"))["coap_port"]
            async with link(device, port) as way:
                await way.send(device.signed(device.fields(900 + life)))

                async def one(sequence: int, way: Any = way) -> None:
                    message = sent.setdefault(sequence, device.signed(device.fields(sequence, up_ms=sequence)))
                    receipt = await way.send(message)
                    assert receipt[2] == device.digest8(message)
                    receipted.add(sequence)

                again = [asyncio.create_task(one(sequence)) for sequence in list(sent)]
                fresh = [asyncio.create_task(one(sequence)) for sequence in range(life * 20 + 1, life * 20 + 21)]
                await asyncio.gather(*again, *fresh[:10])
                await home.kill()
            await asyncio.gather(*fresh, return_exceptions=True)
        kept = [sequence for _, sequence, _ in rows(tmp_path) if sequence < 900]
        assert len(kept) == len(set(kept))
        assert receipted <= set(kept)


async def test_a_request_recorded_before_a_restart_opens_nothing(tmp_path: Path) -> None:
    """The keys of a link die with the gateway's process: a datagram sealed for the life before is a stranger's, and changes nothing."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    configuration = configure(tmp_path)
    async with gateway(configuration) as home:
        context = await asyncio.to_thread(device.context, (await home.event("gateway.ready"))["coap_port"])
        await home.kill()
    request = aiocoap.Message(code=aiocoap.POST, payload=device.signed(device.fields(7)), uri_path=("r",), content_format=18)
    request.direction = aiocoap.message.Direction.OUTGOING
    protected, _ = context.protect(request)
    async with gateway(configuration) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        answer = _exchange(port, datagram(protected, 77))
        assert answer is not None
        assert answer[1] == 0x81
        await home.stop()
    assert rows(tmp_path) == []


async def test_hostile_datagrams_are_counted_and_change_nothing(tmp_path: Path) -> None:
    """Not CoAP, not protected, too large, an unknown device, a broken tag, a replay: refused, counted by reason, nothing kept."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way:
            await way.send(device.signed(device.fields(1)))
        before = rows(tmp_path)
        plain = aiocoap.Message(code=aiocoap.POST, payload=device.signed(device.fields(2)), uri_path=("r",), content_format=18)
        plain.direction = aiocoap.message.Direction.OUTGOING
        of_stranger, _ = MemoryContext(bytes(16), bytes(8), b"who", b"\1").protect(plain)
        broken, _ = (await asyncio.to_thread(device.context, port)).protect(plain)
        broken.payload = broken.payload[:-1] + bytes([broken.payload[-1] ^ 1])
        answers = [
            _exchange(port, b"\x00" * 5000, wait_s=0.1),
            _exchange(port, os.urandom(4097), wait_s=0.1),
            _exchange(port, b"\x80\x00\x00\x01", wait_s=0.1),
            _exchange(port, b"\x4f\x02\x00\x01" + b"t" * 15, wait_s=0.1),
            _exchange(port, b"", wait_s=0.1),
        ]
        assert answers == [None] * 5, "what is no CoAP gets no answer"
        refused = [_exchange(port, datagram(message, mid)) for mid, message in enumerate((plain, of_stranger, broken), 1)]
        assert [answer and answer[1] for answer in refused] == [0x81] * 3, "4.01, one answer for all"
        assert {len(answer or b"") for answer in refused} == {6}, "with its token and nothing else"
        await _not_moved(tmp_path, before)
        async with link(device, port) as way:
            await way.send(device.signed(device.fields(3)))
        await home.stop()
    counts = next(event["counts"] for event in home.events if event["event"] == "gateway.stopping")
    assert counts["refused.too_large"] == 2
    assert counts["refused.not_coap"] == 3
    assert counts["refused.not_protected"] == 1
    assert counts["refused.unknown_device"] == 1
    assert counts["refused.not_opened"] == 1


async def test_a_replayed_datagram_is_refused(tmp_path: Path) -> None:
    """The same protected bytes from another port are a replay: 4.01, and nothing is kept twice."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way:
            await way.send(device.signed(device.fields(1)))
        request = aiocoap.Message(code=aiocoap.POST, payload=device.signed(device.fields(2)), uri_path=("r",), content_format=18)
        request.direction = aiocoap.message.Direction.OUTGOING
        protected, _ = (await asyncio.to_thread(device.context, port)).protect(request)
        bytes_ = datagram(protected, 5)
        first = _exchange(port, bytes_)
        assert first is not None
        assert first[1] == 0x44
        assert _exchange(port, bytes_, wait_s=1.0) == b"\x62\x81" + bytes_[2:6]
        await home.stop()
    assert [sequence for _, sequence, _ in rows(tmp_path)] == [1, 2]


async def test_a_repeated_datagram_is_answered_as_it_was(tmp_path: Path) -> None:
    """From the same address the same bytes get the same receipt, byte by byte, and are neither a replay nor kept twice."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        request = aiocoap.Message(code=aiocoap.POST, payload=device.signed(device.fields(1)), uri_path=("r",), content_format=18)
        request.direction = aiocoap.message.Direction.OUTGOING
        protected, _ = (await asyncio.to_thread(device.context, port)).protect(request)
        bytes_ = datagram(protected, 5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.settimeout(10.0)
            way.connect(("127.0.0.1", port))
            answers = []
            for _ in range(3):
                way.send(bytes_)
                answers.append(way.recv(2048))
        assert answers[0][1] == 0x44
        assert answers == [answers[0]] * 3
        await home.stop()
    counts = next(event["counts"] for event in home.events if event["event"] == "gateway.stopping")
    assert (counts["committed"], "already" in counts, "refused.replayed" in counts) == (1, False, False)
    assert len(rows(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "content_format", "options", "code"),
    [
        ("r", 60, {}, aiocoap.UNSUPPORTED_CONTENT_FORMAT),
        ("r", None, {}, aiocoap.UNSUPPORTED_CONTENT_FORMAT),
        ("x", 18, {}, aiocoap.NOT_FOUND),
        ("r", 18, {"if_none_match": True}, aiocoap.BAD_OPTION),
        ("r", 18, {"block1": (0, True, 6)}, aiocoap.REQUEST_ENTITY_TOO_LARGE),
    ],
)
async def test_a_protected_request_for_something_else_is_refused(
    door: tuple[Any, Any], path: str, content_format: int | None, options: dict[str, Any], code: Any
) -> None:
    """Another path, format, a critical option we do not know, or a first block: its own code, and the way stays open."""
    device, way = door
    assert (await way.post(path, device.signed(device.fields(5)), content_format, **options)).code == code
    assert (await way.send(device.signed(device.fields(6))))[1] == 6


@pytest.fixture
async def door(tmp_path: Path) -> Any:
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home, link(device, (await home.event("gateway.ready"))["coap_port"]) as way:
        yield device, way


async def test_a_full_database_refuses_and_loses_nothing(tmp_path: Path) -> None:
    """5.03 with its reason when there is no room; what was receipted is there, and what was refused is not."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    receipted = 0
    async with gateway(configure(tmp_path, largest_MiB=1)) as home:
        async with link(device, (await home.event("gateway.ready"))["coap_port"]) as way:
            await way.send(device.signed(device.fields(1)))
            response = None
            for start in range(2, 6000, 25):
                messages = [
                    device.signed(device.fields(n, **{f"_{key}": os.urandom(32) for key in range(40, 50)}))
                    for n in range(start, start + 25)
                ]
                answers = await asyncio.gather(*(way.post("r", message) for message in messages))
                receipted += sum(answer.code == aiocoap.CHANGED for answer in answers)
                response = next((answer for answer in answers if answer.code != aiocoap.CHANGED), None)
                if response is not None:
                    break
        await home.stop()
    assert response is not None
    assert (response.code, cbor2.loads(response.payload)) == (aiocoap.SERVICE_UNAVAILABLE, {0: 106})
    assert len(rows(tmp_path)) == receipted + 1


async def test_a_device_enrolled_later_is_let_in_and_one_taken_away_is_not(tmp_path: Path) -> None:
    """The folder is watched: a new file opens the door within a second or two, a removed one closes it."""
    device = Counterpart()
    async with gateway(configure(tmp_path)) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        device.enrol(tmp_path / "data")
        async with asyncio.timeout(8):
            while True:
                with contextlib.suppress(NotIntroduced):
                    async with link(device, port) as way:
                        assert (await way.send(device.signed(device.fields(1))))[1] == 1
                        break
                await asyncio.sleep(0.2)
        (tmp_path / "data" / "enrolments" / f"{device.kid.hex()}.json").unlink()
        await asyncio.sleep(1.5)
        with pytest.raises(NotIntroduced):
            await asyncio.to_thread(device.agree, port)


def _exchange(port: int, sent: bytes, wait_s: float = 3.0) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(wait_s)
        ours.sendto(sent, ("127.0.0.1", port))
        try:
            return ours.recv(2000)
        except TimeoutError:
            return None


async def _not_moved(folder: Path, before: list[tuple[Any, ...]]) -> None:
    await asyncio.sleep(0.3)
    assert rows(folder) == before


async def test_the_devices_own_link_gets_its_receipt(tmp_path: Path) -> None:
    """protocol/link.py, as a device runs it, meets aiocoap and the gateway: a receipt, and again after a restart and a new introduction."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    numbers = itertools.count(64)
    for life in range(2):
        async with gateway(configure(tmp_path)) as home:
            port = (await home.event("gateway.ready"))["coap_port"]
            agreed = await asyncio.to_thread(device.agree, port)
            ours = Link(oscore.derive(*agreed, hkdf), lambda: next(numbers), _seal_ccm, _open_ccm, os.urandom)
            for sequence in (2 * life, 2 * life + 1):
                message = device.signed(device.fields(sequence))
                answer = await asyncio.to_thread(_deliver, ours, port, message)
                receipt = receipts.decode(answer.payload)
                assert (answer.code, receipt.sequence, receipt.digest) == (68, sequence, device.digest8(message))
            said = ours.say(b"l", 60, cbor2.dumps({0: 2, 2: [1, 1], 16: 80}, canonical=True))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(said, ("127.0.0.1", port))
            assert await home.stop() == 0
            counts = next(event["counts"] for event in home.events if event["event"] == "gateway.stopping")
            assert (counts["introduction"], counts["committed"], ours.forged) == (2, 2, 0)


def _deliver(ours: Link, port: int, message: bytes) -> Any:
    started_s = time.monotonic()

    def now_ms() -> int:
        return int((time.monotonic() - started_s) * 1000)

    ours.post(b"r", 18, message, now_ms())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as air:
        air.settimeout(0.1)
        while not ours.over and now_ms() < 10_000:
            while out := ours.poll(now_ms()):
                air.sendto(out, ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError):
                ours.feed(air.recv(2000), now_ms())
    assert ours.answer is not None
    return ours.answer


def _seal_ccm(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    return AESCCM(key, 8).encrypt(nonce, plaintext, aad)


def _open_ccm(key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    try:
        return AESCCM(key, 8).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise TagBroken(len(sealed)) from None


async def test_a_device_gone_wild_is_held_and_the_others_never_notice(tmp_path: Path) -> None:
    """A thousand messages at once from one address: what is over its pace is dropped and counted, and another's readings go through."""
    wild, calm = Counterpart(), Counterpart()
    for device in (wild, calm):
        device.enrol(tmp_path / "data")
    path = configure(tmp_path, messages_per_s=5)
    async with gateway(path) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
            request = aiocoap.Message(code=aiocoap.POST, payload=bytes(20), uri_path=("r",))
            for number in range(1000):
                flood.sendto(datagram(request, number), ("127.0.0.1", port))
            async with link(calm, port) as way:
                for sequence in range(1, 6):
                    await way.send(calm.signed(calm.fields(sequence)))
        assert await home.stop() == 0
        counts = (await home.event("gateway.stopping"))["counts"]
        assert counts["committed"] == 5
        assert counts["refused.too_fast"] > 50, "those the system's own queue had room for, and none beyond the pace"


async def test_a_full_home_says_so_at_the_page_and_in_the_log(tmp_path: Path) -> None:
    """While its files cannot grow readings are refused with 5.03 and every page says it; when they can, it is over by itself."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home, browser(home) as page:
        await page.set_up()
        pid = home.process.pid
        most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        async with link(device, (await home.event("gateway.ready"))["coap_port"]) as way:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, most[1]))
            message = device.signed(device.fields(1))
            assert (await way.post("r", message)).code == aiocoap.SERVICE_UNAVAILABLE
            await home.event("home.full")
            assert "disk is full" in (await page.client.get("/en/")).text
            assert "disque de la maison est plein" in (await page.client.get("/fr/")).text
            resource.prlimit(pid, resource.RLIMIT_FSIZE, most)
            await way.send(message)
            await home.event("home.has_room")
            assert "disk is full" not in (await page.client.get("/en/")).text
        assert await home.stop() == 0
