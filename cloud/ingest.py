"""The ingester: what homes publish becomes rows of the readings store, and a receipt goes back.

Per group of messages: open and check each, one transaction, then a signed receipt for each, then the acknowledgement to the
broker. Killed anywhere in between, the broker or the home sends again, and rows that are there already are receipted again. A
message that can never be stored is set aside in the same transaction and acknowledged, so it blocks nobody.

It opens the readings store and no other, holds no key that opens a reading, and keeps nothing of who sent what.
"""

import queue
import secrets
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from cloud import intake, measures, readings, stores, tombstones, wrapping
from cloud.broker import IN_FLIGHT, Delivery, Line, alias_of
from cloud.configuration import INGESTER_ROLE, Configuration, of_role
from cloud.errors import CannotStart, Poison
from cloud.keys import IngesterKeys, ingester_keys
from cloud.logs import Log
from cloud.readings import Added
from protocol.envelope import ALREADY, CONFLICT, STORED, Batch, Row

UPWARD = "foyer/1/+/up"
# A commit costs the same for one message as for many, and none is waited for. Half of what the broker lets be in flight: with all of
# it in one group, nothing would be left to open while that is stored.
GROUP_MESSAGES = IN_FLIGHT // 2
SELF_TEST_TOPIC = "foyer/1/ingester/up"
SELF_TEST_TIMEOUT_S = 10
STORE_RETRY_S = 1.0
# Whoever stores wakes for an instant between two waits, and is not to stand behind a whole message being opened (Python's own: 5 ms).
SWITCH_S = 0.0005
HOUR_S = 3600


class DeafSubscription(CannotStart):
    """The broker grants the shared subscription and delivers nothing; some do."""

    def __init__(self) -> None:
        super().__init__("The broker delivers nothing to a shared subscription; use one that does, for instance mosquitto.")


class Opened(NamedTuple):
    """One message and the batch in it, or why there is none that could ever be stored."""

    delivery: Delivery
    batch: Batch | None
    reason: str


class Outcome(NamedTuple):
    """What became of one message: its batch and what was done with it, or neither when it was set aside; back: a page, and whether more
    follows it."""

    delivery: Delivery
    batch: Batch | None
    added: Added | None
    back: tuple[list[Row], bool] | None = None


