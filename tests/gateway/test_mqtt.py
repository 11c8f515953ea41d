"""The way out under attack: a broker that says anything at all. Nothing is believed of it, and what is true goes on."""

import asyncio
import random
from pathlib import Path

import pytest

from gateway.edges.mqtt import _LARGEST_MESSAGE_BYTES
from protocol import linking
from tests.gateway.counterpart import Counterpart
from tests.gateway.test_sending import drained, linked_home, send

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1500)]


def _nonsense(chance: random.Random, genuine: list[bytes]) -> bytes:
    """Return one more message that this home never asked for, or one that it did, bent."""
    kind = chance.randrange(5)
    if kind == 0 or not genuine:
        return chance.randbytes(chance.randint(0, 600))
    if kind == 1:
        return linking.encode_message(chance.choice([linking.ANSWER, linking.LINKED]), b"abcde", chance.randbytes(32))
    bent = bytearray(chance.choice(genuine))
    if kind == 2:
        return bytes(bent[: chance.randrange(len(bent))])
    for _ in range(chance.randint(1, 4)):
        bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
    return bytes(bent) + (chance.randbytes(8) if kind == 4 else b"")


@pytest.mark.parametrize("count", [1500, pytest.param(50_000, marks=pytest.mark.long)])
async def test_no_message_makes_the_gateway_fail(tmp_path: Path, count: int) -> None:
    """Noise, bent and repeated receipts, answers to links nobody asked for, far too long ones, on both branches: no row leaves the queue
    for them, no library complains, and readings go on to the account."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, _, home, page):
        genuine: list[bytes] = []
        right = outside.answer

        def remembered(payload: bytes, batch: object) -> bytes | None:
            reply = right(payload, batch)  # type: ignore[arg-type]
            if reply is not None:
                genuine.append(reply)
            return reply

        outside.answer = remembered
        await send(home, device, range(1, 11))
        await drained(page)
        chance = random.Random(11)
        alias = "foyer/1/00112233445566aa"
        site, ingester = outside._clients[1], outside._clients[0]
        for number in range(count):
            ingester.publish(f"{alias}/down", _nonsense(chance, genuine), qos=1)
            site.publish(f"{alias}/linked", _nonsense(chance, genuine), qos=1)
            if number % 50 == 0:
                await asyncio.sleep(0.02)
        ingester.publish(f"{alias}/down", bytes(_LARGEST_MESSAGE_BYTES + 1), qos=1)
        outside.answer = lambda *_: None  # silence: whatever leaves the queue now leaves it for nonsense
        await send(home, device, range(11, 21))
        await home.event("reading.published")
        for reply in genuine:
            ingester.publish(f"{alias}/down", reply, qos=1)
        await asyncio.sleep(1.0)
        assert (await page.state())["queue"] == 10
        outside.answer = right
        await drained(page)
        assert len(outside.entries()) == 20
        assert await home.stop() == 0
    complaints = [event["library"] for event in home.events if event["event"] == "library.complained"]
    assert set(complaints) <= {"uvicorn.error"}, "which says that a browser was sent away at the end"
    counts = next(event for event in home.events if event["event"] == "gateway.stopping")["counts"]
    assert counts["refused.bad_receipt"] > count // 4
