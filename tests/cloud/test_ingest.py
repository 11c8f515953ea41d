"""The ingester against a real mosquitto: nothing lost, nothing twice, nothing that blocks."""

import hashlib
import os
import queue
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from cloud import configuration, hpke, keys, stores
from cloud.broker import Delivery
from cloud.ingest import Ingester
from cloud.logs import configure
from protocol import envelope
from protocol.envelope import ALREADY, CONFLICT, STORED
from tests.cloud.counterpart import Device, Gateway, Person, weight

UTC_S = 1_790_000_000


def rows_in(folder: Path, table: str = "sealed_rows") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "readings.db")
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        connection.close()


@pytest.fixture
def ingester(cloud: Any, start: Callable[..., Any]) -> Any:
    running = start("ingest", "--configuration", str(cloud.configuration))
    running.wait_for("ingest.ready")
    return running


def test_rows_are_committed_then_receipted(cloud: Any, ingester: Any, gateway: Gateway) -> None:
    """A batch ends as rows of exactly the bytes the home sealed, and a receipt signed by the ingester names each."""
    person, device = Person("Ada"), Device()
    rows = [person.row(device, weight(70_000 + number), UTC_S + number) for number in range(3)]
    message = person.message(rows, cloud.sealing_key)
    gateway.publish(message)
    receipt = gateway.receipt()
    assert receipt.message_digest == hashlib.sha256(message).digest()
    assert [(row.row_id, row.digest8, row.status) for row in receipt.rows] == [
        (row.row_id, envelope.digest8(row.sealed), STORED) for row in rows
    ]
    assert {(pseudonym, row_id, minute, sealed) for pseudonym, row_id, minute, sealed in rows_in(cloud.folder)} == {
        (person.pseudonym, row.row_id, row.minute, row.sealed) for row in rows
    }


def test_self_test_of_the_shared_subscription_passes(ingester: Any) -> None:
    """Mosquitto delivers to a shared subscription, and the ingester has seen it before it says that it is ready."""
    assert ingester.lines[-1]["self_test"] == "passed"


def test_duplicates_change_nothing_and_are_receipted(cloud: Any, ingester: Any, gateway: Gateway) -> None:
    """The same rows again, in the same or another message, are ALREADY there."""
    person, device = Person("Ada"), Device()
    row = person.row(device, weight(70_000), UTC_S)
    gateway.publish(person.message([row], cloud.sealing_key))
    assert gateway.receipt().rows[0].status == STORED
    gateway.publish(person.message([row, person.row(device, weight(70_100), UTC_S), row], cloud.sealing_key))
    assert [each.status for each in gateway.receipt().rows] == [ALREADY, STORED, ALREADY]
    assert len(rows_in(cloud.folder)) == 2


def test_same_id_with_other_bytes_is_a_conflict_set_aside(cloud: Any, ingester: Any, gateway: Gateway) -> None:
    """The first row stays, the second is evidence, and the home is told not to drop it."""
    person, device = Person("Ada"), Device()
    row = person.row(device, weight(70_000), UTC_S)
    gateway.publish(person.message([row], cloud.sealing_key))
    gateway.receipt()
    for changed in (row._replace(sealed=row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])), row._replace(minute=row.minute + 1)):
        gateway.publish(person.message([changed], cloud.sealing_key))
        assert gateway.receipt().rows[0].status == CONFLICT
    assert [kept[3] for kept in rows_in(cloud.folder)] == [row.sealed]
    assert [kept[1] for kept in rows_in(cloud.folder, "set_aside")] == ["conflict", "conflict"]


