"""From a signed reading to the account store's receipt, over a real broker: nothing dropped without its word, lost, or sent twice over."""

import asyncio
import re
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import envelope, seals
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.ingester import Cloud, cloud
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import Browser, browser

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def linked_home(folder: Path, device: Counterpart) -> AsyncIterator[tuple[Cloud, Path, Gateway, Browser]]:
    """A home with one person whose account is linked, and a cloud that answers."""
    device.enrol(folder / "data")
    async with cloud(folder / "broker") as outside:
        configuration = configure(folder, outside.toml())
        async with gateway(configuration) as home, browser(home) as page:
            await home.event("broker.connected")
            await page.set_up()
            await page.post("/en/people", name="Anna", usual_kg="72.4")
            anna = (await page.state())["people"][0]["subject"]
            assert (await page.post(f"/en/link/{anna}", code=outside.code(b"abcde").lower())).status_code == 303
            await home.event("link.linked")
            yield outside, configuration, home, page


async def send(home: Gateway, device: Counterpart, sequences: range, **values: int) -> list[bytes]:
    messages = [device.signed(device.fields(sequence, up_ms=1000 * sequence, **values)) for sequence in sequences]
    async with link(device, (await home.event("gateway.ready"))["coap_port"]) as way:
        await way.send(messages[0])
        await asyncio.gather(*(way.send(message) for message in messages[1:]))
    return messages


async def drained(page: Browser, timeout_s: float = 60) -> dict[str, Any]:
    async with asyncio.timeout(timeout_s):
        while True:
            state = await page.state()
            if state["queue"] == 0 and all(row["place"] == "account" for row in state["readings"]):
                return state
            await asyncio.sleep(0.05)


async def test_a_linked_persons_reading_reaches_the_account_and_opens_there(tmp_path: Path) -> None:
    """What waited at home and what comes later arrive once, in a chain, with the device's own signed bytes inside."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, _, home, page):
        messages = await send(home, device, range(1, 31))
        state = await drained(page)
        entries = outside.entries()
        assert sorted(entry[seals.SIGNED] for entry in entries) == sorted(messages)
        assert [entry[seals.NUMBER] for entry in entries] == list(range(30))
        assert all(entry[seals.VALUES][10] == 72400 for entry in entries)
        assert (entries[0][seals.PAIRING], entries[0][seals.DEVICE_KEY]) == (device.pairing, device.public_key)
        assert max(outside.batches) <= 50
        assert {len(sealed) for _, _, sealed in outside.rows.values()} == {540}, "lengths tell nothing"
        (box,) = outside.boxes.values()
        assert (box.label, box.subject) == ("Anna", 0)
        assert {pseudonym for pseudonym, _, _ in outside.rows.values()} == {epoch.pseudonym for epoch in box.epochs}
        first = state["readings"][-1]
        stops = first["stops"]
        # a weight's receipt waits a moment for whose it is, so its two ways go side by side
        for way in (("received", "committed", "receipted"), ("received", "committed", "assigned", "sealed", "published")):
            order = [stops[name] for name in way]
            assert order == sorted(order), way
        assert stops["in_cloud"] == 1_800_000_000_000
        assert first["state"] == "In the account."
        await home.event("reading.in_cloud", sequence=1, row=device.digest8(messages[0]).hex())
        assert await home.stop() == 0
    with closing(sqlite3.connect(tmp_path / "data/home.db")) as kept:
        written = kept.execute("SELECT what, sum(count) FROM exchanges GROUP BY what ORDER BY what").fetchall()
    assert written == [("linked", 1), ("sent", 30)], "the log of exchanges counts what the account has"


async def test_a_composition_leaves_the_home_inside_the_seal_and_what_it_is_made_from_does_not(tmp_path: Path) -> None:
    """Height, year of birth and sex, told on the page, turn into two numbers of each barefoot weighing; nothing else is in the row."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, _, home, page):
        await page.post(
            "/en/people/1", name="Anna", usual_kg="72.4", height_cm="168", birth_year=str(time.gmtime().tm_year - 36), sex="female"
        )
        await send(home, device, range(1, 2))
        await drained(page)
        shod = {key: value for key, value in device.fields(2).items() if key != 12} | {15: 0}
        async with link(device, (await home.event("gateway.ready"))["coap_port"]) as way:
            await way.send(device.signed(shod))
        await drained(page)
        bare, without = outside.entries()
        assert bare[seals.VALUES] == {9: 88, 10: 72400, 11: 1, 12: 512, -1: 383, -2: 44600}
        assert without[seals.VALUES] == {9: 88, 10: 72400, 11: 1, 15: 0}
        assert set(bare) - {seals.UNCERTAINTY} == {
            seals.KIND,
            seals.UTC,
            seals.VALUES,
            seals.SIGNED,
            *range(seals.PAIRING, seals.NUMBER + 1),
        }


