"""Releases fetched from a running site of the account store, verified like a file brought by hand, whatever lies there (threats T27)."""

import asyncio
import dataclasses
import datetime
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import structlog
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from cloud import outcomes as halting
from cloud import stores
from cloud.site.routes import make_site
from gateway import updates
from gateway.devices import Device
from gateway.edges import households, rollout
from gateway.edges.buffer import Buffer
from gateway.edges.pages import updating, words
from gateway.edges.rollout import Rollout, fetch
from gateway.edges.shelf import Shelf
from protocol import commands, faults, manifest, outcomes, shelf
from protocol.outcomes import Outcome
from tests.cloud.site.conftest import Premises
from tests.gateway import ground
from tools import release, releasing
from tools.services import free_ports

pytestmark = pytest.mark.anyio
FILES = {"firmware/main.mpy": b"M\x06\x00" + bytes(300), "firmware/boards/s3_scale.mpy": b"M\x06\x00"}


class Site:
    """A site of the account store on a port of its own, and the desk from which its shelf is filled with `./foyer release`."""

    def __init__(self, folder: Path, address: str, premises: Premises) -> None:
        self.address = address
        self.premises = premises
        self.shelf = folder / "site/shelf"
        self.key = folder / "desk/release.pem"
        self.made = release.signing_key(self.key)

    def publish(self, version: str, share: int = 100, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        """Lay a release onto the shelf and vouch for it."""
        key = key or self.made
        files = {**FILES, shelf.KEYS_FILE: release.point(self.made.public_key())}
        packed = release.pack("scale", files, key, release.Facts(version, release.sequence_of(version), "Better.", "Mieux."))
        unchecked = self.shelf / f"scale-{version}.foyer"
        self.shelf.mkdir(exist_ok=True)
        unchecked.write_bytes(packed)
        self.vouch(share)

    def vouch(self, share: int) -> None:
        assert releasing.main(["vouch", "--shelf", str(self.shelf), "--key", str(self.key), "--share", str(share)]) == 0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    premises = Premises(tmp_path / "site")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    premises.premises.settings = dataclasses.replace(premises.premises.settings, address=address, releases=tmp_path / "site/shelf")
    server = uvicorn.Server(uvicorn.Config(make_site(premises.premises), port=port, log_config=None, lifespan="off"))
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        while not server.started:
            assert serving.is_alive()
            threading.Event().wait(0.01)
        yield Site(tmp_path, address, premises)
    finally:
        server.should_exit = True
        serving.join()
        premises.close()


class House:
    """The releases of a home, without its devices; now: what its clock says."""

    def __init__(self, folder: Path, buffer: Buffer, site: str, keys: bytes) -> None:
        self.now = datetime.datetime.now(datetime.UTC)
        log = structlog.get_logger()
        there = Shelf(folder / "releases", shelf.keys_of(keys), log)
        there.look()
        nobody: Any = None
        self.buffer = buffer
        self.rollout = Rollout(buffer, there, nobody, nobody, site, log, lambda: None, lambda: self.now)

    def live(self) -> None:
        """Let a scale live here that says it runs 0.1.0, in a household that wants updates now; `offered` are its orders."""
        self.scale = ground.device()
        self.offered: list[int] = []

        async def offer(_device: Device, arguments: dict[int, int]) -> bool:
            self.offered.append(arguments[commands.RELEASE])
            return True

        enrolments: Any = SimpleNamespace(devices=[self.scale])
        orders: Any = SimpleNamespace(offer=offer)
        self.rollout._enrolments, self.rollout._orders = enrolments, orders

    async def ask(self) -> list[str]:
        """Ask the site; return the versions that are at home then."""
        await self.rollout._ask_site()
        return sorted(each.name for each in self.rollout.shelf.releases)


@pytest.fixture
async def house(tmp_path: Path, site: Site) -> AsyncIterator[House]:
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    yield House(tmp_path, buffer, site.address, release.point(site.made.public_key()))
    await buffer.close()


async def test_what_is_published_comes_home_with_its_share_and_only_once(house: House, site: Site) -> None:
    """To one home in a hundred, then to all; what is here already is not fetched again."""
    site.publish("0.1.1", 1)
    with capture_logs() as said:
        assert await house.ask() == ["0.1.1"]
        assert house.rollout._offers == {"scale": shelf.Offer("scale", release.sequence_of("0.1.1"), 1)}
        site.vouch(100)
        assert await house.ask() == ["0.1.1"]
    assert house.rollout._offers["scale"].share == 100
    assert [each["event"] for each in said].count("release.known") == 1
    (found,) = house.rollout.shelf.releases
    assert (found.manifest[manifest.ENGLISH], found.manifest[manifest.FRENCH]) == ("Better.", "Mieux.")
    assert not updates.in_share(b"kid1", found, 0)
    assert not house.rollout.stale


async def test_a_site_that_lies_brings_nothing_home(house: House, site: Site) -> None:
    """A release by a stranger's key, one changed on the shelf, one cut short, and a word of the newest by a stranger."""
    stranger = ec.generate_private_key(ec.SECP256R1())
    site.publish("0.1.1", key=stranger)
    with capture_logs() as said:
        assert await house.ask() == []
        site.publish("0.1.1")
        path = site.shelf / "scale-0.1.1.foyer"
        whole = path.read_bytes()
        for data in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-10]):
            path.write_bytes(data)
            assert await house.ask() == []
        path.write_bytes(whole)
        word = release.signed(shelf.encode_newest([shelf.Offer("scale", release.sequence_of("0.1.1"), 100)], 1_900_000_000), stranger, b"x")
        kept = (site.shelf / shelf.NEWEST_FILE).read_bytes()
        (site.shelf / shelf.NEWEST_FILE).write_bytes(word)
        assert await house.ask() == []
        (site.shelf / shelf.NEWEST_FILE).write_bytes(kept)
        assert await house.ask() == ["0.1.1"]
    reasons = [(each["event"], each["reason"]) for each in said if "reason" in each]
    assert reasons == [
        ("release.not_taken", "BadSignature"),
        ("release.not_taken", "HTTPError"),  # the site itself lists no file whose parts do not fit
        ("release.not_taken", "HTTPError"),
        ("releases.not_asked", "BadSignature"),
    ]


