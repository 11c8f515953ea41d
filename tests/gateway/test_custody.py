"""Moving what is sealed, against a small model: whatever is moved, lost, doubled or late, each owner opens what is theirs.

Both ends are the real ones: the home's database and `custody.py` on one side, the ingester's `intake` and `readings` and the site's
`opening` and `holdings` on the other; between them an imaginary wire that loses, repeats and reorders.
"""

import os
import sqlite3
from importlib import resources
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from cloud import erasure, hpke, intake
from cloud import readings as store
from cloud.keys import IngesterKeys
from cloud.site import holdings, opening
from gateway import approvals, links, sealing
from gateway.edges import custody, households, linkbook, places, questions, requests, talking
from gateway.edges.custody import Choice, Custody
from gateway.links import Link
from gateway.pseudonyms import Keyring
from protocol import linking, readings, seals

NOON_S = 1_790_000_000
INGESTER = IngesterKeys(X25519PrivateKey.generate(), Ed25519PrivateKey.generate())
SEALING = INGESTER.opening_key.public_key()


def home_database() -> sqlite3.Connection:
    """A home's database of this release, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    for step in sorted((resources.files("gateway.edges") / "migrations").iterdir(), key=lambda file: file.name):
        if step.name.endswith(".sql"):
            connection.executescript(step.read_text(encoding="utf-8"))
    return connection


class Account:
    """An account: its key, and the newest box it holds of each subject, as it came or was left behind."""

    def __init__(self) -> None:
        self.private = hpke.new_private_key()
        self.public = hpke.public_half(self.private)
        self.boxes: dict[int, bytes] = {}
        self.left: dict[int, bytes] = {}


class Home:
    """A home and an account store, and the wire between them in the test's hands."""

    def __init__(self) -> None:
        self.connection = home_database()
        self.keyring = Keyring((os.urandom(32),))
        self.book = Custody(self.keyring.keys, os.urandom)
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        store.METADATA.create_all(self.engine)
        self.accounts = [Account(), Account(), Account()]
        self.messages: list[bytes] = []
        self.reply_keys: dict[bytes, bytes] = {}
        self.names: dict[bytes, bytes] = {}
        self.now_ms = NOON_S * 1000
        self.sequence = 0

    def tick(self) -> int:
        self.now_ms += 1000
        return self.now_ms

    def add(self, kind: int = 0, ward: bool = False) -> int:
        subject = households.add_subject(self.connection, kind, f"S{self.tick()}", 70_000, os.urandom(16), self.now_ms)
        households.set_ward(self.connection, subject, ward)
        return subject

    def measure(self, subject: int | None) -> int:
        """A weighing of its own number of grams, given to somebody or left in the inbox."""
        self.sequence += 1
        fields = {0: 0, 1: self.sequence, 2: [1, self.sequence], 10: 40_000 + self.sequence, 11: 1}
        signed = cbor2.dumps([b"", {}, cbor2.dumps(fields), b""])
        cursor = self.connection.execute(
            "INSERT INTO readings (kid, sequence, kind, boot, up_ms, utc_s, time_source, digest, signed, pairing, public_key, received_ms,"
            " place, subject) VALUES (?, ?, 0, 1, ?, ?, 'test', ?, ?, x'01', x'02', 0, ?, ?)",
            (
                *(b"kid1", self.sequence, self.sequence, NOON_S + 60 * self.sequence, os.urandom(32), signed),
                *(places.INBOX if subject is None else places.HOME, subject),
            ),
        )
        return int(cursor.lastrowid or 0)

    def link(self, subject: int, account: Account, name: str = "") -> bytes:
        """Link a subject as Linking does when the site has answered; return the link's id."""
        link = Link(os.urandom(5), subject, bytes(10), links.SENDING, self.tick(), account.public, name=name)
        self.connection.execute(
            "INSERT INTO links (link_id, subject, fingerprint, state, started_ms) VALUES (?, ?, ?, ?, 0)",
            (link.link_id, subject, bytes(10), links.SENDING),
        )
        linkbook.move_link(self.connection, link, links.LINKED, account.public, None, self.now_ms)
        self.book.announce(self.connection, subject)
        self.send_boxes()
        return link.link_id

    def send_boxes(self) -> None:
        """Hand every account its newest boxes, and take from the site those of links that ended."""
        for row in linkbook.all_recipients(self.connection):
            account = next(each for each in self.accounts if each.public == row["account_key"])
            keys = links.keys_of_link(self.keyring, row["generation"], row["person_id"], row["link_id"], row["account_key"])
            if row["state"] == linkbook.LINKED:
                account.boxes[row["subject"]] = talking.box_of(self.connection, self.book, row["subject"], keys, account.public)
            else:
                linkbook.left(self.connection, row["link_id"])
        for account in self.accounts:
            held = {row["subject"] for row in linkbook.all_recipients(self.connection) if row["account_key"] == account.public}
            for subject in set(account.boxes) - held:
                account.left[subject] = account.boxes.pop(subject)

    def seal(self) -> None:
        while self.book.seal(self.connection, 50, self.tick()):
            pass

    def publish(self, rows_at_most: int) -> None:
        """Pack everything that waits, anew, as after an outage."""
        by_name: dict[bytes, list[int]] = {}
        for number, name in questions.queued(self.connection, 0, 10_000):
            by_name.setdefault(name, []).append(number)
        for name, numbers in by_name.items():
            for start in range(0, len(numbers), rows_at_most):
                rows = questions.queued_rows(self.connection, tuple(numbers[start : start + rows_at_most]))
                self._publish(name, rows, erases=rows[0]["what"] == custody.ERASURE)

    def ask(self, name: Any) -> None:
        self._publish(name["pseudonym"], [], erases=False)

    def _publish(self, name: bytes, rows: list[Any], *, erases: bool) -> None:
        key = self.connection.execute("SELECT * FROM epochs WHERE pseudonym = ?", (name,)).fetchone()
        keys = self.book.keys(key["person_id"], key["epoch"], key["generation"])
        packed = [] if erases else [sealing.Row(row["minute"], row["row_id"], row["sealed"]) for row in rows]
        packet = sealing.pack(keys, packed, self.tick(), SEALING, os.urandom, erases=erases)
        self.messages.append(packet.payload)
        self.reply_keys[packet.digest], self.names[packet.digest] = packet.reply_key, name

    def ingest(self, payload: bytes) -> bytes:
        """Do what the ingester does with a message; return the receipt."""
        batch = intake.open_message(payload, INGESTER)
        with self.engine.begin() as connection:
            added = store.add_batch(connection, batch, NOON_S // 86400)
        return intake.receipt_for(payload, batch, added, self.now_ms, INGESTER)

    def receipt(self, message: bytes) -> None:
        """Do what Sending does with a receipt."""
        receipt = sealing.open_receipt(message, self.reply_keys, INGESTER.receipt_key.public_key())
        assert receipt is not None
        if receipt.is_erased:
            self.book.was_erased(self.connection, self.names[receipt.message_digest], self.tick())
        else:
            questions.drop_receipted(self.connection, receipt)

    def drain(self) -> None:
        """Everything arrives and is receipted."""
        self.seal()
        for _ in range(20):
            if not questions.queue_length(self.connection):
                return
            self.messages.clear()
            self.publish(50)
            for payload in list(self.messages):
                self.receipt(self.ingest(payload))
            self.seal()
        raise AssertionError("the queue does not empty")

    def opened(self, account: Account, sealed: bytes) -> tuple[set[int], holdings.Course]:
        """Return the grams that a box opens in the account store, and what its chains show."""
        (subject,) = opening.subjects(account.private, [sealed])
        opener = opening.Opener(subject)
        with self.engine.connect() as connection:
            entries = [opener.entry(row) for row in holdings.rows_since(connection, subject, 0)]
            course = holdings.check(connection, subject)
        return {entry[seals.VALUES][readings.GRAMS] for entry in entries if entry and entry[seals.KIND] != seals.STONE}, course

    def grams_of(self, reading: int) -> int:
        signed = self.connection.execute("SELECT signed FROM readings WHERE reading = ?", (reading,)).fetchone()[0]
        return int(cbor2.loads(cbor2.loads(signed)[2])[10])

    def all_rows(self) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(store.SEALED_ROWS)))


