"""A damaged database: set aside, put together anew, and said so."""

import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway import reception
from gateway.devices import parse
from gateway.edges import households, questions, safety
from gateway.edges.buffer import Buffer
from gateway.errors import Damaged
from tests.gateway.counterpart import Counterpart
from tools.build import ROOT

pytestmark = pytest.mark.anyio
READINGS = 200


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, _level: str) -> Any:
        return lambda event, **facts: self.events.append((event, facts))


async def fill(buffer: Buffer, device: Counterpart, numbers: range) -> None:
    known = parse("x", json.dumps(device.enrolment()))
    for number in numbers:
        reading = reception.open_reading(device.signed(device.fields(number)), known)
        await buffer.write(lambda connection, reading=reading: questions.keep(connection, known, reading, 1_800_000_000_000))  # type: ignore[misc]


def sequences(buffer: Buffer) -> set[int]:
    return set(buffer.read(lambda connection: [row["sequence"] for row in connection.execute("SELECT sequence FROM readings")]))


def break_pages(path: Path, share: float, seed: int) -> None:
    """Overwrite a share of the pages that hold rows, never those that lead to them, with rubbish."""
    whim = random.Random(seed)
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        for page in range(1, pages):
            file.seek(page * 4096)
            if file.read(1) == b"\x0d" and whim.random() < share:  # a leaf of a table
                file.seek(page * 4096)
                file.write(whim.randbytes(4096))


async def home_of(path: Path) -> Counterpart:
    device = Counterpart()
    buffer = await Buffer.open(path, 64)
    await buffer.write(lambda connection: households.add_subject(connection, 0, "Anna", 72000, os.urandom(16), 1))
    await buffer.write(lambda connection: households.set_household(connection, "password", "hashed"))
    await fill(buffer, device, range(READINGS))
    await buffer.close()
    return device


async def test_what_can_be_read_of_a_damaged_database_is_put_together_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few pages of rubbish cost the rows on them at most; the file is kept, and the household is told."""
    path = tmp_path / "home.db"
    await home_of(path)
    break_pages(path, 0.1, seed=3)
    with pytest.raises(Damaged):
        await Buffer.open(path, 64)
    log = Log()
    buffer = await safety.open_home(path, 64, log)  # type: ignore[arg-type]
    kept = sequences(buffer)
    assert READINGS // 2 < len(kept) < READINGS
    assert buffer.read(lambda connection: connection.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
    assert json.loads(buffer.read(lambda connection: households.household(connection, safety.MENDED)) or "")["readings"] == len(kept)
    assert [event for event, _ in log.events] == ["home.mended"]
    assert len(list(tmp_path.glob("home.damaged-*.db"))) == 1
    assert "was set aside as" in capsys.readouterr().err
    await buffer.close()


async def test_the_copy_gives_back_what_the_damage_took(tmp_path: Path) -> None:
    """With a copy of yesterday nothing of before is lost, whatever became of the file; newer rows come from the file."""
    path = tmp_path / "home.db"
    device = await home_of(path)
    log = Log()
    buffer = await Buffer.open(path, 64)
    await safety.Safety(buffer, 24, log).copy()  # type: ignore[arg-type]
    await fill(buffer, device, range(READINGS, READINGS + 50))
    await buffer.close()
    break_pages(path, 0.3, seed=1)
    buffer = await safety.open_home(path, 64, log)  # type: ignore[arg-type]
    kept = sequences(buffer)
    assert set(range(READINGS)) <= kept
    assert buffer.read(lambda connection: households.household(connection, "password")) == "hashed"
    await buffer.close()
    path.write_bytes(b"no database at all" * 1000)
    buffer = await safety.open_home(path, 64, log)  # type: ignore[arg-type]
    assert sequences(buffer) == set(range(READINGS))
    await fill(buffer, device, range(READINGS, READINGS + 10))
    await buffer.close()


async def test_a_reading_whose_bytes_changed_is_not_taken_over(tmp_path: Path) -> None:
    """Its digest tells: better none than another."""
    path = tmp_path / "home.db"
    await home_of(path)
    spoilt = sqlite3.connect(path)
    spoilt.execute("UPDATE readings SET signed = x'8440a04041' WHERE sequence = 5")
    spoilt.execute("UPDATE readings SET pairing = x'0000000000000000' WHERE sequence = 7")
    spoilt.commit()
    spoilt.close()
    safety.mend(path, 64)
    buffer = await Buffer.open(path, 64)
    assert sequences(buffer) == set(range(READINGS)) - {5, 7}
    await buffer.close()


async def test_the_copy_is_private_daily_and_forgets_who_was_erased(tmp_path: Path) -> None:
    """Mode 0600; due when there is none, when it is a day old or from the future; and off takes it away."""
    path = tmp_path / "home.db"
    await home_of(path)
    buffer = await Buffer.open(path, 64)
    log = Log()
    daily = safety.Safety(buffer, 24, log)  # type: ignore[arg-type]
    copy = safety.copy_of(path)
    assert daily._is_due()
    await daily.copy()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not daily._is_due()
    for age_s in (86_401, -3600):
        stamp = copy.stat().st_mtime - age_s
        os.utime(copy, (stamp, stamp))
        assert daily._is_due()
        await daily.copy()
    await buffer.write(lambda connection: connection.execute("DELETE FROM subjects"))
    await daily.copy()
    assert b"Anna" not in copy.read_bytes()
    off = safety.Safety(buffer, 0, log)  # type: ignore[arg-type]
    assert off._is_due()
    await off.copy()
    assert not copy.exists()
    await buffer.close()


def large(path: Path, size_bytes: int) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE much (number INTEGER PRIMARY KEY, something BLOB)")
        database.executemany("INSERT INTO much (something) VALUES (?)", ((os.urandom(1000),) for _ in range(size_bytes // 1000)))


def copying() -> None:
    """Copy the database in the working directory, and say by how much that raised the peak of this process's memory."""
    safety.copy_database(Path("small.db"), Path("first.db"))  # whatever a first copy loads
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is now what is in use, see proc(5)
    before = peak_bytes()
    safety.copy_database(Path("home.db"), Path("copy.db"))
    print(peak_bytes() - before)  # the parent reads it


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_copy_takes_little_memory_however_large_the_home_is(tmp_path: Path) -> None:
    """Less than a MiB, of a database of twenty: a gateway stands at what its largest moment took."""
    large(tmp_path / "small.db", 100_000)
    large(tmp_path / "home.db", 20_000_000)
    command = [sys.executable, "-c", "from tests.gateway import test_safety; test_safety.copying()"]
    said = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    assert int(said.stdout) < 1024 * 1024
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT count(*) FROM much").fetchone() == (20_000,)


def test_a_copy_that_finds_no_room_leaves_nothing_in_what_is_left(tmp_path: Path) -> None:
    """The half that was written would keep the disk full; the copy there was before stays."""
    large(tmp_path / "home.db", 1_000_000)
    (tmp_path / "copy.db").write_bytes(b"of yesterday")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises((sqlite3.Error, OSError)):
            safety.copy_database(tmp_path / "home.db", tmp_path / "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "home.db"]
    assert (tmp_path / "copy.db").read_bytes() == b"of yesterday"
