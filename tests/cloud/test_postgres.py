"""The account store on a real PostgreSQL: the same promises as on SQLite, roles, several ingesters, and what a thief of its files has."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from cloud import accounts, arrays, audit, configuration, erasure, links, readings, stores
from cloud.admission import Browser
from cloud.configuration import INGESTER_ROLE, SITE_ROLE
from cloud.errors import BadConfiguration, CannotStart, CannotUnwrap, Declined
from cloud.readings import Added
from protocol.envelope import ALREADY, CONFLICT, ERASED, FROM_THE_FIRST, STANDS, STORED, Batch, Row
from tests.cloud.conftest import Cloud
from tests.cloud.counterpart import Device, Gateway, Person, weight
from tests.cloud.site.conftest import PASSWORD, Premises
from tests.cloud.site.test_take import Furnished
from tests.cloud.test_stores import GOOD, METADATA, ROWS
from tools.postgres import Postgres

OWNERS = {"accounts": SITE_ROLE, "readings": INGESTER_ROLE}
UTC_S = 1_790_000_000


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    # what it is told stays in the machine's memory: here no power is cut
    made = Postgres(fsync="off")
    yield made
    made.remove()


@pytest.fixture
def fresh(postgres: Postgres, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make a fresh database for a store; return its address."""
    number = sum(map(ord, request.node.nodeid)) * 7919 + len(request.node.nodeid)
    return lambda store: postgres.copy_of(store, f"{store}_{number}")


def engine_of(address: str, role: str, **more: Any) -> sqlalchemy.Engine:
    return stores.open_store(configuration.of_role(make_url(address).set(drivername="postgresql+psycopg"), role), **more)


@pytest.fixture
def engine(fresh: Callable[[str], str]) -> Iterator[sqlalchemy.Engine]:
    """A readings store, as the ingester opens it."""
    made = engine_of(fresh("readings"), INGESTER_ROLE)
    stores.upgrade(made, "readings")
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def modelled(postgres: Postgres) -> Iterator[sqlalchemy.Engine]:
    """One readings store for all examples of a model."""
    made = engine_of(postgres.copy_of("readings", "readings_model"), INGESTER_ROLE)
    stores.upgrade(made, "readings")
    yield made
    made.dispose()


@pytest.fixture
def site(fresh: Callable[[str], str], tmp_path: Path) -> Iterator[Premises]:
    made = Premises(tmp_path, stores_toml=f'[stores]\naccounts = "{fresh("accounts")}"\nreadings = "{fresh("readings")}"\n')
    yield made
    made.close()


def revisions(store: str) -> list[str]:
    """Every revision a release may have left, oldest first."""
    scripts = stores.ScriptDirectory(str(stores.MIGRATIONS / store))
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


SAMPLES = {"accounts": "log_entries", "readings": "sealed_rows"}


@pytest.mark.parametrize(("store", "revision"), [(store, revision) for store in METADATA for revision in revisions(store)])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_released_version_is_led_up(kind: str, store: str, revision: str, fresh: Callable[[str], str], tmp_path: Path) -> None:
    """From each revision to this one: what was there stays, and tables, columns, keys and nullability are those in use."""
    made = engine_of(fresh(store), OWNERS[store]) if kind == "postgresql" else stores.open_store(make_url(f"sqlite:///{tmp_path}/x.db"))
    with stores.writing(made) as connection:
        asked = stores._configuration(store)
        asked.attributes["connection"] = connection
        command.upgrade(asked, revision)
        if store == "accounts":
            old = "INSERT INTO accounts VALUES (:id, :b, 'p', :id, :b, :b, :b, :b, 7)"
        else:
            old = "INSERT INTO sealed_rows (pseudonym, id, minute, sealed) VALUES (:id, :id, 7, :b)"
        connection.execute(text(old), {"id": b"i" * 16, "b": b"b" * 32})
    stores.upgrade(made, store)
    inspector = inspect(made)
    assert set(inspector.get_table_names()) - {"alembic_version"} == set(METADATA[store].tables)
    for name, table in METADATA[store].tables.items():
        columns = {column["name"]: column for column in inspector.get_columns(name)}
        assert set(columns) == set(table.columns.keys())
        assert all(columns[column.name]["nullable"] == column.nullable for column in table.columns)
        assert inspector.get_pk_constraint(name)["constrained_columns"] == [column.name for column in table.primary_key]
    with made.connect() as connection:
        table = METADATA[store].tables["accounts" if store == "accounts" else "sealed_rows"]
        (row,) = connection.execute(sqlalchemy.select(table)).all()
    assert b"i" * 16 in tuple(row)
    made.dispose()


