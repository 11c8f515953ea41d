"""What to send next, and when to look again: a pure function of what waits, what is on its way, and the time.

Rows leave in the order they were sealed, packed by pseudonym, at most 50 in a message and about 20 messages without a receipt. While
few rows wait each goes at once; while many wait they pack themselves, because the places are taken. A message whose receipt does not
come is over after a time that doubles with each try, and its rows go again. Only a receipt takes a row off the queue, and not here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """How much and how patiently; times in milliseconds."""

    in_flight: int = 20
    rows_in_message: int = 50
    receipt_timeout_ms: int = 10_000
    longest_back_off_ms: int = 300_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """One queued row: its number in the queue, and under whose pseudonym it goes."""

    number: int
    pseudonym: bytes


@dataclass(frozen=True, slots=True)
class Flight:
    """A message that was published and has no receipt yet; attempt counts from 1."""

    digest: bytes
    numbers: tuple[int, ...]
    sent_ms: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish: these rows of one pseudonym."""

    pseudonym: bytes
    numbers: tuple[int, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now: publish `send`, forget the flights in `over`, and look again at wake_ms (None: when something happens)."""

    send: tuple[Message, ...]
    over: tuple[bytes, ...]
    wake_ms: int | None


def due_ms(flight: Flight, rules: Rules) -> int:
    """Return when a message without a receipt is given up."""
    doubled = rules.receipt_timeout_ms << min(flight.attempt - 1, 30)
    return flight.sent_ms + min(doubled, max(rules.longest_back_off_ms, rules.receipt_timeout_ms))


def plan(waiting: Sequence[Waiting], flights: Iterable[Flight], now_ms: int, rules: Rules) -> Plan:
    """Return what to send now.

    waiting: queued rows in order, those in flight among them. A clock that was set back makes no message wait longer than its time:
    a flight from the future counts as sent now.
    """
    flying: dict[int, int] = {}
    tried: dict[int, int] = {}
    over: list[bytes] = []
    due: list[int] = []
    for flight in flights:
        ends_ms = due_ms(flight, rules)
        if ends_ms <= now_ms or flight.sent_ms > now_ms:
            over.append(flight.digest)
            tried.update(dict.fromkeys(flight.numbers, flight.attempt))
        else:
            due.append(ends_ms)
            flying.update(dict.fromkeys(flight.numbers, flight.attempt))
    places = rules.in_flight - len(due)
    send = _pack((row for row in waiting if row.number not in flying), tried, places, rules.rows_in_message)
    due += [due_ms(Flight(b"", message.numbers, now_ms, message.attempt), rules) for message in send]
    return Plan(tuple(send), tuple(over), min(due, default=None))


def _pack(rows: Iterable[Waiting], tried: dict[int, int], places: int, most: int) -> list[Message]:
    """Return at most `places` messages of at most `most` rows each, in the order of their first rows."""
    packets: list[tuple[bytes, list[int]]] = []
    open_: dict[bytes, list[int]] = {}
    full = 0
    for row in rows:
        packet = open_.get(row.pseudonym)
        if packet is None:
            if len(packets) >= places:
                if full >= places:
                    break
                continue
            packet = []
            packets.append((row.pseudonym, packet))
            open_[row.pseudonym] = packet
        packet.append(row.number)
        if len(packet) == most:
            full += 1
            del open_[row.pseudonym]
    return [Message(name, tuple(numbers), 1 + max(tried.get(number, 0) for number in numbers)) for name, numbers in packets]