def test_a_home_has_its_rows_back_and_nobody_elses(cloud: Any, ingester: Any, gateway: Gateway) -> None:
    """By the page, under the name whose key asks; without its key nobody is answered, and of an erased name there is nothing."""
    person, other, device = Person("Ada"), Person("Ben"), Device()
    rows = [person.row(device, weight(70_000 + number), UTC_S) for number in range(60)]
    for some in (rows[:50], rows[50:], [other.row(device, weight(80_000), UTC_S)]):
        gateway.publish((other if len(some) == 1 else person).message(some, cloud.sealing_key))
        gateway.receipt()
    back: list[Any] = []
    after, more = envelope.FROM_THE_FIRST, True
    while more:
        gateway.publish(person.packet(cloud.sealing_key, [], back_after=after).payload)
        page = gateway.page()
        assert page.standing == envelope.STANDS
        back += page.rows
        after, more = back[-1].row_id, page.more
    assert back == sorted(rows, key=lambda row: row.row_id)
    forged = envelope.encode_batch(person.write_public, [], 1, bytes(32), other.write_key.sign, back_after=envelope.FROM_THE_FIRST)
    gateway.publish(hpke.seal_to(cloud.sealing_key, forged, envelope.BATCH_INFO))
    gateway.publish(person.packet(cloud.sealing_key, [], erases=True).payload)
    assert gateway.receipt().standing == envelope.ERASED
    gateway.publish(person.packet(cloud.sealing_key, [], back_after=envelope.FROM_THE_FIRST).payload)
    assert gateway.page()[1:] == ([], envelope.ERASED, False)
    assert [kept[1] for kept in rows_in(cloud.folder, "set_aside")] == ["bad_signature"]


def test_poison_is_set_aside_and_blocks_nobody(cloud: Any, ingester: Any, gateway: Gateway) -> None:
    """Garbage, another's key, another's pseudonym and a broken signature leave a trace, no row and no receipt."""
    person, thief, device = Person("Ada"), Person("Eve"), Device()
    row = person.row(device, weight(70_000), UTC_S)
    signed = envelope.encode_batch(person.write_public, [row], 1, bytes(32), person.write_key.sign)
    forged = envelope.encode_batch(person.write_public, [row], 1, bytes(32), thief.write_key.sign)
    poison = {
        "not_sealed_to_us": [b"garbage", b"", hpke.seal_to(hpke.public_half(hpke.new_private_key()), signed, envelope.BATCH_INFO)],
        "not_a_batch": [hpke.seal_to(cloud.sealing_key, b"\x80", envelope.BATCH_INFO)],
        "bad_signature": [hpke.seal_to(cloud.sealing_key, forged, envelope.BATCH_INFO)],
        "too_large": [bytes(envelope.LARGEST_BATCH_BYTES + 49)],
    }
    for messages in poison.values():
        for message in messages:
            gateway.publish(message)
    gateway.publish(person.message([row], cloud.sealing_key))
    assert gateway.receipt().rows[0].status == STORED
    assert gateway.down.empty()
    assert len(rows_in(cloud.folder)) == 1
    found = [kept[1] for kept in rows_in(cloud.folder, "set_aside")]
    assert sorted(found) == sorted(reason for reason, messages in poison.items() for _ in messages)


KILLED_AFTER_COMMIT = """
import os, sys
from cloud import ingest
from cloud.__main__ import main
ingest.Ingester.answer = lambda self, outcomes: os.kill(os.getpid(), 9)
sys.exit(main(sys.argv[1:]))
"""


def test_killed_between_commit_and_acknowledgement_nothing_is_lost_or_doubled(
    cloud: Any, start: Callable[..., Any], gateway: Gateway
) -> None:
    """The broker redelivers what was not acknowledged to the next ingester, which finds the row and receipts it."""
    doomed = start("ingest", "--configuration", str(cloud.configuration), code=KILLED_AFTER_COMMIT)
    doomed.wait_for("ingest.ready")
    person = Person("Ada")
    gateway.publish(person.message([person.row(Device(), weight(70_000), UTC_S)], cloud.sealing_key))
    assert doomed.process.wait(60) == -signal.SIGKILL
    assert len(rows_in(cloud.folder)) == 1
    assert gateway.down.empty()
    start("ingest", "--configuration", str(cloud.configuration)).wait_for("ingest.ready")
    assert gateway.receipt().rows[0].status == ALREADY
    assert len(rows_in(cloud.folder)) == 1