class Moving(RuleBasedStateMachine):
    """Measured, given, taken, deleted, linked, unlinked, rotated, erased, over a wire that loses, repeats and reorders."""

    subjects = Bundle("subjects")
    measured = Bundle("measured")

    @initialize()
    def begin(self) -> None:
        self.home = Home()
        self.whose: dict[int, int | None] = {}
        self.grams: dict[int, int] = {}
        self.linked: dict[int, dict[int, bytes]] = {}
        self.stopped: set[int] = set()
        # readings that an account erased, and that nobody asked to send again
        self.held: set[int] = set()
        # readings that only an account has
        self.let_go: set[int] = set()
        self.ever: list[bytes] = []
        self.forbidden: dict[tuple[int, int], set[int]] = {}

    @rule(target=subjects, ward=st.booleans())
    def somebody_moves_in(self, ward: bool) -> int:
        subject = self.home.add(ward=ward)
        self.linked[subject] = {}
        return subject

    @rule(target=measured, subject=st.none() | subjects)
    def step_on(self, subject: int | None) -> int:
        reading = self.home.measure(subject)
        self.whose[reading], self.grams[reading] = subject, self.home.grams_of(reading)
        for (account, left), forbidden in self.forbidden.items():
            if account is not None and left == subject:
                forbidden.add(self.grams[reading])
        return reading

    @rule(reading=measured, subject=st.none() | subjects)
    def give(self, reading: int, subject: int | None) -> None:
        if reading in self.whose and self.home.book.give(self.home.connection, reading, subject, "by_hand"):
            if subject != self.whose[reading]:
                self.held.discard(reading)
            self.whose[reading] = subject

    @rule(reading=measured)
    def forget(self, reading: int) -> None:
        self.home.book.forget(self.home.connection, [reading], "by_hand")
        self.whose.pop(reading, None)
        self.held.discard(reading)

    @rule(one=subjects, other=subjects, lightest=st.integers(0, 30))
    def split(self, one: int, other: int, lightest: int) -> None:
        facts = {"to": other, "choice": [0, 2**40, 40_000 + lightest, 2**31, True]}
        requests.do(self.home.connection, self.home.book, one, approvals.SPLIT, facts, self.home.tick())
        for reading, subject in self.whose.items():
            if subject == one and one != other and self.grams[reading] >= 40_000 + lightest and reading not in self.let_go:
                self.whose[reading] = other
                self.held.discard(reading)

    @rule(subject=subjects, account=st.integers(0, 2))
    def link(self, subject: int, account: int) -> None:
        if account not in self.linked[subject]:
            self.linked[subject][account] = self.home.link(subject, self.home.accounts[account], f"A{account}")
            self.forbidden.pop((account, subject), None)

    @precondition(lambda self: any(self.linked.values()))
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        subject = data.draw(st.sampled_from([each for each, accounts in self.linked.items() if accounts]))
        account = data.draw(st.sampled_from(sorted(self.linked[subject])))
        home = self.home
        row = home.connection.execute("SELECT * FROM subjects WHERE subject = ?", (subject,)).fetchone()
        going = approvals.who_leave(row, linkbook.recipients(home.connection, subject), self.linked[subject][account])
        requests.unlink(home.connection, home.book, subject, self.linked[subject][account])
        for each in [each for each, link_id in self.linked[subject].items() if link_id in going]:
            del self.linked[subject][each]
            self.forbidden[each, subject] = set()
        if not self.linked[subject]:
            self.lose(subject)
        self.stopped.discard(subject)
        home.send_boxes()

    @rule(subject=subjects)
    def rotate(self, subject: int) -> None:
        self.home.book.rotate(self.home.connection, subject)
        self.stopped.discard(subject)
        self.home.send_boxes()

    @precondition(lambda self: any(self.linked.values()))
    @rule(data=st.data())
    def account_erases(self, data: st.DataObject) -> None:
        """An owner erases all of a subject at the site, after everything has arrived there."""
        subject = data.draw(st.sampled_from([each for each, accounts in self.linked.items() if accounts]))
        home = self.home
        home.drain()
        account = home.accounts[next(iter(self.linked[subject]))]
        (seen,) = opening.subjects(account.private, [account.boxes[subject]])
        with home.engine.begin() as connection:
            for epoch in seen.epochs:
                asked = erasure.check_order(erasure.order(epoch.write_seed, [], NOON_S), NOON_S)
                erasure.erase_rows(connection, asked, NOON_S)
        for name in custody.names_of(home.connection, subject):
            home.ask(name)
            home.receipt(home.ingest(home.messages.pop()))
            self.stopped.add(subject)
        self.lose(subject)
        self.held |= {
            reading for reading, whose in self.whose.items()
            if whose == subject and questions.is_in(home.connection, reading, places.ERASED)
        }  # fmt: skip

    def lose(self, subject: int) -> None:
        """What only an account had is gone with its names there."""
        for reading in [each for each in self.let_go if self.whose.get(each) == subject]:
            del self.whose[reading]

    @rule(limit=st.integers(1, 5))
    def time_is_over(self, limit: int) -> None:
        """The home lets go of what an account has, and of nothing else."""
        connection = self.home.connection
        before = {row["reading"] for row in connection.execute("SELECT reading FROM readings WHERE place = 'account'")}
        count = self.home.book.let_go(connection, 2**62, limit)
        gone = {row["reading"] for row in connection.execute("SELECT reading FROM readings WHERE reason = ?", (custody.LET_GO,))} & before
        assert len(gone) == count == min(limit, len(before))
        self.let_go |= gone

    @rule(subject=subjects)
    def send_again(self, subject: int) -> None:
        self.home.book.send_again(self.home.connection, subject)
        self.held -= {reading for reading, whose in self.whose.items() if whose == subject}
        self.stopped.discard(subject)
        self.home.send_boxes()

    @rule(rows=st.integers(1, 7))
    def seal_and_publish(self, rows: int) -> None:
        self.home.seal()
        self.home.publish(rows)
        self.ever += self.home.messages[-20:]

    @precondition(lambda self: self.ever)
    @rule(data=st.data(), is_receipted=st.booleans(), times=st.integers(1, 2))
    def something_arrives(self, data: st.DataObject, is_receipted: bool, times: int) -> None:
        """Any message that was ever sent, once or twice, however late; its receipt comes back, or is lost."""
        payload = data.draw(st.sampled_from(self.ever))
        for _ in range(times):
            receipt = self.home.ingest(payload)
            if is_receipted:
                self.home.receipt(receipt)
        erased = self.home.connection.execute("SELECT subject FROM subjects WHERE stopped_ms IS NOT NULL")
        assert {row["subject"] for row in erased} <= self.stopped

    @rule()
    def everything_arrives(self) -> None:
        """After everything has arrived each owner opens exactly what is theirs, its chains hold, and nothing else lies there."""
        self.home.send_boxes()
        self.home.drain()
        expected_everywhere: list[int] = []
        for subject, accounts in self.linked.items():
            theirs = {self.grams[reading] for reading, whose in self.whose.items() if whose == subject and reading not in self.held}
            if subject in self.stopped:
                # nothing more is sent, and what was there is erased
                theirs = set()
            for account in accounts:
                owner = self.home.accounts[account]
                opened, course = self.home.opened(owner, owner.boxes[subject])
                assert opened == theirs, (subject, account)
                assert course.holds, course
                assert course.rows == len(theirs)
                assert custody.count_sent(self.home.connection, subject) == len(theirs)
            if accounts:
                expected_everywhere += sorted(theirs)
        for (account, subject), forbidden in self.forbidden.items():
            owner = self.home.accounts[account]
            if subject in owner.left:
                opened, _ = self.home.opened(owner, owner.left[subject])
                assert not opened & forbidden, "who was removed reads on"
        rows = self.home.all_rows()
        stones = len(rows) - len(expected_everywhere)
        assert stones >= 0
        assert len({row.id for row in rows}) == len(rows)

    @invariant()
    def lengths_tell_nothing(self) -> None:
        """Every row, stones too, has one length."""
        if hasattr(self, "home"):
            assert {len(row.sealed) for row in self.home.all_rows()} <= {540}

    def teardown(self) -> None:
        if hasattr(self, "home"):
            self.home.connection.close()
            self.home.engine.dispose()