async def test_withholding_is_noticed(house: House, site: Site) -> None:
    """An older word is not taken for the newest, and after thirty days without a new one the page says so."""
    site.publish("0.1.1")
    old = (site.shelf / shelf.NEWEST_FILE).read_bytes()
    await asyncio.sleep(1)  # a word is dated to the second
    site.publish("0.1.2")
    assert await house.ask() == ["0.1.2"]
    (site.shelf / shelf.NEWEST_FILE).write_bytes(old)
    with capture_logs() as said:
        await house.ask()
    assert [each["event"] for each in said] == ["releases.older_word"]
    assert house.rollout._offers["scale"].sequence == release.sequence_of("0.1.2")
    assert not house.rollout.stale
    house.now += datetime.timedelta(days=31)
    assert house.rollout.stale
    assert house.rollout.vouched


async def test_a_site_that_is_away_or_has_no_shelf_changes_nothing(house: House, site: Site, tmp_path: Path) -> None:
    """What is here stays, and is still offered."""
    with capture_logs() as said:
        assert await house.ask() == []
    assert [each["event"] for each in said] == ["releases.not_asked"]
    site.publish("0.1.1")
    await house.ask()
    buffer = await Buffer.open(tmp_path / "other.db", 64)
    alone = House(tmp_path, buffer, "http://127.0.0.1:9", release.point(site.made.public_key()))
    assert await alone.ask() == ["0.1.1"]
    assert alone.rollout.stale, "it never had a word of the newest"
    assert not alone.rollout.vouched, "and the page does not say that it had one"
    await buffer.close()


