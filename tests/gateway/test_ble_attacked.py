"""Pairing over Bluetooth, attacked by whoever hears or joins the air: nothing comes of it, and each end has its own sentence."""

import asyncio
import random
import secrets
import socket
from pathlib import Path
from typing import Any

import aiocoap
import pytest

from protocol import faults, frames, labels
from protocol import pairing as wire
from protocol.sentences import SENTENCES, sentence
from simulator.air.ble import cut
from tests.gateway.counterpart import Counterpart, MemoryContext, Sealed, answered, datagram
from tests.gateway.pocket import Pocket
from tests.gateway.process import Gateway
from tests.gateway.test_ble import at_home, kept, send_all
from tests.gateway.test_datagrams import Fuzz
from tests.gateway.test_pages import Browser, browser
from tests.gateway.test_pairing import NewDevice
from tests.gateway.test_pairings import digits, shows

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
PATIENCE_s = 60.0


class Newcomer(NewDevice):
    """A device that is being paired over a radio; `said` is all that it said, as whoever heard it inside the links would have it."""

    def __init__(self, label: bytes, port: int) -> None:
        super().__init__(label)
        self.port = port
        self.said: list[bytes] = []
        self._link: Sealed | None = None

    async def greet(self) -> None:
        """Say hello to a home that knows the label; from then on there is a link."""
        hello = aiocoap.Message(code=aiocoap.POST, payload=self.hello(), uri_path=("pair",), content_format=60)
        self.said.append(datagram(hello, secrets.randbelow(60_000)))
        answer = aiocoap.Message.decode(await asyncio.to_thread(answered, self.port, self.said[0], PATIENCE_s)).payload
        assert self.knows(answer)
        said: Any = wire.decode(answer, wire.ANSWER)
        context = MemoryContext(self.label, self.nonce + said[wire.NONCE], *wire.names(self.nonce, said[wire.NONCE]))
        self._link = Sealed(context, self.port, self.said)

    async def post(self, message: bytes) -> bytes:
        """Say something over the link; return the answer."""
        assert self._link is not None
        answer = await self._link.post("p", message, 60, PATIENCE_s)
        assert answer.code == aiocoap.CHANGED
        return bytes(answer.payload)

    async def compare(self) -> None:
        """Go as far as the six digits."""
        await self.greet()
        await self.post(self.tell(await self.post(self.open())))


async def played_back(pocket: Pocket, recorded: list[bytes]) -> None:
    """Say a recording from another radio: no message of it has an answer that says more than no."""
    await pocket.visited()
    for number, said in enumerate(recorded):
        try:
            answer = aiocoap.Message.decode(await asyncio.to_thread(answered, pocket.port, said, 1.0 if number == 0 else PATIENCE_s))
        except TimeoutError:
            assert number == 0, "only a hello is met with silence"
        else:
            assert (answer.code, answer.payload) == (aiocoap.UNAUTHORIZED, b"")


async def devices_and_files(page: Browser, folder: Path) -> tuple[object, dict[str, bytes]]:
    """Return what a home knows of devices, on its page and on its disk."""
    files = {each.name: each.read_bytes() for each in (folder / "data/enrolments").glob("*")}
    return (await page.state())["devices"], files


async def refusals(home: Gateway) -> dict[str, int]:
    """Stop a gateway; return what it counted."""
    await home.stop()
    counts: dict[str, int] = (await home.event("gateway.stopping"))["counts"]
    return {name: count for name, count in counts.items() if name.startswith("refused.")}


def bent(chance: random.Random, data: bytes) -> list[bytes]:
    """Return the packets of a message as they should never come: some twice, some never, in any order, and bytes of them changed."""
    packets = [bytearray(each) for each in frames.split(data or b"?", chance.randrange(256), chance.choice([20, 64, 244]))]
    packets = [*chance.sample(packets, chance.randint(1, len(packets))), chance.choice(packets)]
    for packet in packets:
        if packet and chance.random() < 0.3:
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        elif packet and chance.random() < 0.1:
            del packet[chance.randrange(len(packet)) :]
    return [bytes(each) for each in packets] + [chance.randbytes(chance.randint(1, 244))]