class Ingester:
    """One ingester between one broker and one readings store."""

    def __init__(self, engine: Engine, keys: IngesterKeys, line: Line, log: Log, folder: Path) -> None:
        """Make it; folder: where tombstones are kept outside the database."""
        self._engine = engine
        self._keys = keys
        self._line = line
        self._log = log
        self._tombstones = folder
        self._house_kept_s = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Take what arrives until told to stop. Raises DeafSubscription at the first connect."""
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._line.start()
        try:
            with ThreadPoolExecutor(1, "store") as storing:
                self._take(stop, storing)
        finally:
            sys.setswitchinterval(usual_s)
            self._line.stop()

    def _take(self, stop: threading.Event, storing: ThreadPoolExecutor) -> None:
        """Opening messages is arithmetic and storing them is waiting: while one group is stored, the next is opened."""
        tested = False
        stored: Future[list[Outcome] | None] | None = None
        while not stop.is_set():
            self._keep_house()
            if not tested:
                tested = self._test_subscription(stop)
                continue
            opened = [self.open(delivery) for delivery in self._next_group()]
            before, stored = stored, None
            if before:
                before.result()
            if opened:
                stored = storing.submit(self._store_in_the_end, opened, stop)
            self._answer_stored(before)
            if self._line.arrived.empty():
                # nothing to open meanwhile
                self._answer_stored(stored)
                stored = None
        self._answer_stored(stored)

    def _answer_stored(self, stored: Future[list[Outcome] | None] | None) -> None:
        outcomes = stored.result() if stored else None
        if outcomes:
            self.answer(outcomes)

    def _store_in_the_end(self, opened: list[Opened], stop: threading.Event) -> list[Outcome] | None:
        """Store, and again after a store that could not be used; None: told to stop before that went well."""
        while True:
            try:
                with measures.STORED_S.time():
                    return self.store(opened)
            except OperationalError as error:
                measures.STORE_FAILURES.inc()
                # a full disk or a server that is away passes; nothing was acknowledged, so nothing is lost
                self._log.error("ingest.store_failed", reason=type(error.orig).__name__, detail=str(error.orig))
                if stop.wait(STORE_RETRY_S):
                    return None

    def open(self, delivery: Delivery) -> Opened:
        """Open and check one message."""
        try:
            return Opened(delivery, intake.open_message(delivery.payload, self._keys), "")
        except Poison as poison:
            digest = wrapping.digest(delivery.payload).hex()
            self._log.warning("ingest.set_aside", reason=poison.reason, detail=poison.detail, digest=digest)
            return Opened(delivery, None, poison.reason)

    def commit(self, group: list[Delivery]) -> list[Outcome]:
        """Store what a group of messages holds, in one transaction that is on disk when this returns."""
        return self.store([self.open(delivery) for delivery in group])

    def store(self, opened: list[Opened]) -> list[Outcome]:
        """Store what was opened, in one transaction that is on disk when this returns."""
        day = int(time.time()) // 86400
        batches = [each.batch for each in opened if each.batch is not None]
        with stores.writing(self._engine) as connection:
            for each in opened:
                if each.batch is None:
                    readings.set_aside(connection, each.delivery.payload[: intake.LARGEST_MESSAGE_BYTES], each.reason, day)
            added = iter(readings.add_batches(connection, batches, day) if batches else [])
            back = {
                id(batch): readings.page_after(connection, batch.pseudonym, batch.back_after)
                for batch in batches
                if batch.back_after is not None
            }
        return [
            Outcome(each.delivery, each.batch, None if each.batch is None else next(added), back.get(id(each.batch))) for each in opened
        ]

    def answer(self, outcomes: list[Outcome]) -> None:
        """Send the receipts for what was committed, then let the broker forget the messages."""
        committed_utc_ms = time.time_ns() // 1_000_000
        counts: Counter[int] = Counter()
        for delivery, batch, added, back in outcomes:
            if batch is not None and added is not None:
                counts.update(added.statuses)
                if batch.erases:
                    # outside the database too: a restored backup must not bring it back
                    tombstones.note_outside(self._tombstones, batch.pseudonym)
                if back is not None:
                    answer = intake.page_for(delivery.payload, batch, back[0], added.standing, self._keys, more=back[1])
                else:
                    answer = intake.receipt_for(delivery.payload, batch, added, committed_utc_ms, self._keys)
                self._line.publish(f"foyer/1/{alias_of(delivery.topic)}/down", answer)
            self._line.acknowledge(delivery)
        committed = sum(outcome.batch is not None for outcome in outcomes)
        for name, count in (("committed", committed), ("set_aside", len(outcomes) - committed)):
            measures.MESSAGES.labels(name).inc(count)
        for name, status in (("stored", STORED), ("already", ALREADY), ("conflict", CONFLICT)):
            measures.ROWS.labels(name).inc(counts[status])
        if counts[CONFLICT]:
            self._log.error("ingest.conflict", rows=counts[CONFLICT])
        self._log.info("ingest.committed", messages=len(outcomes), stored=counts[STORED], already=counts[ALREADY])

    def _keep_house(self) -> None:
        """Once an hour: erase the pseudonyms that nobody asked after for 13 months, and tombstones that have served."""
        if time.monotonic() - self._house_kept_s < HOUR_S:
            return
        self._house_kept_s = time.monotonic()
        try:
            with stores.writing(self._engine) as connection:
                gone = readings.keep_house(connection, int(time.time()) // 86400)
        except OperationalError as error:
            self._log.error("ingest.store_failed", reason=type(error.orig).__name__, detail=str(error.orig))
            return
        for pseudonym in gone:
            tombstones.note_outside(self._tombstones, pseudonym)
        if gone:
            self._log.info("ingest.lapsed", pseudonyms=len(gone))

    def _next_group(self) -> list[Delivery]:
        group: list[Delivery] = []
        try:
            group.append(self._line.arrived.get(timeout=0.2))
            while len(group) < GROUP_MESSAGES:
                group.append(self._line.arrived.get_nowait())
        except queue.Empty:
            pass
        return [delivery for delivery in group if not self._is_self_test(delivery)]

    def _is_self_test(self, delivery: Delivery) -> bool:
        """Another ingester's test, or our own again: it is for nobody to store."""
        if delivery.topic == SELF_TEST_TOPIC:
            self._line.acknowledge(delivery)
            return True
        return False

    def _test_subscription(self, stop: threading.Event) -> bool:
        """Publish to ourselves through a shared subscription of our own; return whether an answer came, False to try again.

        A broker that is away is waited for. One whose access list forbids the test is believed, and the log says so.
        """
        try:
            granted = self._line.subscribed.get(timeout=0.2)
        except queue.Empty:
            return False
        if not granted:
            raise CannotStart(f"The broker's access list does not let this ingester read {UPWARD}.")
        word = secrets.token_bytes(16)
        own = f"$share/{word.hex()}/{SELF_TEST_TOPIC}"
        self._line.subscribe(own)
        held: list[Delivery] = []
        heard, forbidden = False, False
        number, connection = None, self._line.connection
        end_s = time.monotonic() + SELF_TEST_TIMEOUT_S
        # what is held came by the shared subscription, so that works; and it may fill the receive window, with our word behind it
        while not (heard or forbidden or held or stop.is_set()) and connection == self._line.connection and time.monotonic() < end_s:
            if number is None and not self._line.subscribed.empty():
                self._line.subscribed.get()
                number = self._line.publish(SELF_TEST_TOPIC, word)
            forbidden = number is not None and number in self._line.refused
            try:
                delivery = self._line.arrived.get(timeout=0.02)
            except queue.Empty:
                continue
            if delivery.topic == SELF_TEST_TOPIC:
                heard = heard or delivery.payload == word
                self._line.acknowledge(delivery)
            else:
                held.append(delivery)
        self._line.unsubscribe(own)
        for delivery in held:
            self._line.arrived.put(delivery)
        if stop.is_set() or connection != self._line.connection:
            return False
        if not (heard or forbidden or held):
            raise DeafSubscription
        self._log.info("ingest.ready", self_test="passed" if heard or held else "not allowed")
        return True