def test_ingester_waits_for_a_broker_that_is_away(cloud: Any, broker: Any, start: Callable[..., Any]) -> None:
    """Started before the broker, or cut off from it, the ingester comes back by itself."""
    broker.stop()
    running = start("ingest", "--configuration", str(cloud.configuration))
    with pytest.raises(queue.Empty):
        running.wait_for("ingest.ready", timeout_s=1)
    broker.start()
    running.wait_for("ingest.ready")
    broker.stop()
    running.wait_for("broker.disconnected")
    broker.start()
    running.wait_for("broker.connected")
    home = Gateway(broker, cloud.receipt_key)
    person = Person("Ada")
    home.publish(person.message([person.row(Device(), weight(70_000), UTC_S)], cloud.sealing_key))
    assert home.receipt().rows[0].status == STORED
    home.stop()


OPENS_NOTHING_ELSE = """
import os, sys
def watch(event, arguments):
    if event in ("open", "sqlite3.connect") and "accounts.db" in str(arguments[0]):
        os.write(1, b'{"event": "accounts.opened"}\\n')
sys.addaudithook(watch)
from cloud.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_ingester_never_opens_the_accounts_store(cloud: Any, start: Callable[..., Any], gateway: Gateway) -> None:
    """Neither open nor connect names it, from start through a commit to the end, and it is not made."""
    running = start("ingest", "--configuration", str(cloud.configuration), code=OPENS_NOTHING_ELSE)
    running.wait_for("ingest.ready")
    person = Person("Ada")
    gateway.publish(person.message([person.row(Device(), weight(70_000), UTC_S)], cloud.sealing_key))
    gateway.receipt()
    assert running.stop() == 0
    assert not any("accounts.opened" in line for line in running.said)
    assert not (cloud.folder / "accounts.db").exists()


def test_store_and_keys_are_nobody_elses_to_read(cloud: Any, ingester: Any) -> None:
    """Every file the ingester makes has mode 0600."""
    for name in ("readings.db", "readings.db-wal", "keys/ingester.key", "keys/pepper"):
        assert os.stat(cloud.folder / name).st_mode & 0o077 == 0


class QuietLine:
    """A line to no broker: what was acknowledged and published is kept."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        self.arrived: queue.Queue[Delivery] = queue.Queue()
        for delivery in deliveries:
            self.arrived.put(delivery)
        self.acknowledged: list[Delivery] = []
        self.published: list[tuple[str, bytes]] = []

    def acknowledge(self, delivery: Delivery) -> None:
        self.acknowledged.append(delivery)

    def publish(self, topic: str, payload: bytes) -> int:
        self.published.append((topic, payload))
        return 1


def test_a_store_that_cannot_be_written_acknowledges_nothing(cloud: Any) -> None:
    """With the disk full, commit raises, no receipt and no acknowledgement leave; with room again the same group goes through."""
    engine = stores.open_store(configuration.read(cloud.configuration).stores.readings)
    stores.upgrade(engine, "readings")
    person = Person("Ada")
    message = person.message([person.row(Device(), weight(70_000), UTC_S) for _ in range(50)], cloud.sealing_key)
    line = QuietLine([Delivery("foyer/1/0011223344556677/up", message, 1, 1)])
    ingester = Ingester(engine, keys.ingester_keys(cloud.folder / "keys"), line, configure("test"), cloud.folder)
    group = [line.arrived.get()]

    def limit(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "checkout", limit)
    pages = 12
    with pytest.raises(OperationalError, match="full"):
        ingester.commit(group)
    assert rows_in(cloud.folder) == line.acknowledged == line.published == []
    pages = 1_000_000
    ingester.answer(ingester.commit(group))
    assert len(rows_in(cloud.folder)) == 50
    assert line.acknowledged == group
    assert [topic for topic, _ in line.published] == ["foyer/1/0011223344556677/down"]
    engine.dispose()
