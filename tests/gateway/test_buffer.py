"""The database's writer: groups, savepoints, and what a newer or damaged file meets."""

import asyncio
import itertools
import json
import random
import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway import reception
from gateway.devices import parse
from gateway.edges import places, questions
from gateway.edges.buffer import Buffer
from gateway.errors import Damaged, FileUnusable, NoRoom
from tests.gateway.counterpart import Counterpart
from tests.gateway.power import Disk, connect

pytestmark = pytest.mark.anyio


async def test_one_failing_question_leaves_its_group_unharmed(tmp_path: Path) -> None:
    """Fifty writers at once, one of them wrong: it alone fails, and its half-done work is gone."""
    buffer = await Buffer.open(tmp_path / "home.db", 64)

    def put(connection: sqlite3.Connection, number: int) -> int:
        connection.execute("INSERT INTO household VALUES (?, 'x')", (str(number),))
        if number == 25:
            raise ValueError(number)
        return number

    asked = [buffer.write(lambda connection, n=number: put(connection, n)) for number in range(50)]  # type: ignore[misc]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [number for number in range(50) if number != 25]
    kept = buffer.read(lambda connection: connection.execute("SELECT count(*) FROM household WHERE value = 'x'").fetchone()[0])
    assert kept == 49
    assert buffer.write_now(lambda connection: put(connection, 99)) == 99
    with pytest.raises(sqlite3.IntegrityError):
        buffer.write_now(lambda connection: put(connection, 99))
    with pytest.raises(sqlite3.OperationalError):
        buffer.read(lambda connection: connection.execute("DELETE FROM household"))
    await buffer.close()
    with pytest.raises(NoRoom):
        await buffer.write(lambda connection: put(connection, 100))