def shared_by_ingesters(keys: IngesterKeys) -> str:
    """Return the subscription by which ingesters share the work, under a name that only who holds their keys can know.

    Mosquitto lets any client join a group whose name it knows; what then falls to a stranger's turn is withheld from the stranger, as the
    access list says, and from everybody else.
    """
    name = wrapping.hkdf(b"", keys.receipt_key.private_bytes_raw(), b"foyer ingest group 1", 16)
    return f"$share/{name.hex()}/{UPWARD}"


def run(configuration: Configuration, stop: threading.Event, log: Log) -> None:
    """Run one ingester until told to stop. Raises CannotStart."""
    keys = ingester_keys(configuration.keys)
    measures.serve(configuration.metrics.ingester_port)
    broker = configuration.broker
    shared = shared_by_ingesters(keys)
    # a session that was begun under other keys would go on delivering under their name as well: with new keys begins a new one
    name = f"{broker.ingester_name}-{wrapping.digest(shared.encode()).hex()[:8]}"
    line = Line(name, broker, broker.ingester_certificate, broker.ingester_key, [shared], log)
    engine = stores.open_store(of_role(configuration.stores.readings, INGESTER_ROLE))
    try:
        stores.upgrade(engine, "readings")
        Ingester(engine, keys, line, log, configuration.keys / "tombstones").run(stop)
    finally:
        engine.dispose()