class Liar(BaseHTTPRequestHandler):
    """A server that answers everything with bytes for ever, or sends whoever asks elsewhere."""

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(65536))
        except OSError:
            return  # it was hung up

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def test_an_endless_answer_is_hung_up_and_nobody_is_led_elsewhere() -> None:
    """The gateway's memory holds no more than a release may have."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(requests.RequestException, match="too large"):
            await asyncio.to_thread(fetch, address + "/releases/scale-0.1.1.foyer", shelf.MAX_RELEASE_BYTES)
        with pytest.raises(requests.RequestException, match="elsewhere"):
            await asyncio.to_thread(fetch, address + "/elsewhere", shelf.MAX_RELEASE_BYTES)
    finally:
        server.shutdown()
        server.server_close()


def failing(site: Site, homes: range, version: str = "0.1.1") -> None:
    """Let devices of these homes give a release back."""
    for number in homes:
        said = Outcome("scale", release.sequence_of(version), faults.UPDATE_UNPROVED)
        site.premises.desk.answer(outcomes.encode(said), 0, f"home{number}")


async def test_a_release_that_failed_in_other_homes_is_neither_fetched_nor_offered_until_the_operator_lets_it_go_on(
    house: House, site: Site, tmp_path: Path
) -> None:
    """A home that has the file hears of it before it offers, one that has it not gets none; by hand it may still be asked for."""
    house.live()
    await house.buffer.write(lambda connection: households.meet_devices(connection, [house.scale], {}, "Nursery", bytes(16), 0))
    await house.buffer.write(lambda connection: households.note_presence(connection, house.scale.kid, "0.1.0", None, 0))
    await house.rollout.choose(updates.NOW)
    site.publish("0.1.1")
    assert await house.ask() == ["0.1.1"]
    failing(site, range(3))
    house.rollout._halted_asked_s = float("-inf")  # ten minutes later
    with capture_logs() as said:
        await house.rollout._offer()
    assert house.offered == []
    assert {"event": "releases.halted", "releases": ["scale 0.1.1"], "log_level": "info"} in said
    (known,) = house.rollout.shelf.releases
    assert house.rollout.halted_elsewhere(known)
    frame: Any = SimpleNamespace(rollout=house.rollout, house=SimpleNamespace(device=lambda _: house.scale))
    shown = updating.shown(frame, house.scale.kid, words.read()["en"])
    assert shown is not None
    assert (shown["halted_elsewhere"], shown["halted"], shown["may_ask"]) == (True, False, True)
    further = House(tmp_path / "further", house.buffer, site.address, release.point(site.made.public_key()))
    assert await further.ask() == []
    assert await house.rollout.want(house.scale)
    await house.rollout._offer()
    assert house.offered == [release.sequence_of("0.1.1")]
    with stores.writing(site.premises.premises.accounts) as connection:
        halting.resume(connection, "scale", release.sequence_of("0.1.1"))
    further.rollout._halted_asked_s = float("-inf")
    assert await further.ask() == ["0.1.1"]
    assert not further.rollout.halted_elsewhere(known)


async def test_a_list_of_halted_rollouts_can_only_stop(house: House, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is none, or does not come, leaves what was known; one that names everything offers nothing and brings nothing."""
    site.publish("0.1.1")
    answers: list[bytes | Exception] = [b"\xff", b"x" * 5000, requests.ConnectionError()]

    def lies(address: str, most_bytes: int) -> bytes:
        if not address.endswith(shelf.HALTED_FILE):
            return fetch(address, most_bytes)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(rollout, "fetch", lies)
    house.rollout._halted = frozenset({("cuff", 7)})
    for _ in range(3):
        house.rollout._halted_asked_s = float("-inf")
        assert await house.ask() == ["0.1.1"]
        assert house.rollout._halted == {("cuff", 7)}
    answers.append(shelf.encode_halted({(kind, number) for kind in shelf.KINDS for number in range(1, 21)}))
    house.rollout._halted_asked_s = float("-inf")
    assert await house.ask() == ["0.1.1"]
