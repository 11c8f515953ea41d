"""How long what an account has is kept at home as well, and that nothing else is ever let go."""

import os
import sqlite3
from pathlib import Path

import pytest
import structlog

from gateway.edges import custody, places, questions
from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.retention import Retention
from gateway.pseudonyms import Keyring
from tests.gateway import ground
from tests.gateway.test_custody import Home

_DAY_MS = 86_400_000
_PLACES = (
    places.KEPT,
    places.INBOX,
    places.HOME,
    places.SEALED,
    places.ACCOUNT,
    places.CONFLICT,
    places.ERASED,
    places.PART,
)


def where(connection: sqlite3.Connection) -> dict[int, tuple[str, int]]:
    """Where each reading is, and how many signed bytes of it are left."""
    return {row["reading"]: (row["place"], len(row["signed"])) for row in connection.execute("SELECT reading, place, signed FROM readings")}


def test_only_what_an_account_has_receipted_is_let_go_and_only_when_its_time_is_over() -> None:
    """One reading in every place there is, each on either side of the day: one of them is emptied, all others stay to the byte."""
    connection = ground.database()
    book = Custody(Keyring((bytes(32),)).keys, os.urandom)
    for number, place in enumerate(_PLACES):
        for old in (0, 1):
            assert ground.arrive(connection, ground.reading(2 * number + old + 1, 1, 1000), _DAY_MS - old) == questions.STORED
            connection.execute("UPDATE readings SET place = ? WHERE sequence = ?", (place, 2 * number + old + 1))
    before = where(connection)
    assert book.let_go(connection, _DAY_MS, 100) == 1
    changed = {reading: now for reading, now in where(connection).items() if now != before[reading]}
    ((reading, now),) = changed.items()
    assert (before[reading][0], now) == (places.ACCOUNT, (places.FORGOTTEN, 0))
    assert book.let_go(connection, _DAY_MS, 100) == 0


def test_its_device_is_still_told_that_it_is_stored() -> None:
    """A reading that was let go and comes again is known by its number and digest."""
    connection = ground.database()
    book = Custody(Keyring((bytes(32),)).keys, os.urandom)
    ground.arrive(connection, ground.reading(1, 1, 1000), 5)
    connection.execute("UPDATE readings SET place = ?", (places.ACCOUNT,))
    assert book.let_go(connection, 10, 100) == 1
    assert ground.arrive(connection, ground.reading(1, 1, 1000), 20) == questions.ALREADY
    assert ground.arrive(connection, ground.reading(2, 1, 2000), 30) == questions.STORED


def test_its_owner_reads_on_and_may_have_it_erased_from_home() -> None:
    """In the account nothing changed; erasing the person at home erases there what the home no longer has."""
    home = Home()
    anna = home.add()
    home.link(anna, home.accounts[0])
    for _ in range(3):
        home.measure(anna)
    home.drain()
    assert home.book.let_go(home.connection, 2**62, 2) == 2
    home.measure(anna)
    home.drain()
    opened, course = home.opened(home.accounts[0], home.accounts[0].boxes[anna])
    assert (len(opened), course.holds, custody.count_sent(home.connection, anna)) == (4, True, 4)
    home.book.erase_subject(home.connection, anna)
    home.drain()
    assert home.all_rows() == []


@pytest.mark.anyio
@pytest.mark.parametrize("keep_days", [0, 1])
async def test_the_setting_decides(tmp_path: Path, keep_days: int) -> None:
    """By default everything is kept; with a day, hundreds that are older go in one look."""
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    book = Custody(Keyring((bytes(32),)).keys, os.urandom)

    def fill(connection: sqlite3.Connection) -> None:
        for number in range(450):
            ground.arrive(connection, ground.reading(number + 1, 1, 1000 * number), 1_000_000 + number)
        connection.execute("UPDATE readings SET place = ?", (places.ACCOUNT,))

    await buffer.write(fill)
    retention = Retention(buffer, book, keep_days, structlog.get_logger())
    if keep_days:
        await retention.look()
    else:
        await retention.run()  # ends at once: there is nothing to look for
    assert buffer.read(lambda connection: questions.count_in(connection, places.ACCOUNT)) == (0 if keep_days else 450)
    await buffer.close()
