"""`--check` finds what would keep the account store from starting, one sentence each, and starts and changes nothing."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud import check, stores
from cloud.__main__ import main
from cloud.configuration import read


def sentences(path: Path) -> list[str]:
    return [str(error) for error in check.problems(path)]


def test_what_is_in_order_is_said_so_and_left_as_it_was(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """With keys, certificates and a broker that answers nothing is wrong, and no file is made."""
    before = sorted(cloud.folder.rglob("*"))
    assert main(["--check", "--configuration", str(cloud.configuration)]) == 0
    assert capsys.readouterr().out == f"{cloud.configuration} is in order.\n"
    assert sorted(cloud.folder.rglob("*")) == before


def changed(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert re.search(old, text)
        text = re.sub(old, new, text)
    path.write_text(text)


SPOILT: dict[str, tuple[Callable[[Any], None], str]] = {
    "a key is gone": (lambda cloud: (cloud.folder / "keys/pepper").unlink(), "No key in"),
    "a key for everybody": (lambda cloud: (cloud.folder / "keys/pepper").chmod(0o644), "Setting keys.directory: "),
    "a certificate is gone": (lambda cloud: changed(cloud.configuration, (r"ingester\.pem", "nobody.pem")), "nobody.pem is not there"),
    "a key that is none": (lambda cloud: changed(cloud.configuration, (r"site\.key", "site.pem")), "a certificate or key cannot be used"),
    "a damaged store": (lambda cloud: (cloud.folder / "readings.db").write_bytes(b"no database at all" * 99), "cannot be used"),
    "the broker is elsewhere": (
        lambda cloud: changed(cloud.configuration, (r"port = \d+\nauthority", "port = 1\nauthority")),
        "does not answer",
    ),
    "a chart library is gone": (
        lambda cloud: changed(cloud.configuration, (r"\[site\]", '[site]\nlibraries = "nowhere"')),
        "Setting site.libraries: ",
    ),
    "releases lie nowhere": (
        lambda cloud: changed(cloud.configuration, (r"\[site\]", '[site]\nreleases = "nowhere"')),
        "Setting site.releases: ",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_each_fault_is_one_sentence(cloud: Any, name: str) -> None:
    """It names the setting or the file, is one line that ends as a sentence does, and the status is other than 0."""
    spoil, says = SPOILT[name]
    spoil(cloud)
    said = sentences(cloud.configuration)
    assert any(says in each for each in said), said
    assert all("\n" not in each and each.endswith(".") for each in said)
    assert main(["--check", "--configuration", str(cloud.configuration)]) in (2, 3)


def test_all_that_is_wrong_is_said_at_once(cloud: Any) -> None:
    """Settings that are unknown, missing or wrong, of every part, and not the first alone."""
    path = cloud.configuration
    whole = path.read_text()
    path.write_text(whole.replace("[keys]", '[keys]\nshelf = "x"').replace("host =", "hosts =") + "[attic]\n")
    assert [error.setting for error in check.problems(path) if hasattr(error, "setting")] == [
        "[attic]",
        "broker.hosts",
        "broker.host",
        "keys.shelf",
    ]
    path.write_text(
        whole.replace("sqlite:///accounts.db", "mysql://x").replace('"keys"', "7").replace("http://127.0.0.1", "http://example.org")
    )
    assert [error.setting for error in check.problems(path) if hasattr(error, "setting")] == [
        "stores.accounts",
        "keys.directory",
        "site.address",
    ]


def test_a_store_of_a_later_release_and_a_taken_port_are_found(cloud: Any) -> None:
    """Both are said, and the store is left as it is."""
    settings = read(cloud.configuration)
    engine = stores.open_store(settings.stores.readings)
    stores.upgrade(engine, "readings")
    with stores.writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'readings_9999'")
    engine.dispose()
    with socket.create_server(("127.0.0.1", settings.site.port)):
        said = sentences(cloud.configuration)
    assert any("later release" in each for each in said)
    assert any(each.startswith("Setting site.port: ") for each in said)


def test_another_authoritys_broker_is_found(cloud: Any, tmp_path: Path) -> None:
    """A broker whose certificate another authority signed is not the one that is meant."""
    other = tmp_path / "other.pem"
    settings = read(cloud.configuration)
    # the ingester's own certificate signed nothing
    other.write_bytes(settings.broker.ingester_certificate.read_bytes())
    changed(cloud.configuration, (r'authority = "[^"]+"', f'authority = "{other}"'))
    assert any("does not speak TLS 1.3 as the broker that is meant" in each for each in sentences(cloud.configuration))
