"""The stores themselves: migrations, what is durable, what stands in clear, and what settings are refused."""

import os
import re
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from cloud import accounts, configuration, keys, readings, stores
from cloud.errors import BadConfiguration, CannotStart
from protocol.envelope import ALREADY, CONFLICT, STORED, Row

METADATA = {"accounts": accounts.METADATA, "readings": readings.METADATA}


def opened(tmp_path: Path, store: str, **more: Any) -> Any:
    return stores.open_store(make_url(f"sqlite:///{tmp_path}/{store}.db"), **more)


@pytest.mark.parametrize("store", METADATA)
def test_migrations_lead_from_nothing_to_the_tables_in_use(tmp_path: Path, store: str) -> None:
    """After every step, tables, columns, keys and nullability are those the code asks for; a second run changes nothing."""
    engine = opened(tmp_path, store)
    stores.upgrade(engine, store)
    stores.upgrade(engine, store)
    inspector = inspect(engine)
    assert set(inspector.get_table_names()) - {"alembic_version"} == set(METADATA[store].tables)
    for name, table in METADATA[store].tables.items():
        columns = {column["name"]: column for column in inspector.get_columns(name)}
        assert list(columns) == list(table.columns.keys())
        for column in table.columns:
            assert str(columns[column.name]["type"]) == str(column.type)
            assert columns[column.name]["nullable"] == column.nullable
        assert inspector.get_pk_constraint(name)["constrained_columns"] == [column.name for column in table.primary_key]
    engine.dispose()


@pytest.mark.parametrize("store", METADATA)
def test_a_store_of_a_later_release_is_left_alone(tmp_path: Path, store: str) -> None:
    """An older program refuses with one sentence instead of guessing."""
    engine = opened(tmp_path, store)
    stores.upgrade(engine, store)
    with stores.writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'readings_9999'"))
    with pytest.raises(CannotStart, match="later release"):
        stores.upgrade(engine, store)
    with pytest.raises(CannotStart, match="not of this release"):
        stores.wait_until_current(engine, store, timeout_s=0.1)
    engine.dispose()


def test_every_migration_has_one_way_up() -> None:
    """One head each, so no two releases disagree."""
    for store in METADATA:
        assert len(ScriptDirectory(str(stores.MIGRATIONS / store)).get_heads()) == 1


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "readings.db").write_bytes(b"not a database, but quite long enough to be looked at" * 40)
    engine = opened(tmp_path, "readings")
    with pytest.raises(CannotStart, match="cannot be used"):
        stores.upgrade(engine, "readings")
    engine.dispose()


def test_stores_are_durable_and_forget_on_disk(tmp_path: Path) -> None:
    """WAL, FULL, secure_delete and foreign keys hold for every connection; the site's one of the readings store cannot write."""
    engine = opened(tmp_path, "readings")
    stores.upgrade(engine, "readings")
    with engine.connect() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "secure_delete")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    engine.dispose()
    reader = opened(tmp_path, "readings", read_only=True)
    with pytest.raises(Exception, match="readonly"), stores.writing(reader) as connection:
        readings.set_aside(connection, b"x", "test", 0)
    reader.dispose()


def test_every_column_says_what_it_is() -> None:
    """No column without a comment that says whether it is personal, sealed, secret or neither (R3)."""
    for metadata in METADATA.values():
        for table in metadata.tables.values():
            assert all(column.comment for column in table.columns), table.name


def test_readings_store_holds_pseudonym_minute_id_and_sealed_bytes_alone() -> None:
    """No kind, no account, no gateway, no time of arrival."""
    assert set(readings.SEALED_ROWS.columns.keys()) == {"pseudonym", "minute", "id", "sealed"}


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.binary(min_size=1, max_size=3)), min_size=1, max_size=8)