@pytest.mark.parametrize("visits", [8, pytest.param(400, marks=[pytest.mark.long, pytest.mark.timeout(1500)])])
async def test_no_packet_over_bluetooth_makes_the_gateway_fail(tmp_path: Path, visits: int) -> None:
    """A paired and bonded device gone bad: broken fragments end its visits, strange messages are refused, no reading comes of either, no
    library complains, and another device's readings are receipted all the time.
    """
    chance = random.Random(7)
    wild, calm = Counterpart(), Counterpart("cuff")
    async with at_home(tmp_path, [wild, calm]) as (air, home):
        async with Pocket(air, wild, "wild").on() as hostile, Pocket(air, calm, "calm").on() as pocket:
            await hostile.visited()
            fuzz = Fuzz(7, wild, await asyncio.to_thread(wild.context, hostile.port))
            for visit in range(visits):
                await hostile.visited()
                for _ in range(8):
                    await asyncio.to_thread(noise, hostile.port, fuzz.next())
                    await hostile.silent()
                before = hostile.links
                while hostile.links == before and hostile.say(chance.choice(bent(chance, fuzz.next()))):
                    await asyncio.sleep(0)
                if visit % (visits // 4) == 0:
                    await send_all(pocket, range(1 + visit // (visits // 4), 2 + visit // (visits // 4)))
                    pocket.waiting = True
        assert await home.stop() == 0
        counts: dict[str, int] = (await home.event("gateway.stopping"))["counts"]
    assert counts["ble_broken"] >= visits // 4, "broken fragments end a visit"
    assert {"refused.not_coap", "refused.not_protected", "refused.not_opened"} <= set(counts)
    assert [event for event in home.events if event["event"] == "library.complained"] == []
    assert [sequence for kid, sequence in kept(tmp_path) if kid == calm.kid] == [1, 2, 3, 4]
    assert [sequence for kid, sequence in kept(tmp_path) if kid == wild.kid and sequence < 10_000] == []


def noise(port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.sendto(data, ("127.0.0.1", port))


async def test_a_pairing_whose_link_breaks_is_gone_on_with(tmp_path: Path) -> None:
    """Cut off, and its bond lost like that of a device whose power went: it is visited again, and its digits are compared."""
    label = secrets.token_bytes(16)
    async with at_home(tmp_path, []) as (air, home), browser(home) as page, Pocket(air, Counterpart(), "newcomer").on() as pocket:
        await page.set_up()
        assert (await page.post("/en/pair", code=labels.write_secret(label))).status_code == 303
        pocket.pairing = True
        await pocket.visited()
        cut(air, "newcomer")
        pocket.secrets.clear()
        pocket.switch_on()
        async with asyncio.timeout(PATIENCE_s):
            await pocket.visited()
        device = Newcomer(label, pocket.port)
        await device.compare()
        assert digits(await shows(page, "same digits")) == device.code


async def test_a_recorded_pairing_played_back_by_another_device_changes_nothing(tmp_path: Path) -> None:
    """Beside the device, while its digits are compared, and again when its label is typed anew: refused, counted, told in a sentence of
    its own; the device that was recorded is paired all the same, and nobody else.
    """
    label = secrets.token_bytes(16)
    async with at_home(tmp_path, []) as (air, home), browser(home) as page:
        await page.set_up()
        async with Pocket(air, Counterpart(), "thief").on() as thief:
            thief.pairing = True
            async with Pocket(air, Counterpart(), "newcomer").on() as pocket:
                pocket.pairing = True
                device = Newcomer(label, pocket.port)
                assert (await page.post("/en/pair", code=labels.write_secret(label), name="Bath")).status_code == 303
                await device.compare()
                assert digits(await shows(page, "same digits")) == device.code
                before = await devices_and_files(page, tmp_path)
                await played_back(thief, device.said)
                text = await shows(page, sentence(faults.PAIRING_REPLAYED, "en"))
                assert digits(text) == device.code
                assert await devices_and_files(page, tmp_path) == before
                assert (await page.post("/en/pair/answer", said="same")).status_code == 303
                said: Any = wire.decode(await device.post(device.ask(True)), wire.STATE)
                assert said == {wire.DECISION: wire.TAKE}
            kept = await devices_and_files(page, tmp_path)
            assert [name.split(".")[1] for name in kept[1]] == ["staged"]
            assert (await page.post("/en/pair", code=labels.write_secret(label))).status_code == 303
            thief.switch_on()  # on a link of its own: over the same one it would only be a repetition
            await played_back(thief, device.said)
            await shows(page, sentence(faults.PAIRING_REPLAYED, "fr"), language="fr")
            assert await devices_and_files(page, tmp_path) == kept
        counted = await refusals(home)
    assert counted["refused.replayed"] >= 2  # OPEN and DEVICE
    assert counted["refused.unknown_device"] >= 3  # and ASK: their link is over
    assert set(SENTENCES[faults.PAIRING_REPLAYED]) == {"en", "fr"}
