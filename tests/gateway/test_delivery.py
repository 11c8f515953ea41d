"""What is sent next, for any queue, any time and any answers."""

import json
import secrets
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway import reception, sealing
from gateway.delivery import Flight, Plan, Rules, Waiting, due_ms, plan
from gateway.devices import parse
from gateway.edges import households, places, questions
from gateway.edges.buffer import close_writer, open_both
from gateway.edges.custody import Custody
from gateway.pseudonyms import keys_of
from protocol import envelope
from tests.gateway.counterpart import Counterpart

RULES = Rules(in_flight=3, rows_in_message=4, receipt_timeout_ms=1000, longest_back_off_ms=8000)


def queue(*pseudonyms: str) -> list[Waiting]:
    return [Waiting(number, name.encode()) for number, name in enumerate(pseudonyms, 1)]


def test_few_rows_go_at_once_and_many_pack_themselves() -> None:
    """One row is one message; a long queue fills messages, as many as there are places, in order."""
    assert [message.numbers for message in plan(queue("a"), [], 0, RULES).send] == [(1,)]
    sent = plan(queue(*"a" * 20), [], 0, RULES).send
    assert [message.numbers for message in sent] == [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12)]


def test_a_message_holds_one_pseudonym() -> None:
    """Rows of two people never share a message, however they stand in the queue."""
    sent = plan(queue(*"abababab"), [], 0, RULES).send
    assert [(message.pseudonym, message.numbers) for message in sent] == [(b"a", (1, 3, 5, 7)), (b"b", (2, 4, 6, 8))]


def test_a_lost_message_goes_again_later_and_later() -> None:
    """Without a receipt the pause doubles up to its longest, and the attempts are counted."""
    waiting, now_ms, pauses = queue("a"), 0, []
    flights: list[Flight] = []
    for _ in range(6):
        decided = plan(waiting, flights, now_ms, RULES)
        (message,) = decided.send
        flights = [Flight(b"x", message.numbers, now_ms, message.attempt)]
        assert plan(waiting, flights, now_ms, RULES).send == ()
        assert decided.wake_ms is not None
        assert plan(waiting, flights, decided.wake_ms - 1, RULES).send == ()
        pauses.append(decided.wake_ms - now_ms)
        now_ms = decided.wake_ms
    assert pauses == [1000, 2000, 4000, 8000, 8000, 8000]


def test_a_clock_set_back_makes_nothing_wait() -> None:
    """A flight from the future is over."""
    assert plan(queue("a"), [Flight(b"x", (1,), 10_000_000, 1)], 0, RULES).over == (b"x",)


@given(st.data())
def test_every_row_arrives_once_receipts_come(data: st.DataObject) -> None:
    """Whatever is lost on the way, no limit is broken, no row flies twice at a time, and all arrive when answers do."""
    waiting = queue(*data.draw(st.lists(st.sampled_from("abc"), max_size=40)))
    flights: dict[bytes, Flight] = {}
    now_ms, made, losses = 0, 0, 0
    while waiting:
        decided: Plan = plan(waiting, flights.values(), now_ms, RULES)
        for digest in decided.over:
            del flights[digest]
        for message in decided.send:
            made += 1
            flights[made.to_bytes(4, "big")] = Flight(made.to_bytes(4, "big"), message.numbers, now_ms, message.attempt)
            names = {row.pseudonym for row in waiting if row.number in message.numbers}
            assert names == {message.pseudonym}
            assert len(message.numbers) <= RULES.rows_in_message
        assert len(flights) <= RULES.in_flight
        flying = [number for flight in flights.values() for number in flight.numbers]
        assert len(flying) == len(set(flying))
        answered = [digest for digest in flights if losses > 30 or data.draw(st.booleans())]
        losses += len(flights) - len(answered)
        for digest in answered:
            gone = flights.pop(digest).numbers
            waiting = [row for row in waiting if row.number not in gone]
        if flights:
            now_ms = min(due_ms(flight, RULES) for flight in flights.values())


