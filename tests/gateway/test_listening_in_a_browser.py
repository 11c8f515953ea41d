"""Listening to a room in Chromium: the page's own code makes the key, opens what a device closed under it, and plays it at its pitch."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from numpy.typing import NDArray
from playwright.async_api import async_playwright, expect

from protocol import commands
from tests import chromium
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_listening import Cradle
from tests.gateway.test_pages import PASSWORD

pytestmark = pytest.mark.anyio
STEPS = (
    "7 8 9 10 11 12 13 14 16 17 19 21 23 25 28 31 34 37 41 45 50 55 60 66 73 80 88 97 107 118 130 143 157 173 190 209 230 253 279 307 337"
)
TABLE = [int(step) for step in STEPS.split()]
KEEP = """
window.played = [];
const whole = AudioBuffer.prototype.copyToChannel;
AudioBuffer.prototype.copyToChannel = function (part, ...rest) {
  window.played.push(Array.from(part));
  return whole.call(this, part, ...rest);
};
"""


def compressed(sound: NDArray[np.float64]) -> bytes:
    """Return a packet's text, as somebody else would write IMA ADPCM; `sound` stays below the largest of TABLE's steps."""
    guess, place, nibbles = 0, 0, []
    for value in sound:
        step, off = TABLE[place], int(value) - guess
        code = min(7, 4 * abs(off) // step)
        change = (step >> 3) + sum(step >> shift for bit, shift in ((4, 0), (2, 1), (1, 2)) if code & bit)
        guess += -change if off < 0 else change
        place = max(0, min(len(TABLE) - 1, place + (-1, -1, -1, -1, 2, 4, 6, 8)[code]))
        nibbles.append(code | (8 if off < 0 else 0))
    return bytes(3) + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


async def test_the_page_plays_what_only_its_key_opens(tmp_path: Path) -> None:
    """A tone of 500 Hz comes out as one; a packet that was altered, closed under another key or played back is not played."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    tone = 400 * np.sin(2 * np.pi * 500 * np.arange(1024) / 8000)
    async with gateway(configure(tmp_path)) as home, async_playwright() as playwright:
        ready = await home.event("gateway.ready")
        made = await playwright.chromium.launch(**chromium.started(chromium.leading(gateway_test=ready["page_port"]), chromium.TRUSTING))
        context = await made.new_context(ignore_https_errors=True, locale="en-GB")
        await context.add_init_script(KEEP)
        page = await context.new_page()
        await page.goto("https://gateway.test/en/setup")
        await page.locator("[name=code]").fill((await home.event("page.setup_code"))["code"])
        await page.locator("[name=password]").fill(PASSWORD)
        await page.get_by_role("button").last.click()
        await page.goto("https://gateway.test/en/nursery")
        async with link(device, ready["coap_port"]) as way:
            cradle = Cradle(way)
            attending = asyncio.create_task(cradle.attend())
            button = page.get_by_role("button", name="Listen to the room")
            await button.click()
            await cradle.until([600])
            key = cradle.told[0][commands.KEY]

            def packet(number: int, own: bytes = key) -> bytes:
                nonce = bytes(4) + bytes(5) + number.to_bytes(4, "big")
                return nonce + AESCCM(own, 8).encrypt(nonce, compressed(tone), b"foyer sound 1")

            first, altered = packet(1), bytearray(packet(2))
            altered[40] ^= 1
            for sent in (first, bytes(altered), packet(3, bytes(16)), first, packet(4)):
                cradle.send(sent)
                await asyncio.sleep(0.05)
            await page.wait_for_function("window.played.length >= 2", timeout=20_000)
            stop = page.get_by_role("button", name="Stop listening")
            await expect(stop).to_be_visible()
            played = await page.evaluate("window.played")
            await stop.click()
            await cradle.until([600, 0])
            await expect(page.get_by_role("button", name="Listen to the room")).to_be_visible()
            await cradle.idle.wait()
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)
        await made.close()
        assert await home.stop() == 0
    assert len(played) == 2, "the altered, the strange and the repeated one are not heard"
    for part in played:
        heard = np.array(part) * 32768
        assert len(heard) == 1024
        assert np.sqrt(np.mean((heard[200:] - tone[200:]) ** 2)) < 40