Moving.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
test_each_owner_opens_what_is_theirs = Moving.TestCase


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_each_owner_opens_what_is_theirs_at_length() -> None:
    """The same, four hundred times and longer."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Moving, settings=settings(Moving.TestCase.settings, max_examples=400, stateful_step_count=40))


def test_a_withdrawn_reading_leaves_a_stone_that_its_owner_sees() -> None:
    """The old owner sees one taken out and no gap, the new owner the reading; nobody sees both."""
    home = Home()
    anna, ben = home.add(), home.add()
    home.link(anna, home.accounts[0])
    home.link(ben, home.accounts[1])
    numbers = [home.measure(anna) for _ in range(3)]
    home.drain()
    assert home.book.give(home.connection, numbers[1], ben, "by_hand")
    home.drain()
    first, course = home.opened(home.accounts[0], home.accounts[0].boxes[anna])
    second, other = home.opened(home.accounts[1], home.accounts[1].boxes[ben])
    assert (first, second) == ({40_001, 40_003}, {40_002})
    assert (course.holds, course.rows, course.taken_out) == (True, 2, 1)
    assert (other.holds, other.rows, other.taken_out) == (True, 1, 0)


def test_a_row_that_the_store_drops_moves_or_brings_back_is_seen() -> None:
    """Missing, out of order, brought back beside its stone, or from elsewhere: each shows."""
    home = Home()
    anna = home.add()
    home.link(anna, home.accounts[0])
    numbers = [home.measure(anna) for _ in range(4)]
    home.drain()
    rows = home.all_rows()
    home.book.forget(home.connection, [numbers[2]], "by_hand")
    home.drain()
    (subject,) = opening.subjects(home.accounts[0].private, [home.accounts[0].boxes[anna]])

    def course_without(change: Any) -> holdings.Course:
        with home.engine.begin() as connection:
            kept = connection.execute(select(store.SEALED_ROWS)).fetchall()
            change(connection)
            course = holdings.check(connection, subject)
            connection.execute(store.SEALED_ROWS.delete())
            connection.execute(store.SEALED_ROWS.insert(), [row._asdict() for row in kept])
        return course

    opener = opening.Opener(subject)
    sealed = [store.SealedRow(row.pseudonym, row.id, row.minute, row.sealed) for row in rows]
    by_number = {(opener.entry(row) or {})[seals.NUMBER]: row for row in sealed}
    drop = store.SEALED_ROWS.delete().where(store.SEALED_ROWS.c.id == by_number[1].row_id)
    back = by_number[2]
    values = {"pseudonym": back.pseudonym, "id": back.row_id, "minute": back.minute, "sealed": back.sealed}
    assert course_without(lambda _: None).holds
    assert course_without(lambda connection: connection.execute(drop)).missing == 1
    assert course_without(lambda connection: connection.execute(store.SEALED_ROWS.insert(), values)).strange == 1
    alien = {**values, "id": os.urandom(16), "sealed": os.urandom(540)}
    assert course_without(lambda connection: connection.execute(store.SEALED_ROWS.insert(), alien)).strange == 1


def test_nobody_withdraws_or_erases_what_another_home_wrote() -> None:
    """A withdrawal or erasure under one name touches no row of another's, even with the same id; forged signatures are refused."""
    one, other = Home(), Home()
    other.engine = one.engine
    anna, eve = one.add(), other.add()
    one.link(anna, one.accounts[0])
    other.link(eve, other.accounts[0])
    one.measure(anna)
    other.measure(eve)
    one.drain()
    other.drain()
    victim = next(row for row in one.all_rows() if row.pseudonym == custody.names_of(one.connection, anna)[0]["pseudonym"])
    name = custody.names_of(other.connection, eve)[0]
    keys = other.book.keys(name["person_id"], name["epoch"], name["generation"])
    other.ingest(sealing.pack(keys, [sealing.Row(victim.minute, victim.id, b"")], NOON_S * 1000, SEALING, os.urandom).payload)
    other.ingest(sealing.pack(keys, [], NOON_S * 1000, SEALING, os.urandom, erases=True).payload)
    assert [row.id for row in one.all_rows()] == [victim.id]


