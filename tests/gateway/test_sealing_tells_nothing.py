"""What messages tell about who sent them: two subjects of one home against one, and against another home, as each observer sees them.

The observer is given what it really sees: the broker payloads, lengths and topics; the ingester opened batches; the store rows. Where a
field could tell, a distinguisher looks at it over many messages and must do no better than chance.
"""

import itertools
import os
import zlib
from collections import Counter
from hashlib import sha256

import pytest

from cloud import intake
from gateway import sealing
from gateway.edges import custody
from gateway.pseudonyms import keys_of
from protocol import envelope, readings, seals
from tests.gateway.test_custody import INGESTER, Home

SEALING = INGESTER.opening_key.public_key()
MINUTE = 29_900_000


class Watched(Home):
    """A home with three linked subjects whose every message is recorded, with the name it was sent under."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects = [self.add() for _ in range(3)]
        for subject in self.subjects:
            self.link(subject, self.accounts[0])

    def live(self, steps: int) -> list[tuple[bytes, bytes]]:
        """Measure, move and ask; return name and payload of every message."""
        sent: list[tuple[bytes, bytes]] = []
        for step in range(steps):
            reading = self.measure(self.subjects[step % 3])
            if step % 5 == 4:
                self.book.give(self.connection, reading - 1, self.subjects[step % 2], "by_hand")
            self.seal()
            self.messages.clear()
            self.publish(50)
            for name in custody.names_of(self.connection, self.subjects[step % 3]):
                self.ask(name)
            for payload in self.messages:
                sent.append((self.names[sha256(payload).digest()], payload))
                self.receipt(self.ingest(payload))
        return sent


@pytest.fixture(scope="module")
def sent() -> list[tuple[bytes, bytes]]:
    return Watched().live(60)


def test_the_broker_sees_one_length_for_all_that_is_usual(sent: list[tuple[bytes, bytes]]) -> None:
    """A reading, a withdrawal with its stone, a question: one length; nothing of a payload repeats in another."""
    assert {len(payload) for _, payload in sent} <= {1024 + 48, 2048 + 48}
    assert Counter(len(payload) for _, payload in sent)[1024 + 48] > 0.9 * len(sent)
    pieces = Counter(payload[start : start + 8] for _, payload in sent for start in range(0, len(payload) - 8, 8))
    assert max(pieces.values()) == 1


def test_the_broker_cannot_tell_names_apart(sent: list[tuple[bytes, bytes]]) -> None:
    """Two messages of one name are no more alike, byte for byte or compressed together, than two of different names."""

    def likeness(one: bytes, other: bytes) -> int:
        return (
            sum(a == b for a, b in zip(one, other, strict=True))
            + len(zlib.compress(one))
            + len(zlib.compress(other))
            - len(zlib.compress(one + other))
        )

    pairs = [(a, b) for a, b in itertools.combinations(sent[:60], 2) if len(a[1]) == len(b[1])]
    same = [likeness(a[1], b[1]) for a, b in pairs if a[0] == b[0]]
    different = [likeness(a[1], b[1]) for a, b in pairs if a[0] != b[0]]
    right = sum(one > other for one, other in zip(same, itertools.cycle(different)))
    ties = sum(one == other for one, other in zip(same, itertools.cycle(different)))
    # five standard deviations about one half
    assert abs((right + ties / 2) / len(same) - 0.5) < 5 * 0.5 / len(same) ** 0.5


def test_an_opened_batch_carries_nothing_of_another_name(sent: list[tuple[bytes, bytes]]) -> None:
    """One name a message; no id, key or reply key is shared between names; times are whole minutes; nothing names home or account."""
    batches = [(name, intake.open_message(payload, INGESTER)) for name, payload in sent]
    assert all(batch.pseudonym == name for name, batch in batches)
    assert len({batch.reply_key for _, batch in batches}) == len(batches)
    owners: dict[bytes, set[bytes]] = {}
    for name, batch in batches:
        assert (batch.minute, type(batch.minute)) == (int(batch.minute), int)
        for row in batch.rows:
            owners.setdefault(row.row_id, set()).add(name)
            assert len(row.sealed) in (0, 540)
    assert all(len(names) == 1 for names in owners.values())
    assert {batch.back_after for _, batch in batches} == {None}, "else it is an id of the same name's"
    known = {"pseudonym", "rows", "minute", "reply_key", "erases", "back_after"}
    assert set(envelope.Batch._fields) == known, "a new field wants its place here"


def test_the_receipt_tells_the_broker_no_more_than_the_message_did(sent: list[tuple[bytes, bytes]]) -> None:
    """It is as long as its size step, shows the digest of what the broker carried, and neither ids nor statuses."""
    home = Watched()
    for name, payload in home.live(6):
        receipt = home.ingest(payload)
        batch = intake.open_message(payload, INGESTER)
        assert len(receipt) in (32 + 12 + 16 + 1024, 32 + 12 + 16 + 2048)
        assert all(row.row_id not in receipt for row in batch.rows)
        assert name not in receipt
    assert sent


@pytest.mark.parametrize(
    "values",
    [
        {readings.GRAMS: 3_500, readings.STABLE: 1},
        {readings.GRAMS: 250_000, readings.STABLE: 1, readings.IMPEDANCE: 5000, readings.BARE_FEET: 1, readings.BATTERY: 100},
        {
            readings.SYSTOLIC: 280,
            readings.DIASTOLIC: 200,
            readings.MAP: 240,
            readings.PULSE: 250,
            readings.FLAGS: 65535,
            readings.WHO: 65535,
        },
        {readings.TEMPERATURE: -4000, readings.HUMIDITY: 100},
        {},
    ],
)
def test_what_was_measured_does_not_show_in_the_length(values: dict[int, int | bytes]) -> None:
    """The least and the most that each kind can say, and a stone, are rows of one length."""
    keys = Watched().keyring.keys(os.urandom(16), 0, 0)
    origin = sealing.Origin(os.urandom(200 if values else 0), os.urandom(8), os.urandom(65))
    row, _ = sealing.seal(keys, sealing.Chain(os.urandom(32), 2**30), 1, MINUTE * 60, values, origin, os.urandom)
    stone = sealing.seal_entry(keys, MINUTE, seals.stone_at(os.urandom(32), 2**30, os.urandom(32), MINUTE), os.urandom)
    assert len(row.sealed) == len(stone.sealed) == 540


def test_two_names_of_one_home_share_no_key() -> None:
    """Names, write keys, roots, tags and link keys of two subjects, two epochs, two homes are all different and of no common part."""
    one, other, third = os.urandom(32), os.urandom(32), os.urandom(16)
    made = [keys_of(secret, person, epoch) for secret in (one, other) for person in (third, bytes(16)) for epoch in (0, 1)]
    for field in ("pseudonym", "write_public_key", "write_seed", "root_key"):
        found = [getattr(each, field) for each in made]
        assert len({value[start : start + 4] for value in found for start in range(0, len(value), 4)}) == len(found) * len(found[0]) // 4
