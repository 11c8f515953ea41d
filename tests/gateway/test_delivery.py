"""What is sent next, for any queue, any time and any answers."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery import Flight, Plan, Rules, Waiting, due_ms, plan

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