def test_an_arms_weighing_becomes_a_childs_reading_and_can_be_undone() -> None:
    """The difference is the child's, sealed without anybody's signature; undone it is withdrawn, and the weighing waits again."""
    home = Home()
    anna, leo = home.add(), home.add(ward=True)
    home.link(leo, home.accounts[0])
    alone = home.measure(anna)
    together = home.measure(None)
    signed = cbor2.dumps([b"", {}, cbor2.dumps({0: 0, 1: 2, 2: [1, 2], 10: 46_600, 11: 1}), b""])
    home.connection.execute("UPDATE readings SET signed = ? WHERE reading = ?", (signed, together))
    made = home.book.carried(home.connection, together, leo, alone, home.tick())
    assert made is not None
    assert home.book.carried(home.connection, together, leo, alone, home.tick()) is None, "twice is once"
    home.drain()
    assert home.opened(home.accounts[0], home.accounts[0].boxes[leo])[0] == {46_600 - 40_001}
    (subject,) = opening.subjects(home.accounts[0].private, [home.accounts[0].boxes[leo]])
    with home.engine.connect() as connection:
        (shown,) = opening.Opener(subject).readings(holdings.rows_since(connection, subject, 0))
    assert (shown.by_home, shown.verified) == (True, False)
    assert home.book.put_down(home.connection, made)
    home.drain()
    assert home.opened(home.accounts[0], home.accounts[0].boxes[leo])[0] == set()
    assert questions.is_in(home.connection, together, places.INBOX)


