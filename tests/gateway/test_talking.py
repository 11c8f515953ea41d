"""What an account has a say in, over a real broker with a real gateway: asked, allowed, declined, forged, left, erased."""

import asyncio
import contextlib
import secrets
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.edges import master_key
from gateway.edges.home_secret import home_secrets_in
from gateway.pseudonyms import keys_of
from protocol import linking, seals
from tests.gateway.counterpart import Counterpart
from tests.gateway.ingester import Cloud, cloud
from tests.gateway.process import ROOT, Gateway, configure, gateway
from tests.gateway.test_pages import Browser, browser
from tests.gateway.test_sending import drained, send

pytestmark = pytest.mark.anyio
QUICK = "ask_after_s = 1\n"


@asynccontextmanager
async def two_people(folder: Path) -> AsyncIterator[tuple[Cloud, Gateway, Browser, Counterpart]]:
    """A home with Anna, whose account is linked, and Ben, who has none."""
    device = Counterpart()
    device.enrol(folder / "data")
    async with cloud(folder / "broker") as outside, gateway(configure(folder, outside.toml() + QUICK)) as home, browser(home) as page:
        await home.event("broker.connected")
        await page.set_up()
        await page.post("/en/people", name="Anna", usual_kg="72.4")
        await page.post("/en/people", name="Ben", usual_kg="95")
        assert (await page.post("/en/link/1", code=outside.code(b"abcde"), name="Anna's")).status_code == 303
        await home.event("link.linked")
        yield outside, home, page, device


async def until(what: object, timeout_s: float = 20) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not what():  # type: ignore[operator]
            await asyncio.sleep(0.05)


async def test_a_linked_reading_moves_only_when_its_account_says_so(tmp_path: Path) -> None:
    """The household's page asks and waits; a declined, a forged and another's decision move nothing; the account's own does, and once."""
    async with two_people(tmp_path) as (outside, home, page, device):
        await send(home, device, range(1, 4))
        await drained(page)
        assert (await page.post("/en/reading/1/give", subject="2")).status_code == 303
        assert "Asked at the account" in (await page.client.get("/en/reading/1")).text
        await until(lambda: outside.requests)
        ((request_id, asked),) = outside.requests.items()
        assert (asked.what, asked.name, asked.count) == ("give", "Ben", 1)
        assert (await page.state())["readings"][-1]["subject"] == 1
        outside.decide(request_id, linking.APPROVED, key=secrets.token_bytes(32))
        await home.event("link.false_decision")
        assert (await page.state())["readings"][-1]["subject"] == 1
        outside.decisions.clear()
        outside.decide(request_id, linking.DECLINED)
        await home.event("request.declined")
        outside.decide(request_id, linking.APPROVED)
        await page.post("/en/reading/1/give", subject="2")
        await until(lambda: len(outside.requests) == 2)
        assert (await page.state())["readings"][-1]["subject"] == 1, "a declined request is over"
        second = next(each for each in outside.requests if each != request_id)
        outside.decide(second, linking.APPROVED)
        await home.event("request.done", subject=1)
        await until(lambda: outside.withdrawn)
        moved = (await page.state())["readings"][-1]
        assert (moved["subject"], moved["place"], moved["reason"]) == (2, "home", "by_hand")
        await until(lambda: len(outside.rows) == 3)
        kinds = sorted((entry[seals.NUMBER], entry[seals.KIND]) for entry in outside.entries())
        assert kinds == [(0, seals.STONE), (1, 0), (2, 0)]
        assert await home.stop() == 0


async def test_a_reading_of_nobody_linked_moves_at_once(tmp_path: Path) -> None:
    """Nobody has to be asked about what no account holds; given to somebody linked it goes to their account."""
    async with two_people(tmp_path) as (outside, home, page, device):
        await send(home, device, range(1, 2), _10=95000)
        await home.event("reading.assigned", sequence=1)
        assert (await page.post("/en/reading/1/give", subject="1")).status_code == 303
        await drained(page)
        assert [entry[seals.VALUES][10] for entry in outside.entries()] == [95000]
        assert (await page.post("/en/reading/1/give", subject="7")).status_code == 303
        assert (await page.state())["readings"][0]["subject"] == 1