class Delivering(RuleBasedStateMachine):
    """Readings on their way, against a model of two sets: what devices hold a receipt for, and what the account store holds.

    Database, sealing, plan and the taking of receipts are the gateway's own. A crash forgets what memory held and rolls back what was not
    committed; messages and receipts are lost, doubled and overtake each other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.device = Counterpart(kind="cuff")
        self.known = parse("x", json.dumps(self.device.enrolment()))
        self.receipted: set[int] = set()
        self.account: dict[bytes, bytes] = {}
        self.flights: dict[bytes, Flight] = {}
        self.messages: list[tuple[bytes, list[tuple[bytes, bytes]]]] = []
        self.receipts: list[sealing.Receipt] = []
        self.now_ms = 0
        self.book = Custody(lambda person_id, epoch, _: keys_of(bytes(32), person_id, epoch), secrets.token_bytes)
        self.open()
        for number in range(2):
            subject = households.add_subject(self.connection, 0, f"{number}", None, bytes([number]) * 16, 0)
            self.connection.execute("UPDATE subjects SET account_key = ? WHERE subject = ?", (bytes(32), subject))

    def open(self) -> None:
        self.connection, reader = open_both(Path(self.folder.name) / "home.db", 64)
        reader.close()

    def keep(self, number: int) -> int:
        reading = reception.open_reading(self.device.signed(self.device.fields(number)), self.known)
        kept = questions.keep(self.connection, self.known, reading, 1_800_000_000_000)
        assert isinstance(kept, questions.Kept)
        if kept.status == questions.STORED:
            self.connection.execute(
                "UPDATE readings SET place = ?, subject = ? WHERE reading = ?", (places.HOME, 1 + number % 2, kept.reading)
            )
        return kept.status

    @rule(again=st.booleans())
    def a_reading_comes_perhaps_again(self, again: bool) -> None:
        number = len(self.receipted)
        assert self.keep(number) == questions.STORED
        self.receipted.add(number)
        if again:
            assert self.keep(number) == questions.ALREADY

    @rule()
    def a_reading_is_kept_and_its_transaction_is_not(self) -> None:
        """The power goes before the commit: nobody was promised anything."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.keep(len(self.receipted))
        self.crash()

    @rule(limit=st.integers(1, 5))
    def what_waits_is_sealed(self, limit: int) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.book.seal(self.connection, limit, self.now_ms)
        self.connection.execute("COMMIT")

    @rule(later_ms=st.sampled_from([0, 500, 5000]))
    def what_is_planned_is_sent(self, later_ms: int) -> None:
        self.now_ms += later_ms
        waiting = [Waiting(*row) for row in questions.queued(self.connection, 0, 100)]
        decided = plan(waiting, self.flights.values(), self.now_ms, RULES)
        for digest in decided.over:
            del self.flights[digest]
        for message in decided.send:
            rows = questions.queued_rows(self.connection, message.numbers)
            assert {row["pseudonym"] for row in rows} == {message.pseudonym}
            digest = secrets.token_bytes(32)
            self.flights[digest] = Flight(digest, message.numbers, self.now_ms, message.attempt)
            self.messages.append((digest, [(row["row_id"], row["sealed"]) for row in rows]))
        assert len(self.flights) <= RULES.in_flight

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives and stays", "lost"]))
    def a_message(self, data: st.DataObject, fate: str) -> None:
        number = data.draw(st.integers(0, len(self.messages) - 1))
        digest, rows = self.messages[number] if fate == "arrives and stays" else self.messages.pop(number)
        if fate == "lost":
            return
        said = []
        for row_id, sealed in rows:
            known = self.account.setdefault(row_id, sealed)
            said.append(sealing.RowReceipt(row_id, envelope.digest8(sealed), envelope.STORED if known is sealed else envelope.ALREADY))
            assert known == sealed, "one id, other bytes"
        self.receipts.append(sealing.Receipt(digest, tuple(said), 1, False))

    @precondition(lambda self: self.receipts)
    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives and stays", "lost"]))
    def a_receipt(self, data: st.DataObject, fate: str) -> None:
        number = data.draw(st.integers(0, len(self.receipts) - 1))
        receipt = self.receipts[number] if fate == "arrives and stays" else self.receipts.pop(number)
        if fate != "lost":
            questions.drop_receipted(self.connection, receipt)
            self.flights.pop(receipt.message_digest, None)

    @rule()
    def crash(self) -> None:
        """Memory is gone; the next start reads what was committed."""
        self.connection.close()
        self.flights.clear()
        self.open()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        kept = self.connection.execute("SELECT sequence, place, row_id FROM readings").fetchall()
        assert sorted(row["sequence"] for row in kept) == sorted(self.receipted)
        queued = {row["row_id"] for row in self.connection.execute("SELECT row_id FROM outgoing")}
        for row in kept:
            if row["place"] == places.ACCOUNT:
                assert row["row_id"] in self.account
            elif row["place"] == places.SEALED:
                assert row["row_id"] in queued
            else:
                assert row["place"] == places.HOME
        assert set(self.account) <= {row["row_id"] for row in kept}

    def teardown(self) -> None:
        """When nothing goes wrong any more, all of it arrives."""
        for _ in range(2 * len(self.receipted) + 5):
            self.what_waits_is_sealed(5)
            self.what_is_planned_is_sent(10_000)
            for digest, rows in self.messages:
                said = tuple(sealing.RowReceipt(row_id, envelope.digest8(sealed), envelope.STORED) for row_id, sealed in rows)
                self.account.update(rows)
                questions.drop_receipted(self.connection, sealing.Receipt(digest, said, 1, False))
                self.flights.pop(digest, None)
            self.messages.clear()
        assert questions.queue_length(self.connection) == 0
        assert len(self.account) == len(self.receipted)
        close_writer(self.connection)
        self.folder.cleanup()


TestDelivering = Delivering.TestCase
TestDelivering.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