def test_a_deleted_reading_leaves_nothing_but_its_number() -> None:
    """Signed bytes, time and keys are gone from the home's database; sending it again is still receipted as kept."""
    home = Home()
    reading = home.measure(home.add())
    home.book.forget(home.connection, [reading], "by_hand")
    row = home.connection.execute("SELECT * FROM readings").fetchone()
    assert (row["signed"], row["public_key"], row["pairing"], row["utc_s"], row["subject"]) == (b"", b"", b"", 0, None)
    assert (row["sequence"], len(row["digest"])) == (1, 32)
    assert questions.recent(home.connection, 10) == []
    assert not home.book.give(home.connection, reading, 1, "by_hand")


def test_a_choice_takes_what_it_says() -> None:
    """From a moment to before another, and of weighings those within two weights."""
    home = Home()
    subject = home.add()
    numbers = [home.measure(subject) for _ in range(6)]
    choice = Choice(NOON_S + 120, NOON_S + 360, 40_003, 40_005, True)
    assert custody.chosen(home.connection, subject, choice) == numbers[2:4]
    assert custody.chosen(home.connection, subject, Choice(0, 2**40)) == numbers


def test_a_stolen_secret_names_nothing_that_comes_after() -> None:
    """With another home secret and a new epoch, whoever holds the old one derives none of the new names or keys; the tag stays."""
    old, new = os.urandom(32), os.urandom(32)
    before, after = Keyring((old,)), Keyring((old, new))
    person = os.urandom(16)
    assert before.keys(person, 0, 0) == after.keys(person, 0, 0)
    derivable = {before.keys(person, epoch, 0).pseudonym for epoch in range(50)}
    assert after.keys(person, 1, after.newest).pseudonym not in derivable
    one, other = (links.keys_of_link(after, generation, person, b"12345", bytes(32)) for generation in (0, 1))
    assert (one.tag, one.seed != other.seed, one.approval_key != other.approval_key) == (other.tag, True, True)
    assert len({linking.link_name(each.public) for each in (one, other)}) == 2
