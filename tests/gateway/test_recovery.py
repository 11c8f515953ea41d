"""What lies in the accounts comes home again, whenever a backup was made and whatever became of the database; and nothing else does."""

import asyncio
import json
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud import intake
from cloud import readings as store
from cloud.site import holdings
from gateway import sealing
from gateway.devices import parse
from gateway.edges import households, places, questions, recovery, safety
from protocol import readings, seals
from tests.gateway.counterpart import Counterpart
from tests.gateway.ingester import Cloud, hkdf, seal_gcm
from tests.gateway.process import Gateway, gateway
from tests.gateway.test_backup import PASSPHRASE, run
from tests.gateway.test_custody import INGESTER, NOON_S, SEALING, Home
from tests.gateway.test_pages import Browser, browser
from tests.gateway.test_safety import break_pages
from tests.gateway.test_sending import drained, linked_home, send

pytestmark = pytest.mark.anyio

# --- against the store's own code, whatever happened before and after the backup


class SignedHome(Home):
    """A home whose readings a device truly signed, and which may become what it was."""

    def __init__(self) -> None:
        super().__init__()
        self.device = Counterpart()
        self.known = parse("x", json.dumps(self.device.enrolment()))

    def measure(self, subject: int | None) -> int:
        reading = super().measure(subject)
        fields = self.device.fields(self.sequence, up_ms=self.sequence, _10=40_000 + self.sequence)
        signed = self.device.signed(fields)
        digest = questions.reception.open_reading(signed, self.known).digest
        facts = (self.device.kid, digest, signed, self.device.pairing, self.device.public_key, reading)
        self.connection.execute("UPDATE readings SET kid = ?, digest = ?, signed = ?, pairing = ?, public_key = ? WHERE reading = ?", facts)
        return reading

    def copy(self) -> bytes:
        return self.connection.serialize()

    def become(self, copy: bytes) -> None:
        self.connection.deserialize(copy)
        households.want_back(self.connection)
        recovery.begin(self.connection, self.book)

    def bring_back(self) -> None:
        """Ask the store for page after page, as Recovery does."""
        for _ in range(1000):
            name = recovery.next_name(self.connection)
            if name is None:
                return
            keys = self.book.keys(name["person_id"], name["epoch"], name["generation"])
            packet = sealing.pack(keys, [], self.tick(), SEALING, os.urandom, back_after=name["back_after"])
            batch = intake.open_message(packet.payload, INGESTER)
            with self.engine.begin() as connection:
                added = store.add_batch(connection, batch, NOON_S // 86400)
                rows, more = store.page_after(connection, batch.pseudonym, batch.back_after)
            answer = intake.page_for(packet.payload, batch, rows, added.standing, INGESTER, more=more)
            page = sealing.open_page(answer, packet, INGESTER.receipt_key.public_key())
            recovery.take(self.connection, self.book, name, page, [self.known], self.tick())
        raise AssertionError("it does not end")

    def lies(self) -> dict[int, set[int]]:
        """Return whose account holds a row of each reading, by its grams."""
        found: dict[int, set[int]] = {}
        for subject, account in enumerate(self.accounts[:2], 1):
            for grams in self.opened(account, account.boxes[subject])[0]:
                found.setdefault(grams, set()).add(subject)
        return found

    def courses(self) -> dict[int, holdings.Course]:
        """Return what the chains of each account show."""
        return {subject: self.opened(account, account.boxes[subject])[1] for subject, account in enumerate(self.accounts[:2], 1)}


MEASURE = st.tuples(st.just("measure"), st.sampled_from([None, 1, 2]))
GIVE = st.tuples(st.just("give"), st.integers(0, 30), st.sampled_from([None, 1, 2]))
FORGET = st.tuples(st.just("forget"), st.integers(0, 30))
ARRIVE = st.tuples(st.just("arrive"), st.integers(1, 4), st.integers(0, 8), st.booleans())
EVENTS = st.lists(MEASURE | MEASURE | GIVE | FORGET | ARRIVE | ARRIVE, max_size=25)


def happen(home: SignedHome, events: list[Any], measured: list[int]) -> None:
    for what, *facts in events:
        if what == "measure":
            measured.append(home.measure(facts[0]))
        elif what == "give" and measured:
            home.book.give(home.connection, measured[facts[0] % len(measured)], facts[1], "by_hand")
        elif what == "forget" and measured:
            home.book.forget(home.connection, [measured[facts[0] % len(measured)]], "by_hand")
        elif what == "arrive":  # some of what is sent arrives, and some of that is receipted in time
            home.seal()
            home.messages.clear()
            home.publish(facts[0])
            for payload in home.messages[: facts[1]]:
                receipt = home.ingest(payload)
                if facts[2]:
                    home.receipt(receipt)


def check_a_restored_home(before: list[Any], after: list[Any], then: list[Any]) -> None:
    home = SignedHome()
    for account in home.accounts[:2]:
        home.link(home.add(), account)
    measured: list[int] = []
    happen(home, before, measured)
    copy, kept = home.copy(), len(measured)
    happen(home, after, measured)
    home.become(copy)
    known = {home.grams_of(reading) for reading in measured[:kept] if not questions.is_in(home.connection, reading, places.FORGOTTEN)}
    gone = {40_000 + number + 1 for number in range(kept)} - known
    withdrawn = "SELECT reading FROM rows JOIN readings USING (reading) WHERE state = 'withdrawn' AND signed != x''"
    leaving = {home.grams_of(row[0]) for row in home.connection.execute(withdrawn)}
    lay, courses = home.lies(), home.courses()
    home.bring_back()
    at_home = {
        home.grams_of(row[0]): row for row in home.connection.execute("SELECT reading, place, subject FROM readings WHERE signed != x''")
    }
    assert known <= set(at_home), "what the backup held is there"
    assert set(lay) - gone <= set(at_home), "what lies in an account is at home"
    home.sequence = 1000
    fresh = [home.measure(1), home.measure(2)]
    happen(home, then, fresh)
    home.drain()
    lies = home.lies()
    assert all(len(owners) == 1 for owners in lies.values()), "no reading is in two accounts"
    for subject, account in enumerate(home.accounts[:2], 1):
        opened, course = home.opened(account, account.boxes[subject])
        rows = home.connection.execute("SELECT reading FROM readings WHERE subject = ? AND place = 'account'", (subject,))
        assert opened == {home.grams_of(row[0]) for row in rows}, "home and account agree"
        # what the old home sealed and never sent stays missing, and its owner is to see that
        assert course.missing <= courses[subject].missing, course
        assert course.moved <= courses[subject].moved, course
        assert course.strange == 0, course
    asked = {home.grams_of(row[0]) for row in home.connection.execute("SELECT reading FROM readings WHERE reason = 'taken_out'")}
    for grams, owners in lay.items():
        if len(owners) == 1 and grams not in gone | leaving | asked and not then:
            assert lies.get(grams) == owners, "what lay in one account lies there still"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(EVENTS, EVENTS, EVENTS)
def test_a_home_of_any_backup_has_what_the_accounts_have_and_sends_nothing_twice(
    before: list[Any], after: list[Any], then: list[Any]
) -> None:
    """Whatever was measured, given, deleted, sent, half arrived or not receipted before and after the backup, and when it was made."""
    check_a_restored_home(before, after, then)


@pytest.mark.parametrize("which", [0, 1], ids=["asked first", "asked last"])
def test_whoever_is_erased_while_rows_come_back_is_left_out_and_the_rest_is_compared(which: int) -> None:
    """The name that is asked first or last: nothing of it is kept, and what lies in the other's account is at home."""
    home = SignedHome()
    subjects = [home.add(), home.add()]
    for subject, account in zip(subjects, home.accounts, strict=False):
        home.link(subject, account)
    copy = home.copy()
    for subject in subjects:
        home.measure(subject)
    home.drain()
    home.become(copy)
    names = home.connection.execute("SELECT subject FROM epochs WHERE back_after IS NOT NULL ORDER BY pseudonym").fetchall()
    erased, stays = names[which]["subject"], names[1 - which]["subject"]
    home.book.erase_subject(home.connection, erased)
    home.bring_back()
    assert [row["subject"] for row in home.connection.execute("SELECT subject FROM readings")] == [stays]
    assert home.connection.execute("SELECT count(*) FROM brought").fetchone()[0] == 0
    home.drain()
    assert set().union(*home.lies().values()) == {stays}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_home_of_any_backup_at_length() -> None:
    """The same, two thousand times."""
    longer = settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    longer(given(EVENTS, EVENTS, EVENTS)(check_a_restored_home))()


# --- with a real gateway, over a real broker


def rows_at_home(folder: Path) -> list[tuple[int, str]]:
    """Return number and place of every reading that the home has, by its own files."""
    connection = sqlite3.connect(folder / "data/home.db")
    try:
        return sorted(connection.execute("SELECT sequence, place FROM readings"))
    finally:
        connection.close()


def chains_in(outside: Cloud) -> list[int]:
    """Return how many rows lie in the account under each of its names, once they were seen to stand one behind the other, each once."""
    entries = outside.entries()
    assert len({entry[seals.SIGNED] for entry in entries}) == len(entries), "each reading once"
    chains: dict[bytes, list[int]] = {}
    for row_id, entry in zip(outside.order, entries, strict=True):
        chains.setdefault(outside.rows[row_id][0], []).append(entry[seals.NUMBER])
    assert all(sorted(numbers) == list(range(len(numbers))) for numbers in chains.values())
    return [len(numbers) for numbers in chains.values()]


@asynccontextmanager
async def again(configuration: Path) -> AsyncIterator[tuple[Gateway, Browser]]:
    """Start a gateway that was set up before, and sign in."""
    async with gateway(configuration) as home, browser(home) as page:
        await page.client.post("/en/sign-in", data={"password": "a warm kitchen"})
        yield home, page


async def test_what_was_sent_after_the_backup_comes_home_to_the_restored_one(tmp_path: Path) -> None:
    """Thirty readings before the backup and forty-one after it, one of them asked about before: all are at home again, none goes twice."""
    device = Counterpart()
    word = tmp_path / "passphrase"
    word.write_text(PASSPHRASE)
    async with linked_home(tmp_path, device) as (outside, configuration, home, page):
        await send(home, device, range(1, 31))
        await drained(page)
        await send(home, device, range(31, 32), _10=40_000)
        async with asyncio.timeout(10):
            while "inbox" not in [row["place"] for row in (await page.state())["readings"]]:
                await asyncio.sleep(0.05)
        status, said = await run("backup", tmp_path / "home.backup", "--configuration", configuration, "--passphrase-file", word)
        assert status == 0, said
        state = await page.state()
        (asked,) = [row["reading"] for row in state["readings"] if row["place"] == "inbox"]
        assert (await page.post(f"/en/inbox/{asked}", subject=state["people"][0]["subject"])).status_code == 303
        await send(home, device, range(32, 72))
        await drained(page)
        await home.kill()
        shutil.move(tmp_path / "data", tmp_path / "burnt")
        (tmp_path / "data.key").unlink()
        status, said = await run("restore", tmp_path / "home.backup", "--configuration", configuration, "--passphrase-file", word)
        assert status == 0, said
        async with again(configuration) as (second, there):
            back = await second.event("home.brought_back")
            assert (back["came"], back["there"], back["asked"]) == (41, 30, 0)
            device.home = tmp_path / "data"
            await send(second, device, range(72, 75))
            await drained(there)
            told = re.findall(r"Readings brought back from the account: (\d+)", (await there.client.get("/en/log")).text)
            assert sum(map(int, told)) == 41
            assert await second.stop() == 0
        assert rows_at_home(tmp_path) == [(number, "account") for number in range(1, 75)]
        assert chains_in(outside) == [71, 3], "a restored home goes on under a new name"


async def test_what_a_damage_took_comes_back_from_the_account_and_the_page_says_what_happened(tmp_path: Path) -> None:
    """Two thirds of the pages with rows are rubbish and there is no copy: what the account has is at home again, and everybody is told."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, configuration, home, page):
        await send(home, device, range(1, 91))
        await drained(page)
        assert await home.stop() == 0
        (tmp_path / "data/home.copy.db").unlink(missing_ok=True)
        intact = (tmp_path / "data/home.db").read_bytes()
        seed = 0
        while True:  # until what leads to the keys is left, and rows are not
            break_pages(tmp_path / "data/home.db", 0.66, seed)
            if is_promising(tmp_path / "data/home.db"):
                break
            (tmp_path / "data/home.db").write_bytes(intact)
            seed += 1
        async with again(configuration) as (second, there):
            await second.event("home.mended")
            back = await second.event("home.brought_back")
            assert back["came"] > 0
            for language, words in (("en", "turned out damaged"), ("fr", "se sont révélées abîmées")):
                assert words in (await there.client.get(f"/{language}/")).text
            await send(second, device, range(91, 93))
            await drained(there)
            assert await second.stop() == 0
        assert [number for number, _ in rows_at_home(tmp_path)] == list(range(1, 93))
        assert chains_in(outside) == [92]


def is_promising(path: Path) -> bool:
    """Whether a damaged database still says who lives there, and lacks readings."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            people = connection.execute("SELECT count(*) FROM subjects WHERE account_key IS NOT NULL").fetchone()[0]
            password = connection.execute("SELECT count(*) FROM household WHERE name = 'password'").fetchone()[0]
        except sqlite3.Error:
            return False
        try:
            connection.execute("SELECT * FROM readings NOT INDEXED").fetchall()
        except sqlite3.Error:
            return bool(people and password)
    return False


async def test_until_all_is_back_nothing_is_sealed_and_only_the_ingester_is_believed(tmp_path: Path) -> None:
    """No answer, one that a broker made, and one cut short: the home asks again and sends nothing; killed in the middle it goes on."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, configuration, home, page):
        await send(home, device, range(1, 31))
        await drained(page)
        assert await home.stop() == 0
        connection = sqlite3.connect(tmp_path / "data/home.db")
        connection.row_factory = sqlite3.Row
        connection.executescript("DELETE FROM rows; DELETE FROM stops; DELETE FROM readings WHERE sequence > 10; DELETE FROM chains;")
        households.want_back(connection)
        connection.commit()
        connection.close()
        asked: list[int] = []
        thief = Ed25519PrivateKey.generate()

        def badly(payload: bytes, batch: Any) -> bytes | None:
            if batch.back_after is None:
                return outside.receipt(payload, batch)
            asked.append(len(asked))
            if len(asked) < 3:
                return None
            good = outside.page(payload, batch)
            return outside.page(payload, batch, thief) if len(asked) == 3 else good[:-1] if len(asked) == 4 else good

        outside.answer = badly
        async with gateway(configuration) as second:
            await send(second, device, range(31, 34))
            await until(lambda: len(asked) >= 6)
            assert sum(outside.batches[-len(asked) :]) == 0, "nothing is sent meanwhile"
            await second.kill()
        outside.answer = outside.receipt
        async with again(configuration) as (third, there):
            await third.event("home.brought_back")
            await drained(there)
            assert await third.stop() == 0
        assert rows_at_home(tmp_path) == [(number, "account") for number in range(1, 34)]
        assert chains_in(outside) == [33]


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


async def test_what_an_owner_or_a_store_made_up_does_not_come_home(tmp_path: Path) -> None:
    """Under the name's own keys: a forged signature, another's device, a reading as another kind, numbers beyond any home, a weight nobody
    signed, a mean that is none; and rubbish. None of it is at home, the page stands, and what is true comes.
    """
    device, stranger = Counterpart(), Counterpart()
    async with linked_home(tmp_path, device) as (outside, configuration, home, page):
        await send(home, device, range(1, 6))
        await drained(page)
        assert await home.stop() == 0
        (box,) = outside.boxes.values()
        epoch = box.epochs[-1]
        true = {seals.KIND: 0, seals.UTC: 1_790_000_000, seals.VALUES: {10: 50_000}, seals.PREVIOUS: b"", seals.NUMBER: 3}
        true |= {seals.PAIRING: device.pairing, seals.DEVICE_KEY: device.public_key}
        message = device.signed(device.fields(900))
        forged = cbor2.loads(message)
        forged[3] = bytes(64)
        mean = {**true, seals.KIND: readings.CLIMATE, seals.SIGNED: b"", seals.PAIRING: b"", seals.DEVICE_KEY: b""}
        lies: list[dict[int, Any]] = [
            {**true, seals.SIGNED: cbor2.dumps(forged)},
            {**true, seals.SIGNED: b"rubbish"},
            {**true, seals.SIGNED: stranger.signed(stranger.fields(901))},
            {
                **true,
                seals.SIGNED: stranger.signed(stranger.fields(901)),
                seals.PAIRING: stranger.pairing,
                seals.DEVICE_KEY: stranger.public_key,
            },
            {**true, seals.SIGNED: message, seals.KIND: 1},
            {**true, seals.SIGNED: message, seals.NUMBER: 2**63},
            {**true, seals.SIGNED: message, seals.UTC: 2**64 - 1},
            {**mean, seals.KIND: 0, seals.VALUES: {10: 50_000, 11: 1}},
            *(
                {**mean, seals.VALUES: values}
                for values in ({}, {readings.SPAN_SECONDS: 0, 13: 2000, 14: 40}, {readings.SPAN_SECONDS: 2**63, 13: "x"})
            ),
        ]
        for lie in lies:
            row_id, minute = secrets.token_bytes(16), 29_833_333
            sealed = seals.seal_row(epoch.root_key, epoch.pseudonym, minute, row_id, lie, hkdf, seal_gcm, secrets.token_bytes(12))
            outside.rows[row_id] = (epoch.pseudonym, minute, sealed)
        outside.rows[secrets.token_bytes(16)] = (epoch.pseudonym, 1, b"")
        outside.rows[secrets.token_bytes(16)] = (epoch.pseudonym, 1, secrets.token_bytes(540))
        connection = sqlite3.connect(tmp_path / "data/home.db")
        for table in ("rows", "stops", "readings"):
            connection.execute(f"DELETE FROM {table}")
        households.want_back(connection)
        connection.commit()
        connection.close()
        async with again(configuration) as (second, there):
            back = await second.event("home.brought_back")
            assert (back["came"], back["unproved"] + back["broken"]) == (5, len(lies) + 2)
            assert (await there.client.get("/en/")).status_code == 200
            assert await second.stop() == 0
        assert rows_at_home(tmp_path) == [(number, "account") for number in range(1, 6)]


async def test_a_row_whose_reading_a_damage_took_still_arrives(tmp_path: Path) -> None:
    """Sealed, queued, and its reading gone: the row goes, its receipt is taken, and the home lives on."""
    device = Counterpart()
    async with linked_home(tmp_path, device) as (outside, configuration, home, page):
        await send(home, device, range(1, 3))
        await drained(page)
        outside.answer = lambda *_: None
        await send(home, device, range(3, 5))
        await home.event("reading.sealed", sequence=4)
        await home.kill()
        connection = sqlite3.connect(tmp_path / "data/home.db")
        connection.executescript("DELETE FROM stops; DELETE FROM readings WHERE sequence = 3;")
        connection.close()
        safety.mend(tmp_path / "data/home.db", 64)
        (tmp_path / "data/home.db").chmod(0o600)
        outside.answer = outside.receipt
        async with again(configuration) as (second, there):
            await drained(there)
            assert await second.stop() == 0
        assert chains_in(outside) == [4]