async def test_one_more_account_reads_along_only_with_the_firsts_word(tmp_path: Path) -> None:
    """A second code is refused until the first account lets it in; then both boxes name both, and hold the same names."""
    async with two_people(tmp_path) as (outside, home, page, device):
        assert (await page.post("/en/link/1", code=outside.code(b"54321"))).status_code == 400
        await page.post("/en/person/1/share")
        await until(lambda: outside.requests)
        outside.decide(next(iter(outside.requests)), linking.APPROVED)
        await home.event("request.done")
        second = outside.second_account()
        assert (await page.post("/en/link/1", code=second.code(b"54321"), name="Ben's")).status_code == 303
        await until(lambda: len(outside.boxes) == 2 and all(len(box.recipients) == 2 for box in outside.boxes.values()))
        one, other = outside.boxes.values()
        assert one.epochs == other.epochs
        assert one.recipients == other.recipients == ["Anna's", "Ben's"]
        assert one.tag != other.tag
        shown = (await page.client.get("/en/person/1")).text
        assert "Anna&#39;s" in shown
        assert "Ben&#39;s" in shown
        await send(home, device, range(1, 2))
        await drained(page)
        # the person's own account ends the other's link: from then on a new name, which the other is never told
        names_before = {epoch.pseudonym for epoch in other.epochs}
        await page.post("/en/person/1/unlink", link=_links(shown)[1])
        await until(lambda: len(outside.requests) == 2)
        outside.decide(list(outside.requests)[1], linking.APPROVED, b"abcde")
        await until(lambda: b"54321" in outside.left)
        await send(home, device, range(2, 3))
        await drained(page)
        await until(lambda: len(outside.boxes[b"abcde"].epochs) == 2)
        newest = [name for name, _, _ in outside.rows.values() if name not in names_before]
        assert len(newest) == 1
        assert {epoch.pseudonym for epoch in outside.boxes[b"54321"].epochs} == names_before
        assert outside.boxes[b"abcde"].recipients == ["Anna's"]


def _links(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('name="link" value="')[1:]]


async def test_an_account_that_leaves_is_believed_and_nothing_stays_there(tmp_path: Path) -> None:
    """A farewell ends the link without any approval; with the last account gone the names are erased, and the home keeps its readings."""
    async with two_people(tmp_path) as (outside, home, page, device):
        await send(home, device, range(1, 3))
        await drained(page)
        names = {name for name, _, _ in outside.rows.values()}
        outside.decide(linking.FAREWELL, linking.APPROVED)
        await home.event("request.done", subject=1)
        await until(lambda: names <= outside.erased)
        await until(lambda: b"abcde" in outside.left)
        state = await page.state()
        assert [row["place"] for row in state["readings"]] == ["home", "home"]
        assert not state["people"][0]["linked"]
        assert outside.rows == {}


async def test_an_erasure_at_the_account_reaches_the_home_and_stops_it(tmp_path: Path) -> None:
    """Told with the next question, the home sends nothing more, keeps its copy and says so; then deletes it, or sends it again anew."""
    async with two_people(tmp_path) as (outside, home, page, device):
        await send(home, device, range(1, 3))
        await drained(page)
        (name,) = {name for name, _, _ in outside.rows.values()}
        outside.erased.add(name)
        outside.rows.clear()
        outside.order.clear()
        await home.event("name.erased_by_account", subject=1)
        await send(home, device, range(3, 4))
        await home.event("reading.assigned", sequence=3)
        state = await page.state()
        assert [row["place"] for row in state["readings"]] == ["home", "erased", "erased"]
        assert state["queue"] == 0
        assert "The account erased its readings" in (await page.client.get("/en/people")).text
        assert "2 readings are kept" in (await page.client.get("/en/person/1")).text
        assert outside.rows == {}
        await page.post("/en/person/1/after-erasure", what="again")
        await until(lambda: len(outside.rows) == 3)
        assert name not in {other for other, _, _ in outside.rows.values()}
        assert (await page.post("/en/person/1/after-erasure", what="delete")).status_code == 404


