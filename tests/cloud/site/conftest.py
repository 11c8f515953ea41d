"""The site as an application without a server: its pages, its stores, and a home that puts rows where an ingester would."""

import asyncio
import atexit
import itertools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import make_url

from cloud import configuration, keys, readings, stores
from cloud.logs import configure
from cloud.outcomes import Counting, Rule
from cloud.site.linking import LinkDesk
from cloud.site.routes import make_site
from cloud.site.serving import open_premises
from protocol import linking
from protocol.envelope import Row
from tests.cloud.counterpart import Person
from tests.cloud.postbox import Postbox
from tools.postgres import Postgres

ON_POSTGRES = os.environ.get("FOYER_TESTS_ON") == "postgresql"
READS_FILES = "it searches the files of SQLite; tests/cloud/test_postgres.py searches PostgreSQL's"
_NUMBERS = itertools.count()
ADDRESS = "http://127.0.0.1:8080"
PASSWORD = "ashtray velvet horizon"
ON_FILES = """
[stores]
accounts = "sqlite:///accounts.db"
readings = "sqlite:///readings.db"
"""
CONFIGURATION = """
[broker]
host = "127.0.0.1"
authority = "a.pem"
ingester_certificate = "b.pem"
ingester_key = "b.key"
site_certificate = "c.pem"
site_key = "c.key"
[keys]
directory = "keys"
[site]
address = "http://127.0.0.1:8080"
"""


@cache
def _migrated(store: str) -> Path:
    """A store of this release with nothing in it, made once: migrations are tested elsewhere."""
    path = Path(tempfile.mkdtemp()) / f"{store}.db"
    engine = stores.open_store(make_url(f"sqlite:///{path}"))
    stores.upgrade(engine, store)
    engine.dispose()
    return path


@cache
def server() -> Postgres:
    """A PostgreSQL of this release with nothing in it, made once and copied for each test that asks for one."""
    made = Postgres(max_connections="300", fsync="off")
    atexit.register(made.remove)
    for store, role in (("readings", "foyer_ingester"), ("accounts", "foyer_site")):
        engine = stores.open_store(configuration.of_role(make_url(made.url(store)).set(drivername="postgresql+psycopg"), role))
        stores.upgrade(engine, store)
        engine.dispose()
    return made


def on_server() -> str:
    """Return the [stores] of a configuration that leads to two fresh databases of that server."""
    number = next(_NUMBERS)
    lines = (f'{store} = "{server().copy_of(store, f"{store}_{number}")}"\n' for store in ("accounts", "readings"))
    return "[stores]\n" + "".join(lines)


class Premises:
    """The site under test, and the ways around it that a test needs."""

    def __init__(self, folder: Path, mail: str = "", stores_toml: str = "") -> None:
        self.folder = folder
        stores_toml = stores_toml or (on_server() if ON_POSTGRES else ON_FILES)
        (folder / "cloud.toml").write_text(stores_toml + CONFIGURATION + mail)
        settings = self.settings = configuration.read(folder / "cloud.toml")
        keys.make_missing(settings.keys)
        for name in ("accounts", "readings") if stores_toml == ON_FILES else ():
            if not (folder / f"{name}.db").exists():
                shutil.copy(_migrated(name), folder / f"{name}.db")
        self.writer = stores.open_store(configuration.of_role(settings.stores.readings, configuration.INGESTER_ROLE))
        stores.upgrade(self.writer, "readings")
        self.premises = open_premises(settings, configure("test"))
        self.app = make_site(self.premises)
        self.runner = asyncio.Runner()
        erasure, pepper = self.premises.admission.erasure, self.premises.pepper
        rule = Rule(settings.site.halt_homes, settings.site.halt_percent)
        self.counting = Counting(self.premises.accounts, pepper.outcomes, folder / "shelf", rule, self.premises.log)
        self.desk = LinkDesk(self.premises.accounts, erasure, pepper, None, self.premises.log, self.counting)  # type: ignore[arg-type]

    def browser(self, zone: str = "Europe/Paris", **headers: str) -> "Browser":
        return Browser(self, zone, headers)

    def store(self, person: Person, rows: list[Row]) -> None:
        with stores.writing(self.writer) as connection:
            readings.add_rows(connection, person.pseudonym, rows, 0)

    def deliver(self) -> None:
        """Do what the postman does."""
        assert self.premises.postman
        self.premises.postman.deliver_due(int(time.time()))

    def close(self) -> None:
        self.runner.close()
        for engine in (self.writer, self.premises.accounts, self.premises.readings):
            engine.dispose()


class Browser:
    """A browser as far as headers, cookies and forms go."""

    def __init__(self, site: Premises, zone: str, headers: dict[str, str]) -> None:
        self.site = site
        self.zone = zone
        agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        transport = httpx.ASGITransport(site.app)
        self.client = httpx.AsyncClient(
            transport=transport, base_url=ADDRESS, headers={"user-agent": agent, **headers}, follow_redirects=True
        )

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.site.runner.run(self.client.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        return self.request("POST", path, data=data or {}, headers={"sec-fetch-site": "same-origin", **headers})

    def register(self, email: str = "ada@example.org", language: str = "en", **more: str) -> Any:
        form = {"email": email, "password": PASSWORD, "terms": "yes", "cookies": "yes", "zone": self.zone, **more}
        return self.post(f"/{language}/register", form)

    def sign_in(self, email: str = "ada@example.org", password: str = PASSWORD) -> Any:
        return self.post("/en/sign-in", {"email": email, "password": password, "zone": self.zone})

    def link_code(self) -> str:
        found = re.search(r'data-code="([^"]+)"', self.post("/en/link").text)
        assert found
        return found[1]

    def link(self, person: Person) -> None:
        """Link a person as a home does, its messages handed over without a broker."""
        code = linking.parse_code(self.link_code())
        now_utc_s = int(time.time())
        ask = linking.encode_message(linking.ASK, code.link_id)
        key = linking.decode_message(self.site.desk.answer(ask, now_utc_s)).body
        box = linking.encode_message(linking.BOX, code.link_id, person.box(key), person.talk_public)
        assert linking.decode_message(self.site.desk.answer(box, now_utc_s)).body == linking.DONE


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with Postbox() as made:
        yield made


@pytest.fixture
def lettered(tmp_path: Path, postbox: Postbox) -> Iterator[Premises]:
    """A site that sends letters, to the postbox."""
    made = Premises(tmp_path, f'[mail]\nhost = "127.0.0.1"\nport = {postbox.port}\nsecurity = "none"\nsender = "foyer@example.org"\n')
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Premises]:
    made = Premises(tmp_path)
    yield made
    made.close()