def test_keys_begin_with_what_rows_would_be_spread_by() -> None:
    """Every primary key's first column is the owner, or a digest by which the row alone is found: an engine that shards can use it.

    What is said of releases begins with the release, by which it is counted; of each home's words a MAC is in the key, to spread them by.
    """
    of_releases = {"outcomes": ["kind", "sequence", "home_mac"], "halts": ["kind", "sequence"]}
    for metadata in METADATA.values():
        for table in metadata.tables.values():
            if table.name in of_releases:
                assert [column.name for column in table.primary_key] == of_releases[table.name]
                continue
            first = next(iter(table.primary_key)).name
            assert first in ("account_id", "pseudonym", "slot") or first.endswith(("digest", "_mac")), table.name


def test_the_ingester_cannot_enter_the_accounts(site: Premises) -> None:
    """Its role is refused at the door of the accounts; the site's may read and delete rows, and change none."""
    accounts_url, readings_url = site.settings.stores.accounts, site.settings.stores.readings
    refused = engine_of(str(accounts_url), INGESTER_ROLE)
    with pytest.raises(CannotStart, match="permission denied for database"):
        stores.upgrade(refused, "accounts")
    with pytest.raises(OperationalError, match="permission denied for database"):
        refused.connect()
    reader = engine_of(str(readings_url), SITE_ROLE)
    for sql in ("UPDATE sealed_rows SET minute = 0", "TRUNCATE sealed_rows", "DROP TABLE sealed_rows", "CREATE TABLE mine (a int)"):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), stores.writing(reader) as connection:
            connection.execute(text(sql))
    with pytest.raises(DBAPIError, match="read-only"), site.premises.readings.begin() as connection:
        connection.execute(text("DELETE FROM sealed_rows"))
    for each in (refused, reader):
        each.dispose()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=60), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=60))
def test_arrays_are_read_as_they_were_written(modelled: sqlalchemy.Engine, pieces: list[bytes], numbers: list[int]) -> None:
    """What is joined here in the server's own form is to the server the same list, the empty one too."""
    with modelled.connect() as connection:
        (read,) = stores.in_one_round(connection, ("SELECT %b::bytea[], %b::int4[]", (arrays.of_bytes(pieces), arrays.of_int4(numbers))))
        assert read.fetchone() == (pieces, numbers)


def test_writers_are_durable(engine: sqlalchemy.Engine) -> None:
    """A commit waits for the disk, whatever the server's default."""
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


