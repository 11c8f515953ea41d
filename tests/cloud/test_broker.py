"""What a broker keeps of messages, and for how long. It has this file's broker for itself: an ingester under other keys, of another
test, would be a reader for whom it goes on keeping them."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cloud import configuration
from cloud.broker import IN_FLIGHT, Line
from protocol.envelope import ERASED, STORED
from tests.cloud.counterpart import WAIT_S, Device, Gateway, Person, weight

UTC_S = 1_790_000_000
pytestmark = pytest.mark.timeout(900)


def test_what_waited_at_the_broker_is_gone_from_it_after_an_erasure(
    cloud: Any, broker: Any, start: Callable[..., Any], gateway: Gateway
) -> None:
    """A sealed message lies in the broker's file until an ingester takes it; then, and after its erasure, no piece of it is there."""
    first = start("ingest", "--configuration", str(cloud.configuration))
    first.wait_for("ingest.ready")
    assert first.stop() == 0
    person = Person("Ada")
    row = person.row(Device(), weight(70_000), UTC_S)
    waits = person.packet(cloud.sealing_key, [row]).payload
    gateway.publish(waits)
    until(lambda: waits[40:200] in held_by(broker.folder / "kept"))
    start("ingest", "--configuration", str(cloud.configuration)).wait_for("ingest.ready")
    assert gateway.receipt().rows[0].status == STORED
    erases = person.packet(cloud.sealing_key, [], erases=True).payload
    gateway.publish(erases)
    assert gateway.receipt().standing == ERASED
    for gone in (waits[40:200], erases[40:200]):
        until(lambda gone=gone: gone not in held_by(broker.folder / "kept"))
    for gone in (person.pseudonym, row.sealed):
        assert gone not in held_by(broker.folder)


class Said:
    """A log that counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def msg(self, event: str, **_facts: object) -> None:
        self.counts[event] += 1

    info = warning = error = msg


def test_a_line_remembers_little_of_what_nobody_asks_it(cloud: Any) -> None:
    """It connects again for years, and an access list that lacks a line refuses every receipt for as long as nobody mends it."""
    settings, log = configuration.read(cloud.configuration).broker, Said()
    line = Line("forgetful", settings, settings.ingester_certificate, settings.ingester_key, ["foyer/1/+/up"], cast(Any, log))
    line.start()
    until(lambda: not line.subscribed.empty())
    for _ in range(2 * IN_FLIGHT):
        line.subscribe("foyer/1/+/up")
    numbers = [line.publish("foyer/1/nobody/linked", b"for the site alone to say") for _ in range(2 * IN_FLIGHT)]
    until(lambda: log.counts["broker.publish_refused"] == len(numbers))
    line.stop()
    assert list(line.refused) == numbers[-IN_FLIGHT:]
    assert line.subscribed.qsize() == IN_FLIGHT


def held_by(folder: Path) -> bytes:
    """Every byte of a folder's files; one that is replaced just now is read as it is next."""
    held = b""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            held += path.read_bytes() if path.is_file() else b""
    return held


def until(is_so: Callable[[], bool]) -> None:
    """Wait for the broker to write its file, which it does every five seconds."""
    end_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.2)