async def test_it_is_on_disk_before_anybody_is_told(tmp_path: Path) -> None:
    """WAL and FULL are in force on the connection that writes."""
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    asked = await buffer.write(
        lambda connection: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert asked == ["wal", 2]
    assert (tmp_path / "home.db").stat().st_mode & 0o777 == 0o600
    await buffer.close()


async def test_a_newer_or_damaged_database_is_one_sentence(tmp_path: Path) -> None:
    """Neither is touched."""
    path = tmp_path / "home.db"
    await (await Buffer.open(path, 64)).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(FileUnusable, match="newer than this program"):
        await Buffer.open(path, 64)
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(FileUnusable):
        await Buffer.open(path, 64)
    assert path.read_bytes().startswith(b"not a database")


SYNC_OFF = {"PRAGMA synchronous = FULL": "PRAGMA synchronous = OFF"}
SYNC_AT_CHECKPOINTS = {"PRAGMA synchronous = FULL": "PRAGMA synchronous = NORMAL"}


class Cut(NamedTuple):
    """What a power cut left, and which readings had been acknowledged by then."""

    files: dict[str, bytes]
    acknowledged: frozenset[int]


async def cuts_of(folder: Path, readings: int, share: float, seed: int, replaced: dict[str, str] | None = None) -> list[Cut]:
    """Keep readings numbered from 0 on a disk that forgets, and cut the power at a share of its writes and syncs."""
    whim = random.Random(seed)
    disk = Disk(f"forgetful-{folder.name}-{seed}-{len(replaced or ())}")
    device = Counterpart()
    known = parse("x", json.dumps(device.enrolment()))
    acknowledged: list[int] = []
    cuts: list[Cut] = []

    def event() -> None:
        if whim.random() < share:
            promised = frozenset(tuple(acknowledged))
            cuts.append(Cut(disk.after_a_cut(whim), promised))

    disk.event = event
    folder.mkdir()
    buffer = await Buffer.open(folder / "home.db", 64, connect(disk, replaced))

    async def keep(sequence: int) -> None:
        reading = reception.open_reading(device.signed(device.fields(sequence)), known)
        kept = await buffer.write(lambda connection: questions.keep(connection, known, reading, 1_800_000_000_000 + sequence))
        assert isinstance(kept, questions.Kept)
        acknowledged.append(sequence)
        await buffer.write(lambda connection: questions.settle(connection, kept.reading, places.INBOX, None, "nobody_known"))

    sequences = iter(range(readings))
    while group := list(itertools.islice(sequences, whim.randint(1, 8))):
        await asyncio.gather(*(keep(sequence) for sequence in group))
    await buffer.close()
    cuts.append(Cut(disk.after_a_cut(whim), frozenset(acknowledged)))
    return cuts


async def lost(folder: Path, cuts: list[Cut]) -> int:
    """Return from how many cuts the real buffer, started on what was left, does not have what had been acknowledged."""
    bad = 0
    for number, cut in enumerate(cuts):
        place = folder / f"after-{number}"
        place.mkdir()
        for path, content in cut.files.items():
            (place / Path(path).name).write_bytes(content)
        try:
            buffer = await Buffer.open(place / "home.db", 64)
        except Damaged:
            bad += 1
            continue
        kept = {row["sequence"] for row in buffer.read(lambda connection: connection.execute("SELECT sequence FROM readings").fetchall())}
        bad += not cut.acknowledged <= kept
        await buffer.close()
        shutil.rmtree(place)
    return bad


async def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(tmp_path: Path) -> None:
    """Whatever a disk has not synced is torn or gone: every acknowledged reading is there after it, and the database opens."""
    cuts = await cuts_of(tmp_path / "home", 60, 0.3, seed=7)
    assert sum(bool(cut.acknowledged) for cut in cuts) > 50
    assert await lost(tmp_path, cuts) == 0


@pytest.mark.parametrize("replaced", [SYNC_OFF, SYNC_AT_CHECKPOINTS], ids=["off", "normal"])
async def test_the_same_cuts_tell_when_nothing_is_synced(tmp_path: Path, replaced: dict[str, str]) -> None:
    """With a weaker `synchronous` the very same proof finds losses, so it would notice."""
    cuts = await cuts_of(tmp_path / "home", 60, 0.2, seed=7, replaced=replaced)
    assert await lost(tmp_path, cuts) > 5


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_campaign_of_power_cuts_loses_nothing(tmp_path: Path) -> None:
    """Thousands of cuts, at every write and sync of many lives."""
    seen = 0
    for seed in range(20):
        cuts = await cuts_of(tmp_path / f"home-{seed}", 100, 1.0, seed)
        seen += len(cuts)
        assert await lost(tmp_path, cuts) == 0, seed
    assert seen > 5000


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """What does not fit is refused whole, what was promised stays, the change is told once each way, and room ends it."""
    disk = Disk(f"filling-{tmp_path.name}")
    buffer = await Buffer.open(tmp_path / "home.db", 64, connect(disk))
    told: list[bool] = []
    buffer.full_changed = told.append

    def put(connection: sqlite3.Connection, number: int) -> int:
        connection.execute("INSERT INTO household VALUES (?, 'x')", (str(number),))
        return number

    assert await buffer.write(lambda connection: put(connection, 1)) == 1
    disk.full = True
    answers = await asyncio.gather(
        *(buffer.write(lambda connection, n=number: put(connection, n)) for number in range(2, 8)),  # type: ignore[misc]
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [NoRoom] * 6, answers
    assert buffer.full_since_ms is not None
    disk.full = False
    assert await buffer.write(lambda connection: put(connection, 9)) == 9
    assert (buffer.full_since_ms, told) == (None, [True, False])
    names = buffer.read(lambda connection: [row["name"] for row in connection.execute("SELECT name FROM household WHERE value = 'x'")])
    assert sorted(names) == ["1", "9"]
    await buffer.close()


async def test_a_full_database_refuses_new_readings_and_loses_none(tmp_path: Path) -> None:
    """At its largest size it takes no more; what leaves it makes room again."""
    buffer = await Buffer.open(tmp_path / "home.db", 1)
    device = Counterpart()
    known = parse("x", json.dumps(device.enrolment()))
    kept = 0

    async def keep(sequence: int) -> None:
        reading = reception.open_reading(device.signed(device.fields(sequence)), known)
        await buffer.write(lambda connection: questions.keep(connection, known, reading, 1_800_000_000_000))

    async def keep_on() -> None:
        nonlocal kept
        while True:
            ended = await asyncio.gather(*(keep(kept + number) for number in range(20)), return_exceptions=True)
            if refused := [each for each in ended if each is not None]:
                raise refused[0]
            kept += 20

    with pytest.raises(NoRoom):
        await keep_on()
    count = buffer.read(lambda connection: connection.execute("SELECT count(*) FROM readings").fetchone()[0])
    assert kept <= count < kept + 20, "of the last group, as many as were promised"
    assert kept > 500
    await buffer.write(lambda connection: connection.execute("DELETE FROM readings WHERE sequence < 100"))
    await keep(kept + 20)
    await buffer.close()