@given(st.lists(ROWS, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_rows_behave_like_a_dictionary_that_never_changes_its_mind(
    modelled: sqlalchemy.Engine, batches: list[list[tuple[int, int, bytes]]]
) -> None:
    """The model that SQLite is held to, with several batches in one statement: first bytes stay, same is ALREADY, others CONFLICT."""
    model: dict[bytes, tuple[int, bytes]] = {}
    with stores.writing(modelled) as connection:
        connection.execute(text("DELETE FROM sealed_rows"))
    for start in range(0, len(batches), 2):
        given_now = [
            [Row(minute, bytes([number]) * 16, sealed) for number, minute, sealed in batch] for batch in batches[start : start + 2]
        ]
        expected = []
        for rows in given_now:
            own = []
            for row in rows:
                kept = model.get(row.row_id)
                model.setdefault(row.row_id, (row.minute, row.sealed))
                own.append(STORED if kept is None else ALREADY if kept == (row.minute, row.sealed) else CONFLICT)
            expected.append(own)
        with stores.writing(modelled) as connection:
            assert readings.add_batches(connection, [Batch(b"p" * 16, rows, 0, b"", False, None) for rows in given_now], 0) == [
                Added(own, STANDS) for own in expected
            ]
    with modelled.connect() as connection:
        assert {row.row_id: (row.minute, row.sealed) for row in readings.rows_since(connection, b"p" * 16, 0)} == model


def test_rows_are_given_back_by_pages(engine: sqlalchemy.Engine) -> None:
    """The same pages as from SQLite: by id, as many as travel together, and whether more follow."""
    rows = [Row(1, bytes([number]) * 16, bytes(1000)) for number in range(1, 61)]
    with stores.writing(engine) as connection:
        readings.add_rows(connection, b"p" * 16, rows[::-1], 0)
    with engine.connect() as connection:
        first, more = readings.page_after(connection, b"p" * 16, FROM_THE_FIRST)
        rest = [readings.page_after(connection, b"p" * 16, rows[number].row_id) for number in (23, 47, 59)]
    assert (first, more) == (rows[:24], True)
    assert rest == [(rows[24:48], True), (rows[48:], False), ([], False)]


def test_an_erasure_and_an_arrival_do_not_pass_each_other(engine: sqlalchemy.Engine) -> None:
    """An erasure waits for rows on their way in and takes them too; rows that come during it wait, and find the tombstone."""
    batch = Batch(b"p" * 16, [Row(1, b"a" * 16, b"sealed")], 0, b"", False, None)
    order = erasure.Order(b"p" * 16, [])
    erased: list[int] = []

    def erase() -> None:
        with stores.writing(engine) as connection:
            erased.append(erasure.erase_rows(connection, order, UTC_S))

    with stores.writing(engine) as connection:
        assert readings.add_batch(connection, batch, 0).statuses == [STORED]
        thread = threading.Thread(target=erase)
        thread.start()
        _wait_for_lock(engine)
        assert erased == []
    thread.join(10)
    assert erased == [1]
    with stores.writing(engine) as connection:
        assert readings.add_batch(connection, batch, 0) == Added([CONFLICT], ERASED)
        assert readings.count_of(connection, b"p" * 16) == 0


def _wait_for_lock(engine: sqlalchemy.Engine) -> None:
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        with engine.connect() as connection:
            if connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_two_writers_of_one_log_leave_one_chain(site: Premises) -> None:
    """Entries written at the same moment by several processes follow from one another, and none is lost."""
    ada = Furnished(site)
    premises = site.premises
    (account_id,) = _account_ids(site)
    key = premises.admission.erasure.of(account_id)

    def write() -> None:
        for _ in range(10):
            with stores.writing(premises.accounts) as connection:
                audit.write(connection, account_id, key, "exported", UTC_S)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    with premises.accounts.connect() as connection:
        assert sum(entry.what == "exported" for entry in audit.read(connection, account_id, key)) == 40
    assert "tampered" not in ada.browser.get("/en/log").text


def _account_ids(site: Premises) -> list[bytes]:
    with site.premises.accounts.connect() as connection:
        return accounts.account_ids(connection)


SECRETS = ("Zwetlana", "Nursery", "ada@example.org", PASSWORD, "72.413", "72413")


def test_the_whole_data_directory_says_nothing_and_after_an_erasure_opens_nothing(tmp_path: Path) -> None:
    """The server's every file, its log included, holds no name, address, value, key or signature in clear, before and after.

    After an erasure and the server's own cleaning the tables hold no byte of the person. Its log still holds sealed bytes and
    pseudonyms for a while: their key is gone, which is what the restored copy below shows.
    """
    postgres = Postgres(min_wal_size="32MB")
    lines = "".join(f'{store} = "{postgres.url(store)}"\n' for store in OWNERS)
    for store, role in OWNERS.items():
        engine = engine_of(postgres.url(store), role)
        stores.upgrade(engine, store)
        engine.dispose()
    site = Premises(tmp_path, stores_toml=f"[stores]\n{lines}")
    try:
        _search_erase_and_restore(site, postgres, tmp_path)
    finally:
        site.close()
        postgres.remove()


def _search_erase_and_restore(site: Premises, postgres: Postgres, tmp_path: Path) -> None:
    ada = Furnished(site)
    (account_id,) = _account_ids(site)
    with site.premises.accounts.connect() as connection:
        account = accounts.account_of(connection, account_id)
    assert account
    never = [word.encode() for word in SECRETS]
    never += [ada.person.seeds.root_key, ada.person.seeds.write_seed, ada.scale.public_key, ada.scale.pairing]
    never.append((site.settings.keys / "erasure" / account_id.hex()).read_bytes())
    traces = [ada.person.pseudonym, ada.room.pseudonym, *(row.sealed for row in ada.rows.values()), account_id, account.personal]
    postgres.psql("-c", "CHECKPOINT")
    before = _files(postgres)
    assert [secret for secret in never if any(secret in data for data in before.values())] == []
    assert [trace for trace in traces if not any(trace in data for data in before.values())] == []
    # and neither store has what would join it with the other
    for store, foreign in (("accounts", traces[:2]), ("readings", [account_id, account.personal, account.public_key])):
        own = _files_of(site, postgres, store, before)
        assert [name for name, data in own.items() for each in foreign if each in data] == []

    # a thief's copy of the stopped server: the fullest backup there is
    site.premises.accounts.dispose()
    site.premises.readings.dispose()
    site.writer.dispose()
    postgres.stop()
    copy = tmp_path / "copy"
    shutil.copytree(postgres.data, copy)
    postgres.start()

    page = ada.erase()
    assert "the keys that open them are destroyed" in page.text
    for url in (site.settings.stores.accounts, site.settings.stores.readings):
        postgres.psql("-c", "VACUUM FULL", database=str(url.database))
    postgres.psql("-c", "CHECKPOINT")
    after = _files(postgres)
    assert [secret for secret in never if any(secret in data for data in after.values())] == []
    where = {name for name, data in after.items() for trace in traces if trace in data}
    assert all(name.startswith("pg_wal/") for name in where), where
    assert not (site.settings.keys / "erasure" / account_id.hex()).exists()
    for engine in (site.premises.accounts, site.premises.readings, site.writer):
        engine.dispose()

    # the copy put back, the password known, every key that is left at hand
    postgres.stop()
    kept = tmp_path / "kept"
    os.rename(postgres.data, kept)
    shutil.copytree(copy, postgres.data, copy_function=shutil.copy2)
    for path in [postgres.data, *postgres.data.rglob("*")]:
        os.chown(path, kept.stat().st_uid, kept.stat().st_gid)
    postgres.start()
    assert _account_ids(site) == [account_id]
    admission = site.premises.admission
    with pytest.raises(Declined, match="sign_in_wrong"):
        admission.sign_in("ada@example.org", PASSWORD, Browser("", "UTC"), int(time.time()))
    with pytest.raises(CannotUnwrap):
        admission.address_and_language(account_id)
    bob = admission.erasure.make(os.urandom(16))
    with site.premises.accounts.connect() as connection, pytest.raises(CannotUnwrap):
        links.boxes_of(connection, account_id, bob)
    back = erasure.after_restore(admission, site.writer, site.settings.keys / "tombstones", int(time.time()))
    assert back[0] == 1
    assert _account_ids(site) == []


def _files(postgres: Postgres) -> dict[str, bytes]:
    return {str(path.relative_to(postgres.data)): path.read_bytes() for path in postgres.data.rglob("*") if path.is_file()}


def _files_of(site: Premises, postgres: Postgres, store: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of one database among all of the server's."""
    url = site.settings.stores.accounts if store == "accounts" else site.settings.stores.readings
    number = postgres.psql("-c", f"SELECT oid FROM pg_database WHERE datname = '{url.database}'").strip()
    own = {name: data for name, data in files.items() if name.startswith(f"base/{number}/")}
    assert own
    return own


def test_open_pages_hear_at_once_that_a_row_was_committed(site: Premises) -> None:
    """The server tells the site: no page asks again and again, and nothing is said before the commit."""

    async def listen() -> tuple[bool, bool, float]:
        watching = asyncio.create_task(site.premises.watch.run())
        try:
            async with site.premises.watch.listening() as ear:
                while await ear.wait(1):
                    # each connection says once that it listens
                    pass
                quiet = await ear.wait(0.2)
                begin_s = time.monotonic()
                await asyncio.to_thread(site.store, Person("Ada"), [Row(1, b"a" * 16, b"sealed")])
                return quiet, await ear.wait(5), time.monotonic() - begin_s
        finally:
            watching.cancel()

    quiet, heard, took_s = asyncio.run(listen())
    assert (quiet, heard) == (False, True)
    assert took_s < 5


def test_ingester_and_site_run_on_a_server_that_goes_away_and_comes_back(tmp_path: Path, broker: Any, start: Callable[..., Any]) -> None:
    """Both as processes, each in its role: killed like by a power cut, the server keeps what was receipted, and what waited goes in."""
    server = Postgres()
    try:
        cloud = Cloud(tmp_path, broker, stores=(server.url("accounts"), server.url("readings")))
        running = start("--configuration", str(cloud.configuration))
        running.wait_for("cloud.ready")
        home = Gateway(broker, cloud.receipt_key)
        person, device = Person("Ada"), Device()

        def publish(grams: int) -> int:
            home.publish(person.message([person.row(device, weight(grams), UTC_S)], cloud.sealing_key))
            return home.receipt(timeout_s=30).rows[0].status

        assert publish(70_000) == STORED
        server.kill()
        row = person.row(device, weight(70_100), UTC_S)
        home.publish(person.message([row], cloud.sealing_key))
        running.wait_for("ingest.store_failed")
        server.start()
        assert home.receipt(timeout_s=30).rows[0].status == STORED
        assert server.psql("-c", "SELECT count(*) FROM sealed_rows", database="readings") == "2"
        home.stop()
        assert running.stop() == 0
    finally:
        server.remove()


def test_two_ingesters_share_the_work(fresh: Callable[[str], str], tmp_path: Path, broker: Any, start: Callable[..., Any]) -> None:
    """By `$share`, each message goes to one of them; both pass their self-test, both work, every row is there once, each is receipted."""
    address = fresh("readings")
    cloud = Cloud(tmp_path, broker, stores=("sqlite:///accounts.db", address))
    other = cloud.folder / "other.toml"
    words = cloud.configuration.read_text().replace("[broker]", '[broker]\ningester_name = "ingester-2"')
    other.write_text(words)
    both = [start("ingest", "--configuration", str(path)) for path in (cloud.configuration, other)]
    for each in both:
        assert each.wait_for("ingest.ready")["self_test"] == "passed"
    home = Gateway(broker, cloud.receipt_key)
    person, device = Person("Ada"), Device()
    messages = [person.message([person.row(device, weight(70_000), UTC_S) for _ in range(10)], cloud.sealing_key) for _ in range(40)]
    for message in messages:
        home.publish(message)
    receipted: set[bytes] = set()
    while len(receipted) < len(messages):
        receipt = home.receipt()
        # a message that the broker delivered again, after a connection was lost, is there already
        assert {row.status for row in receipt.rows} in ({STORED}, {ALREADY})
        receipted.add(receipt.message_digest)
    reader = engine_of(address, INGESTER_ROLE)
    with reader.connect() as connection:
        assert readings.count_of(connection, person.pseudonym) == 400
    reader.dispose()
    home.stop()
    for each in both:
        assert each.stop() == 0
        assert sum(json.loads(line).get("stored", 0) for line in each.said if line.startswith("{")) > 0


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("postgresql://foyer_site:secret@db.example/accounts", "names nobody"),
        ("postgresql://db.example/accounts", "sslmode=verify-full"),
        ("postgresql://db.example/accounts?sslmode=require", "sslmode=verify-full"),
        ("postgresql://127.0.0.1/", "must name a database"),
        ("postgresql://127.0.0.1/accounts?passfile=nowhere", "is not there"),
        ("mysql://127.0.0.1/accounts", "SQLite or PostgreSQL"),
    ],
)
def test_bad_addresses_are_one_sentence(tmp_path: Path, by: str, says: str) -> None:
    """A password in a setting, a server elsewhere without its certificate checked, no database, no password file, another engine."""
    (tmp_path / "cloud.toml").write_text(GOOD.replace("sqlite:///accounts.db", by))
    with pytest.raises(BadConfiguration, match=re.escape(says)) as refused:
        configuration.read(tmp_path / "cloud.toml")
    assert refused.value.setting == "stores.accounts"
    assert "secret" not in str(refused.value)


def test_a_server_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    """Not a traceback."""
    made = engine_of("postgresql://127.0.0.1:1/readings", INGESTER_ROLE)
    with pytest.raises(CannotStart, match=r"^The readings store readings cannot be used: [^\n]+\.$"):
        stores.upgrade(made, "readings")
    made.dispose()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_whole_site_on_postgresql() -> None:
    """Every test of the site passes on PostgreSQL as it does on SQLite."""
    command_line = [sys.executable, "-m", "pytest", "-q", "-x", "tests/cloud/site", "-m", "not long"]
    done = subprocess.run(command_line, env={**os.environ, "FOYER_TESTS_ON": "postgresql"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
