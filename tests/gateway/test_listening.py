"""Live listening through a whole gateway: asked for at its page, from the home's network, carried closed, and found nowhere after."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import httpx
import pytest

from gateway.edges.listening import is_at_home
from protocol import commands
from tests.gateway.counterpart import Counterpart, Link, link
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import Browser, browser

pytestmark = pytest.mark.anyio
KEY = bytes(range(16))


class Cradle:
    """A babyphone at the gateway's door: observes, answers, and sends packets."""

    def __init__(self, way: Link) -> None:
        self.way = way
        self.told: list[dict[int, Any]] = []
        self.idle = asyncio.Event()  # no answer is on its way
        self.idle.set()

    async def attend(self) -> None:
        """Answer every command DONE, for ever."""
        uri = f"coap://127.0.0.1:{self.way.port}/c"
        presence = commands.encode_presence(1, 5000)
        asked = self.way.context.request(
            aiocoap.Message(code=aiocoap.FETCH, uri=uri, payload=presence, observe=0, content_format=60), handle_blockwise=False
        )
        await self._take((await asked.response).payload)
        async for message in asked.observation:
            await self._take(message.payload)

    async def _take(self, state: bytes) -> None:
        if not state:
            return
        command = commands.decode(state)
        if command[commands.NUMBER] in [each[commands.NUMBER] for each in self.told]:
            return
        self.told.append(command)
        result = {commands.KIND: command[commands.KIND], commands.NUMBER: command[commands.NUMBER], commands.OUTCOME: commands.DONE}
        self.idle.clear()
        await self.way.post("c", cbor2.dumps(result, canonical=True), 60)
        self.idle.set()

    def listens(self) -> list[int]:
        """Return the seconds of each listen command so far."""
        return [each[commands.SECONDS] for each in self.told if each[commands.KIND] == commands.LISTEN]

    async def until(self, seconds: list[int]) -> None:
        async with asyncio.timeout(20):
            while self.listens() != seconds:
                await asyncio.sleep(0.02)

    def send(self, packet: bytes) -> None:
        """Send a packet of the room's sound."""
        self.way.say("s", packet, 42)


@asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[tuple[Gateway, Browser, Cradle, Counterpart]]:
    """A gateway with one babyphone before it, and a signed-in browser."""
    device = Counterpart("babyphone")
    device.enrol(folder / "data")
    async with gateway(configure(folder)) as running, browser(running, timeout=30) as page:
        await page.set_up()
        async with link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
            cradle = Cradle(way)
            attending = asyncio.create_task(cradle.attend())
            try:
                yield running, page, cradle, device
            finally:
                await cradle.idle.wait()
                attending.cancel()
                await asyncio.gather(attending, return_exceptions=True)


@asynccontextmanager
async def listening(page: Browser, device: Counterpart, key: bytes = KEY) -> AsyncIterator[AsyncIterator[bytes]]:
    """Ask for the room's sound as the page does; the packets as they come."""
    form = {"key": key.hex(), "token": (await page.state())["form_token"]}
    async with page.client.stream("POST", f"/en/nursery/{device.kid.hex()}/listen", data=form) as answer:
        assert answer.status_code == 200

        async def packets() -> AsyncIterator[bytes]:
            held = b""
            async for piece in answer.aiter_raw():
                held += piece
                while len(held) >= 2 and len(held) >= 2 + int.from_bytes(held[:2], "big"):
                    size = int.from_bytes(held[:2], "big")
                    yield held[2 : 2 + size]
                    held = held[2 + size :]

        yield packets()


def everything(folder: Path) -> bytes:
    """Return all bytes of all files below a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_a_browser_at_home_hears_what_its_key_opens_and_nothing_of_it_stays(tmp_path: Path) -> None:
    """The key goes to the device, packets to the browser as they are; when it goes, the device is told to end, and no file knows either."""
    packets = [secrets.token_bytes(536) for _ in range(30)]
    async with nursery(tmp_path) as (running, page, cradle, device):
        cradle.send(packets[0])
        async with listening(page, device) as heard:
            await cradle.until([600])
            assert cradle.told[0][commands.KEY] == KEY
            for packet in packets[1:]:
                cradle.send(packet)
                assert await anext(heard) == packet
        await cradle.until([600, 0])
        cradle.send(packets[0])
        answer = await page.client.get("/en/nursery")
        assert "Listen" in answer.text
        assert await running.stop() == 0
        said = str(running.events).encode()
    kept = everything(tmp_path) + said
    assert device.kid.hex().encode() in said, "the log and the files were read"
    for secret in (KEY, KEY.hex().encode(), *packets, *(packet.hex().encode() for packet in packets)):
        assert secret not in kept
    assert running.events[-1]["event"] == "gateway.stopped"
    counts = next(event for event in running.events if event["event"] == "gateway.stopping")["counts"]
    assert counts["sound"] == 29
    assert counts["refused.sound"] == 2, "sound that nobody asked for is refused"


async def test_whoever_asks_later_hears_instead(tmp_path: Path) -> None:
    """One browser at a time: the first one's stream ends, the device gets the second one's key, and is not told to end in between."""
    other = bytes(range(1, 17))
    async with nursery(tmp_path) as (_, page, cradle, device):
        async with listening(page, device) as first:
            await cradle.until([600])
            async with listening(page, device, other) as second:
                await cradle.until([600, 600])
                assert [each[commands.KEY] for each in cradle.told] == [KEY, other]
                assert [packet async for packet in first] == []
                cradle.send(b"x" * 536)
                assert await anext(second) == b"x" * 536
        await cradle.until([600, 600, 0])


async def test_a_form_that_is_not_the_pages_is_refused(tmp_path: Path) -> None:
    """Another key's length, no key at all, another site's form: refused, and the device hears of nothing."""
    async with nursery(tmp_path) as (_, page, cradle, device):
        form = {"key": KEY.hex(), "token": (await page.state())["form_token"]}
        for change, status in (({"key": "00"}, 400), ({"key": "zz" * 16}, 400), ({"token": "0" * 64}, 403)):
            answer = await page.client.post(f"/en/nursery/{device.kid.hex()}/listen", data={**form, **change})
            assert answer.status_code == status
        order = {"kind": str(commands.LISTEN), "seconds": "600"}
        assert (await page.post(f"/en/devices/{device.kid.hex()}/orders", **order)).status_code == 400
        assert cradle.listens() == []


async def test_the_gateways_end_ends_it(tmp_path: Path) -> None:
    """A gateway that stops in order does not wait for a listener."""
    async with nursery(tmp_path) as (running, page, cradle, device), listening(page, device) as heard:
        await cradle.until([600])
        assert await running.stop() == 0
        try:
            assert [packet async for packet in heard] == []
        except httpx.RemoteProtocolError:
            assert running.process.returncode == 0


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("127.0.0.1", True),
        ("192.168.1.20", True),
        ("10.1.2.3", True),
        ("169.254.3.4", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::5", True),
        ("::ffff:192.168.1.20", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("::ffff:8.8.8.8", False),
        ("0.0.0.0", False),  # noqa: S104 -- an address to refuse
        ("somewhere", False),
        ("", False),
    ],
)
def test_only_addresses_of_a_home_may_listen(address: str, home: bool) -> None:
    """Private, link-local and own addresses, in either family; nothing that comes from the net (threats T22)."""
    assert is_at_home(address) == home