async def test_readings_before_the_link_wait_at_home_and_then_go(tmp_path: Path) -> None:
    """Nobody without an account is published; when somebody links one, what waited goes, and nobody else's."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with cloud(tmp_path / "broker") as outside, gateway(configure(tmp_path, outside.toml())) as home, browser(home) as page:
        await home.event("broker.connected")
        await page.set_up()
        await page.post("/en/people", name="Anna", usual_kg="72.4")
        await page.post("/en/people", name="Ben", usual_kg="95")
        await send(home, device, range(1, 4))
        await send(home, device, range(4, 6), _10=95000)
        await home.event("reading.assigned", sequence=5)
        assert outside.batches == []
        anna = next(each for each in (await page.state())["people"] if each["name"] == "Anna")
        await page.post(f"/en/link/{anna['subject']}", code=outside.code(b"12345"))
        for sequence in (1, 2, 3):
            await home.event("reading.in_cloud", sequence=sequence)
        assert len(outside.rows) == 3
        again = await page.post(f"/en/link/{anna['subject']}", code=outside.code(b"54321"))
        assert again.status_code == 400, "a linked person is not linked anew from here"


async def test_a_key_that_does_not_fit_the_code_gets_nothing(tmp_path: Path) -> None:
    """A site, or anybody between, that answers with another key is refused, and the page says so."""
    async with cloud(tmp_path / "broker") as outside, gateway(configure(tmp_path, outside.toml())) as home, browser(home) as page:
        outside.wrong_key = secrets.token_bytes(32)
        await home.event("broker.connected")
        await page.set_up()
        await page.post("/en/people", name="Anna", usual_kg="72.4")
        assert (await page.post("/en/link/1", code="not a code")).status_code == 400
        await page.post("/en/link/1", code=outside.code(b"abcde"))
        await home.event("link.refused")
        (anna,) = (await page.state())["people"]
        assert (anna["linked"], anna["link"], outside.boxes) == (False, "refused", {})
        assert "does not fit the code" in (await page.client.get("/en/link/1")).text


async def test_only_the_ingesters_word_about_these_bytes_empties_the_queue(tmp_path: Path) -> None:
    """Silence, another signer, other digests, garbage: the rows stay and go again; the right receipt then drops them."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, _, home, page):

        def other_digest(payload: bytes, batch: Any) -> bytes:
            rows = [envelope.RowReceipt(row.row_id, bytes(8), 0) for row in batch.rows]
            return outside.closed(payload, batch, rows)

        lies: list[Any] = [
            lambda *_: None,
            lambda payload, batch: outside.receipt(payload, batch, Ed25519PrivateKey.generate()),
            other_digest,
            lambda *_: b"\xa0garbage",
        ]
        for number, lie in enumerate(lies):
            outside.answer = lie
            seen = len(outside.batches)
            if number == 0:
                await send(home, device, range(1, 4))
                await home.event("reading.sealed", sequence=3)
            async with asyncio.timeout(10):
                while len(outside.batches) < seen + 2:
                    await asyncio.sleep(0.05)
            assert (await page.state())["queue"] == 3
        assert (await page.state())["readings"][0]["state"] == "On its way: the account store has not answered yet."
        outside.answer = outside.receipt
        state = await drained(page)
        assert len(outside.rows) == 3
        assert state["counts"]["refused.bad_receipt"] >= 2


async def test_a_conflict_is_set_aside_and_never_called_arrived(tmp_path: Path) -> None:
    """A row the ingester holds other bytes for leaves the queue as a conflict, and the page says so."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, _, home, page):
        outside.answer = lambda payload, batch: outside.receipt(payload, batch, status=envelope.CONFLICT)
        await send(home, device, range(1, 2))
        await home.event("reading.conflict", sequence=1)
        state = await page.state()
        assert (state["queue"], state["readings"][0]["place"]) == (0, "conflict")
        assert "in_cloud" not in state["readings"][0]["stops"]


async def test_nothing_is_lost_or_doubled_over_broker_outage_and_kill(tmp_path: Path) -> None:
    """The broker goes, the gateway is killed with its queue full, both come back: every row arrives once, in order of its chain."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, configuration, home, page):
        await send(home, device, range(1, 6))
        await drained(page)
        await asyncio.to_thread(outside.broker.stop)
        await home.event("broker.lost")
        await send(home, device, range(6, 90))
        await home.event("reading.sealed", sequence=89)
        state = await page.state()
        assert state["queue"] == 84
        assert state["readings"][0]["state"].startswith("On its way: waiting for the internet since ")
        await home.kill()
        await asyncio.to_thread(outside.broker.start)
        async with gateway(configuration) as second:
            await second.event("reading.in_cloud", sequence=40)
            await second.kill()
        async with gateway(configuration) as third, browser(third) as again:
            await again.client.post("/en/sign-in", data={"password": "a warm kitchen"})
            await drained(again)
            assert await third.stop() == 0
        entries = outside.entries()
        assert sorted(entry[seals.NUMBER] for entry in entries) == list(range(89))
        assert len({entry[seals.SIGNED] for entry in entries}) == 89
        assert max(outside.batches) > 10, "what waited was packed"


async def test_the_log_sums_a_days_readings(tmp_path: Path) -> None:
    """Many messages of one day are one line of the page, with the count of all of them; the chain keeps each."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (_, _, home, page):
        for first in (1, 11, 21):
            await send(home, device, range(first, first + 10))
            await drained(page)
        text = (await page.client.get("/en/log")).text
        assert text.count("Readings sent to the account: ") <= 2, "a day, or two at midnight"
        counts = [int(count) for count in re.findall(r"Readings sent to the account: (\d+)", text)]
        assert sum(counts) == 30
