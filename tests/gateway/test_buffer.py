"""The database's writer: groups, savepoints, and what a newer or damaged file meets."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.edges.buffer import Buffer
from gateway.errors import FileUnusable, NoRoom

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
