"""The devices' door under attack: bytes of every kind at a running gateway, and a paired device gone wild. The home lives on."""

import asyncio
import random
import socket
import time
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import pytest

from protocol.pairing import HELLO_PATH
from tests.gateway.counterpart import Counterpart, MemoryContext, datagram, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_coap import rows

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1500)]


def _request(context: MemoryContext, payload: bytes, path: str, content_format: int, mid: int) -> bytes:
    request = aiocoap.Message(code=aiocoap.POST, payload=payload, uri_path=(path,), content_format=content_format)
    request.direction = aiocoap.message.Direction.OUTGOING
    return datagram(context.protect(request)[0], mid)


class Fuzz:
    """Datagrams nobody should send, the same ones for the same seed."""

    def __init__(self, seed: int, device: Counterpart, context: MemoryContext) -> None:
        self._chance = random.Random(seed)
        self._device = device
        self._context = context
        self._mid = 0

    def _bytes(self, most: int) -> bytes:
        return self._chance.randbytes(self._chance.randint(0, most))

    def _bent(self, data: bytes) -> bytes:
        bent = bytearray(data)
        for _ in range(self._chance.randint(1, 5)):
            how = self._chance.randrange(4)
            at = self._chance.randrange(len(bent) + 1)
            if how == 0 and at < len(bent):
                bent[at] ^= 1 << self._chance.randrange(8)
            elif how == 1:
                del bent[at:]
            elif how == 2:
                bent[at:at] = self._bytes(20)
            elif at < len(bent):
                bent[at] = self._chance.choice([0, 1, 0x7F, 0x80, 0xFF])
        return bytes(bent)

    def _inside(self) -> bytes:
        """Return what a device with valid keys could send and never should."""
        fields: dict[int, Any] = {**self._device.fields(10_000 + self._mid), self._chance.randint(-3, 30): self._chance.choice(
            [None, 1.5, -1, 1 << 70, "text", b"bytes", [1], {1: 2}, True]
        )}  # fmt: skip
        signed = self._device.signed(fields)
        payload = self._chance.choice([signed, self._bent(signed), self._bytes(1200), cbor2.dumps(fields), b""])
        path, content_format = self._chance.choice([("r", 18), ("l", 60), ("c", 60), ("x", 0), ("r", 60)])
        return _request(self._context, payload, path, content_format, self._mid & 0xFFFF)

    def next(self) -> bytes:
        """Return one more."""
        self._mid += 1
        kind = self._chance.randrange(6)
        if kind == 0:
            return self._bytes(1500)
        if kind == 1:
            return self._inside()
        if kind == 2:
            return self._bent(self._inside())
        path = self._chance.choice([(".well-known", "edhoc"), (HELLO_PATH.decode(),), ("r",), (".well-known", "core")])
        code = self._chance.choice([aiocoap.POST, aiocoap.GET, aiocoap.FETCH, aiocoap.CONTENT, aiocoap.EMPTY])
        plain = datagram(aiocoap.Message(code=code, payload=self._bytes(300), uri_path=path), self._mid & 0xFFFF)
        return plain if kind == 3 else self._bent(plain)


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.long)])
async def test_no_datagram_makes_the_gateway_fail(tmp_path: Path, count: int) -> None:
    """Noise, bent and truncated messages, strange ones under a device's own valid keys: no reading comes of it, no library complains, and
    in the midst of it another device's readings are receipted."""
    hostile, calm = Counterpart(), Counterpart("cuff")
    for device in (hostile, calm):
        device.enrol(tmp_path / "data")
    path = configure(tmp_path, messages_per_s=100_000)
    async with gateway(path) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        fuzz = Fuzz(7, hostile, await asyncio.to_thread(hostile.context, port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            async with link(calm, port) as way:
                for number in range(count):
                    ours.sendto(fuzz.next(), ("127.0.0.1", port))
                    if number % 10 == 0:
                        await asyncio.sleep(0)
                    if number % (count // 10) == 0:
                        sequence = 1 + number // (count // 10)
                        assert (await way.send(calm.signed(calm.fields(sequence))))[1] == sequence
        assert await home.stop() == 0
        complaints = [event for event in home.events if event["event"] == "library.complained"]
    assert complaints == []
    counts = (next(event for event in home.events if event["event"] == "gateway.stopping"))["counts"]
    assert {"refused.not_coap", "refused.not_protected", "refused.introduction", "refused.not_opened"} <= set(counts)
    kept = rows(tmp_path)
    assert [sequence for kid, sequence, _ in kept if kid == calm.kid] == list(range(1, 11))
    assert all(kid in (calm.kid, hostile.kid) for kid, _, _ in kept)


async def test_a_paired_device_at_a_thousand_a_second_is_held_and_another_is_not(tmp_path: Path) -> None:
    """Its readings are true and its keys are valid: as many as its pace allows are kept, the rest is dropped unopened, and a second device
    gets every receipt meanwhile."""
    wild, calm = Counterpart(), Counterpart("cuff")
    for device in (wild, calm):
        device.enrol(tmp_path / "data")
    path = configure(tmp_path, messages_per_s=10)
    async with gateway(path) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        context = await asyncio.to_thread(wild.context, port)
        ready = [_request(context, wild.signed(wild.fields(number, up_ms=number)), "r", 18, number) for number in range(1, 3001)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            async with link(calm, port) as way:
                began_s = time.monotonic()
                for number, sent in enumerate(ready):
                    ours.sendto(sent, ("127.0.0.1", port))
                    if number % 100 == 0:
                        await asyncio.sleep(max(0.0, began_s + number / 1000 - time.monotonic()))
                    if number % 300 == 0:
                        sequence = 1 + number // 300
                        assert (await way.send(calm.signed(calm.fields(sequence))))[1] == sequence
                took_s = time.monotonic() - began_s
        assert await home.stop() == 0
    counts = (next(event for event in home.events if event["event"] == "gateway.stopping"))["counts"]
    kept = rows(tmp_path)
    of_wild = sum(kid == wild.kid for kid, _, _ in kept)
    assert 0 < of_wild <= 5 * 10 + 10 * (took_s + 20), "what stood in the queue was read for some seconds more"
    assert [sequence for kid, sequence, _ in kept if kid == calm.kid] == list(range(1, 11))
    assert counts["refused.too_fast"] > 0