@given(st.lists(ROWS, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_rows_behave_like_a_dictionary_that_never_changes_its_mind(batches: list[list[tuple[int, int, bytes]]]) -> None:
    """Whatever comes in whatever order: the first bytes under an id stay, the same again is ALREADY, others are CONFLICT."""
    engine = stores.create_engine("sqlite://")
    readings.METADATA.create_all(engine)
    model: dict[bytes, tuple[int, bytes]] = {}
    with engine.begin() as connection:
        for batch in batches:
            rows = [Row(minute, bytes([number]) * 16, sealed) for number, minute, sealed in batch]
            expected = []
            for row in rows:
                kept = model.setdefault(row.row_id, (row.minute, row.sealed))
                known = sum(before.row_id == row.row_id for before in rows[: len(expected)]) or row.row_id in before_ids(connection)
                expected.append(CONFLICT if kept != (row.minute, row.sealed) else ALREADY if known else STORED)
            assert readings.add_rows(connection, b"p" * 16, rows, 0).statuses == expected
        stored = {row.row_id: (row.minute, row.sealed) for row in readings.rows_since(connection, b"p" * 16, 0)}
    assert stored == model
    engine.dispose()


def before_ids(connection: Any) -> set[bytes]:
    return readings.ids_since(connection, b"p" * 16, 0)


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    """A second call changes nothing; files are 0600, folders 0700; a damaged key is one sentence."""
    first = keys.make_missing(tmp_path / "keys")
    assert keys.make_missing(tmp_path / "keys") == first
    for path in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    (tmp_path / "keys" / "pepper").write_bytes(b"short")
    with pytest.raises(CannotStart, match=r"\./foyer cloud keys"):
        keys.pepper(tmp_path / "keys")


GOOD = """
[stores]
accounts = "sqlite:///accounts.db"
readings = "sqlite:////var/lib/foyer/readings.db"
[broker]
host = "broker.example"
authority = "a.pem"
ingester_certificate = "b.pem"
ingester_key = "b.key"
site_certificate = "c.pem"
site_key = "c.key"
[keys]
directory = "keys"
[site]
address = "https://foyer.example/"
[mail]
host = "mail.example"
sender = "foyer@foyer.example"
"""


def read(tmp_path: Path, toml: str) -> configuration.Configuration:
    (tmp_path / "cloud.toml").write_text(toml)
    return configuration.read(tmp_path / "cloud.toml")


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """Relative ones from there, absolute ones as they are; defaults fill the rest."""
    found = read(tmp_path, GOOD)
    assert found.stores.accounts.database == str(tmp_path / "accounts.db")
    assert found.stores.readings.database == "/var/lib/foyer/readings.db"
    assert found.broker.port == 8883
    assert found.site.address == "https://foyer.example"
    assert found.site.secure


@pytest.mark.parametrize(
    ("change", "by", "setting"),
    [
        ("[keys]", "[kees]", "[kees]"),
        ('directory = "keys"', "", "keys.directory"),
        ('directory = "keys"', 'directory = "keys"\ncolour = "red"', "keys.colour"),
        ('directory = "keys"', "directory = 3", "keys.directory"),
        ('host = "broker.example"', 'host = "b"\nport = 70000', "broker.port"),
        ('host = "broker.example"', 'host = "b"\nport = true', "broker.port"),
        ("sqlite:///accounts.db", "postgresql://x/y", "stores.accounts"),
        ("sqlite:///accounts.db", "sqlite://", "stores.accounts"),
        ("sqlite:///accounts.db", "accounts.db", "stores.accounts"),
        ("https://foyer.example/", "http://foyer.example", "site.address"),
        ("https://foyer.example/", "foyer.example", "site.address"),
        ('host = "mail.example"', "", "mail.host"),
        ('host = "mail.example"', 'host = "mail.example"\nsecurity = "none"', "mail.security"),
        ('host = "mail.example"', 'host = "mail.example"\nsecurity = "ssl"', "mail.security"),
        ("foyer@foyer.example", "Foyer <foyer@foyer.example>", "mail.sender"),
        ("[stores]", "[stores", "file"),
        ("[stores]", "keys = 1\n[stores]", "[keys]"),
    ],
)
def test_bad_settings_are_refused_by_name(tmp_path: Path, change: str, by: str, setting: str) -> None:
    """One sentence that names the setting."""
    toml = GOOD.replace(change, by)
    if by.startswith("keys = 1"):
        toml = toml.replace('[keys]\ndirectory = "keys"', "")
    with pytest.raises(BadConfiguration) as refused:
        read(tmp_path, toml)
    assert refused.value.setting == setting
    assert re.fullmatch(r"Setting \S+: [^\n]+[.;\"]?", str(refused.value))


def test_erasure_is_on_disk_before_it_is_said(tmp_path: Path) -> None:
    """After destroy the file is gone and its bytes were overwritten first."""
    keys.make_missing(tmp_path)
    erasure = keys.ErasureKeys(tmp_path)
    account_id = os.urandom(16)
    key = erasure.make(account_id)
    held = (tmp_path / "erasure" / account_id.hex()).open("rb")
    erasure.destroy(account_id)
    assert held.read() == bytes(32) != key
    held.close()
    assert sqlite3.sqlite_version_info >= (3, 37)