async def test_a_childs_weight_in_arms_is_one_touch_in_the_inbox(tmp_path: Path) -> None:
    """Anna alone, then with Leo: the second waits, one touch makes Leo's reading, another touch undoes it; a guest's is not kept."""
    async with two_people(tmp_path) as (_, home, page, device):
        await page.post("/en/people", name="Leo", usual_kg="6.5")
        await send(home, device, range(1, 2))
        await home.event("reading.assigned", sequence=1)
        await send(home, device, range(2, 3), _10=79_000)
        await home.event("reading.doubtful", sequence=2, reason="in_arms")
        inbox = (await page.client.get("/en/inbox")).text
        assert "Leo, in Anna’s arms: 6.6 kg" in inbox
        assert (await page.post("/en/inbox/2/carried", child="3", alone="1")).status_code == 303
        state = await page.state()
        made = state["readings"][0]
        assert (made["values"]["weight_kg"], made["subject"], state["inbox"]) == (6.6, 3, 0)
        await page.post(f"/en/reading/{made['reading']}/forget", undo="yes")
        assert (await page.state())["inbox"] == 1
        assert (await page.post("/en/inbox/2/guest")).status_code == 303
        state = await page.state()
        assert ([row["sequence"] for row in state["readings"]], state["inbox"]) == ([1], 0)


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_pages_of_owners_show_and_refuse(tmp_path: Path, language: str) -> None:
    """Reading and person have a page in both languages; nonsense in their forms changes nothing."""
    async with two_people(tmp_path) as (_, home, page, device):
        await send(home, device, range(1, 2), _10=95000)
        await home.event("reading.assigned", sequence=1)
        for path in ("reading/1", "person/1", "person/2", "inbox", "people", "link/1"):
            answer = await page.client.get(f"/{language}/{path}")
            assert answer.status_code == 200, path
        refused: list[tuple[str, dict[str, str], int]] = [
            ("reading/1/give", {"subject": "x"}, 400),
            ("reading/99/give", {"subject": "1"}, 404),
            ("reading/99/forget", {}, 404),
            ("inbox/1/carried", {"child": "1"}, 400),
            ("person/1/ward", {"ward": "yes"}, 409),
            ("person/2/split", {"to": "2"}, 400),
            ("person/2/split", {"to": "1", "since": "yesterday"}, 400),
            ("person/2/split", {"to": "1", "lightest_kg": "nan"}, 400),
            ("person/2/unlink", {"link": "00"}, 404),
            ("person/2/erase", {"name": "Anna"}, 400),
            ("person/2/after-erasure", {"what": "delete"}, 404),
            ("person/9/share", {}, 404),
        ]
        for path, form, status in refused:
            answer: httpx.Response = await page.post(f"/{language}/{path}", **form)
            assert answer.status_code == status, path
        assert (await page.state())["readings"][0]["subject"] == 2
        await page.post(f"/{language}/person/2/split", to="1", since="2020-01-01", lightest_kg="90")
        assert (await page.state())["readings"][0]["subject"] == 1
        await page.post(f"/{language}/person/2/erase", name="Ben")
        assert [each["name"] for each in (await page.state())["people"]] == ["Anna"]


async def test_after_a_theft_everything_goes_under_names_of_a_new_secret(tmp_path: Path) -> None:
    """`renew` makes another home secret: what comes after lies under a name that the old one does not derive, and its owner reads both."""
    async with two_people(tmp_path) as (outside, home, page, device):
        await send(home, device, range(1, 3))
        await drained(page)
        assert await home.stop() == 0
        before = {name for name, _, _ in outside.rows.values()}
        with master_key.opened(tmp_path / "data.key", tmp_path / "data") as master:
            (old,) = home_secrets_in(tmp_path / "data/keys", master)
        configuration = tmp_path / "gateway.toml"
        command = (sys.executable, "-m", "gateway", "renew", "--configuration", str(configuration))
        renewing = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        said, _ = await renewing.communicate()
        assert (renewing.returncode, b"new names for 1" in said) == (0, True)
        async with gateway(configuration) as second:
            await second.event("broker.connected")
            await send(second, device, range(3, 4))
            await second.event("reading.in_cloud", sequence=3)
            await until(lambda: len(outside.boxes[b"abcde"].epochs) == 2)
        after = {name for name, _, _ in outside.rows.values()} - before
        (box,) = outside.boxes.values()
        stolen = {keys_of(old, person, epoch).pseudonym for person in _person_ids(tmp_path / "data/home.db") for epoch in range(20)}
        assert before <= stolen
        assert len(after) == 1
        assert not after & stolen
        assert {epoch.pseudonym for epoch in box.epochs} == before | after
        assert sorted(entry[seals.NUMBER] for entry in outside.entries()) == [0, 0, 1]


async def test_after_a_theft_devices_believe_the_old_key_no_more_once_they_are_paired_again(tmp_path: Path) -> None:
    """`renew --devices` makes another key for links: a device of before is not let in, one that learns the new key is, and whoever kept
    the old one cannot play this home to it."""
    known, paired = Counterpart(), Counterpart("cuff")
    known.enrol(tmp_path / "data")
    configuration = configure(tmp_path)
    async with gateway(configuration) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        await asyncio.to_thread(known.agree, port)
        assert await home.stop() == 0
    public = tmp_path / "data/keys/link.public"
    old, closed = public.read_bytes(), (tmp_path / "data/keys/link.key").read_bytes()
    command = (sys.executable, "-m", "gateway", "renew", "--devices", "--configuration", str(configuration))
    renewing = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said, _ = await renewing.communicate()
    assert (renewing.returncode, b"paired again" in said) == (0, True)
    new = public.read_bytes()
    assert (new == old, (tmp_path / "data/keys/link.key").read_bytes() == closed) == (False, False)
    paired.enrol(tmp_path / "data")
    async with gateway(configuration) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        await asyncio.to_thread(paired.agree, port)
        public.write_bytes(old)  # whom a device of before looks for, and whom a thief with the old key would be
        for device in (known, paired):
            with pytest.raises(ValueError, match="MacVerificationFailed"):  # lakers' word for: that is not my home
                await asyncio.to_thread(device.agree, port)
        assert await home.stop() == 0


def _person_ids(path: Path) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(path)) as home:
        return [row[0] for row in home.execute("SELECT person_id FROM subjects")]
