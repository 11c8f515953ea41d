"""The home's export: whole, verified by its own program, free of secrets, and taken in by the site."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cloud import exports
from cloud.errors import Declined
from gateway import export
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import browser

pytestmark = pytest.mark.anyio


async def taken(folder: Path, *, extension: bool = False) -> zipfile.ZipFile:
    """A home with readings of every kind, and its export."""
    devices = [Counterpart(kind) for kind in ("scale", "cuff", "babyphone")]
    for device in devices:
        device.enrol(folder / "data")
    async with gateway(configure(folder)) as running, browser(running) as page:
        await page.set_up()
        await page.post("/en/people", name="=Anna", usual_kg="72,4")
        port = (await running.event("gateway.ready"))["coap_port"]
        for device in devices:
            async with link(device, port) as way:
                await way.send(device.signed(device.fields(1)))
                more = {"_32": b"\xc0\xff\xee"} if extension else {}
                await way.send(device.signed(device.fields(2, **more)))  # type: ignore[arg-type]  # an extension may be bytes
        while any(row["place"] == "kept" for row in (await page.state())["readings"]):
            pass
        answer = await page.post("/en/settings/export")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/zip"
        assert "Everything was taken" in (await page.client.get("/en/log")).text
        folders = [path for path in (folder / "data").rglob("*") if path.name.startswith("tmp")]
        assert folders == []
    return zipfile.ZipFile(io.BytesIO(answer.content))


def verify(zipped: zipfile.ZipFile, folder: Path) -> subprocess.CompletedProcess[str]:
    zipped.extractall(folder)
    return subprocess.run([sys.executable, "-I", "verify.py", "."], cwd=folder, capture_output=True, text=True, check=False)


async def test_everything_is_in_it_and_its_own_program_verifies_it(tmp_path: Path) -> None:
    """Six readings in three tables, every signature good; a changed value, a changed log and a changed file are each found."""
    zipped = await taken(tmp_path, extension=True)
    tables = {name: list(csv.DictReader(zipped.read(name).decode().splitlines())) for name in zipped.namelist() if name.endswith(".csv")}
    assert {name: len(rows) for name, rows in tables.items()} == {"weight.csv": 2, "pressure.csv": 2, "climate.csv": 2}
    assert (tables["weight.csv"][0]["weight_kg"], tables["weight.csv"][0]["whose"]) == ("72.4", "'=Anna")
    held = verify(zipped, tmp_path / "whole")
    assert (held.returncode, held.stdout.split(";")[0]) == (0, "6 of 6 readings are what their devices signed")
    for number, (name, before, after, found) in enumerate(
        [
            ("signatures.json", b'"10": 72400', b'"10": 62400', "NOT HELD"),
            ("home.json", b'"count": 1', b'"count": 2', "BROKEN"),
            ("weight.csv", b"72.4", b"62.4", "CHANGED"),
        ]
    ):
        folder = tmp_path / f"changed-{number}"
        zipped.extractall(folder)
        path = folder / name
        assert before in path.read_bytes() or name == "home.json"
        if name == "home.json":
            home = json.loads(path.read_bytes())
            home["exchanges"]["entries"] = [
                {"number": 1, "at_ms": 1, "what": "sent", "whom": "account", "subject": 1, "count": 1, "digest": "00" * 32}
            ]
            path.write_text(json.dumps(home))
        else:
            path.write_bytes(path.read_bytes().replace(before, after))
        ended = subprocess.run([sys.executable, "-I", "verify.py", "."], cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert found in ended.stdout


async def test_no_secret_is_in_it(tmp_path: Path) -> None:
    """The bytes of every key file, in any spelling, the password's hash and the person's secret id are nowhere in the zip."""
    zipped = await taken(tmp_path)
    whole = b"".join(zipped.read(name) for name in zipped.namelist())
    secrets = [path.read_bytes() for path in (tmp_path / "data/keys").iterdir()]
    secrets += [(tmp_path / "data/page" / name).read_bytes().splitlines()[1] for name in ("page.key", "authority.key")]
    assert len(secrets) >= 4
    for secret in secrets:
        assert secret not in whole
        assert secret.hex().encode() not in whole
    assert b"argon2" not in whole
    assert b"person_id" not in whole


async def test_the_site_takes_it_in(tmp_path: Path) -> None:
    """What was taken from a home without an account reproduces itself in an account: the same readings, bytes and owners (R13)."""
    zipped = await taken(tmp_path)
    assert zipped.filename is None
    assert zipped.fp is not None
    zipped.fp.seek(0)
    returned = exports.read_archive(zipped.fp.read())
    signed = json.loads(zipped.read("signatures.json"))["readings"]
    assert sorted((each.label, each.entry[0]) for each in returned) == sorted((each["whose"], each["kind"]) for each in signed)
    assert {each.label for each in returned} == {"=Anna", "—", "Nursery"}
    with pytest.raises(Declined):
        exports.read_archive(b"PK\x03\x04")


def test_a_long_table_is_written_in_parts() -> None:
    """Ten thousand rows come in pieces of some 64 KiB, none lost."""
    held = export.Held(b"\x01" * 16, "Anna", False, 0, 1_800_000_000, "home", {"weight_kg": 72.4}, {}, b"", b"", b"")
    parts = list(export.table((held for _ in range(10_000)), ["weight_kg"]))
    assert len(parts) > 5
    assert max(map(len, parts)) < 70_000
    assert len(b"".join(parts).splitlines()) == 10_001
