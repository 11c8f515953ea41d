"""Numbers over a device's years: batteries changed, backups restored, factory resets, replacements, in any order.

No reading that was receipted is lost or counted twice, and no device is locked out.
"""

import sqlite3

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from gateway.edges import questions
from gateway.errors import SequenceJump
from tests.gateway.ground import arrive, database, reading

START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
BLOCK, CAPACITY = 64, 128


class Model:
    """A device as `firmware/flash` keeps it: numbers reserved in blocks, an outbox, a key."""

    def __init__(self, name: int, now_ms: int) -> None:
        self.name, self.resets = name, 0
        self.reserved = self.next = self.boot = 0
        self.outbox: list[tuple[int, int, int]] = []
        self.start(now_ms)

    @property
    def kid(self) -> bytes:
        return bytes([self.name & 255, self.name >> 8, self.resets & 255, 1])

    def start(self, now_ms: int) -> None:
        self.boot += 1
        self.began_ms = now_ms
        self.next = self.reserved
        self.reserved += BLOCK

    def measure(self, now_ms: int) -> None:
        if len(self.outbox) < CAPACITY:
            if self.next == self.reserved:
                self.reserved += BLOCK
            self.outbox.append((self.next, self.boot, now_ms - self.began_ms))
            self.next += 1


class Years(RuleBasedStateMachine):
    """`there`: what the home must hold, and nothing else."""

    @initialize()
    def begin(self) -> None:
        self.now_ms = START_MS
        self.home = database()
        self.made = 0
        self.there: set[tuple[bytes, int]] = set()
        self.backup: tuple[bytes, set[tuple[bytes, int]]] | None = None
        self.device = Model(0, self.now_ms)

    @rule(count=st.integers(1, 200), apart_s=st.integers(1, 60))
    def measure(self, count: int, apart_s: int) -> None:
        for _ in range(count):
            self.now_ms += 1000 * apart_s
            self.device.measure(self.now_ms)

    @rule(receipts_lost=st.integers(0, 3))
    def deliver(self, receipts_lost: int) -> None:
        """Oldest first; some receipts are lost, and those readings come again."""
        for number, (sequence, boot, up_ms) in enumerate(list(self.device.outbox)):
            self.now_ms += 20
            taken = reading(sequence, boot, up_ms, kid=self.device.kid)
            status = arrive(self.home, taken, self.now_ms)
            key = (self.device.kid, sequence)
            assert status == (questions.ALREADY if key in self.there else questions.STORED)
            self.there.add(key)
            if number >= receipts_lost:
                self.device.outbox.remove((sequence, boot, up_ms))

    @rule(hours=st.integers(1, 200))
    def live_on_while_no_backup_is_made(self, hours: int) -> None:
        """A reading a second, each delivered at once, to a home of which a later `restore` leaves nothing: only the numbers move on."""
        self.deliver(0)
        if self.backup is None:
            return
        seconds = hours * 3600
        self.now_ms += seconds * 1000
        self.device.next += seconds
        self.device.reserved = max(self.device.reserved, self.device.next + BLOCK)
        self.restore(0)

    @rule()
    def change_battery(self) -> None:
        self.now_ms += 60_000
        self.device.start(self.now_ms)

    @rule()
    def back_up(self) -> None:
        self.backup = self.home.serialize(), set(self.there)

    @precondition(lambda self: self.backup is not None)
    @rule(days=st.integers(0, 400))
    def restore(self, days: int) -> None:
        """The home is set back; what it was given since it has never seen."""
        assert self.backup is not None
        self.now_ms += days * DAY_MS
        self.home = sqlite3.connect(":memory:", isolation_level=None)
        self.home.row_factory = sqlite3.Row
        self.home.deserialize(self.backup[0])
        self.there = set(self.backup[1])

    @rule()
    def reset(self) -> None:
        """New keys, nothing unsent; its numbers go on."""
        self.device.resets += 1
        self.device.outbox = []
        self.device.start(self.now_ms)

    @rule()
    def replace(self) -> None:
        """Another device under the same owner, whose numbers begin at 0."""
        self.made += 1
        self.device = Model(self.made, self.now_ms)

    @invariant()
    def each_once(self) -> None:
        if hasattr(self, "home"):
            rows = self.home.execute("SELECT kid, sequence FROM readings").fetchall()
            assert len(rows) == len(self.there)
            assert {(row["kid"], row["sequence"]) for row in rows} == self.there

    def teardown(self) -> None:
        """Whatever came before, what is measured now arrives."""
        if hasattr(self, "home"):
            self.measure(1, 1)
            self.deliver(0)
            assert not self.device.outbox


def years(examples: int, steps: int) -> None:
    run_state_machine_as_test(Years, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))


def test_no_order_of_events_loses_a_reading_or_locks_a_device_out() -> None:
    """Batteries, lost receipts, old backups, resets and replacements in any order: each reading once, and the next one is taken."""
    years(30, 20)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_more_years() -> None:
    """The same, a thousand lives of fifty events."""
    years(1000, 50)


def test_a_jump_that_neither_time_nor_restarts_explain_is_refused() -> None:
    """A day explains 86,400 readings, a minute does not; and the gateway's own clock, set back, explains nothing."""
    home = database()
    arrive(home, reading(5, 1, 1000), START_MS)
    with pytest.raises(SequenceJump):
        arrive(home, reading(50_000, 1, 61_000), START_MS + 60_000)
    with pytest.raises(SequenceJump):
        arrive(home, reading(50_000, 2, 61_000), START_MS - DAY_MS)
    assert arrive(home, reading(50_000, 1, 1000 + DAY_MS), START_MS + 60_000) == questions.STORED, "its own uptime says a day"
    assert arrive(home, reading(130_000, 2, 1000), START_MS + 2 * DAY_MS) == questions.STORED
