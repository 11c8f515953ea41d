"""CoAP messages against aiocoap and hostile bytes, and the exchange's table, under both Pythons."""

import itertools
import random

import aiocoap
import pytest
from aiocoap.oscore import Direction
from hypothesis import given
from hypothesis import strategies as st

from protocol import coap, errors, exchange
from tests.on_micropython import BATCH_KiB, both_pythons, there
from tests.protocol import bodies

options = st.lists(st.tuples(st.integers(0, 2000) | st.integers(0, 65535), st.binary(max_size=300)), max_size=8).map(
    lambda pairs: tuple(sorted(pairs, key=lambda pair: pair[0]))
)
messages = st.builds(
    coap.Message,
    st.integers(0, 3),
    st.integers(1, 255),
    st.integers(0, 65535),
    st.binary(max_size=8),
    options,
    st.binary(max_size=300),
)

REFUSED = [
    ("", "MessageCutShort"),
    ("400102", "MessageCutShort"),
    ("00010203", "WrongVersion"),
    ("80010203", "WrongVersion"),
    ("c0010203", "WrongVersion"),
    ("4901020300000000000000000000", "TokenTooLong"),
    ("4f010203" + "00" * 15, "TokenTooLong"),
    ("4801020300", "MessageCutShort"),
    ("41000102ff", "EmptyNotEmpty"),
    ("40000102ff01", "EmptyNotEmpty"),
    ("40010203ff", "MarkerWithoutPayload"),
    ("40010203f1aa", "OptionReserved"),
    ("4001020 31faa".replace(" ", ""), "OptionReserved"),
    ("400102035361", "MessageCutShort"),
    ("40010203d1", "MessageCutShort"),
    ("40010203e100", "MessageCutShort"),
    ("400102030e00", "MessageCutShort"),
    ("40010203e0ffff", "OptionNumberTooLarge"),
    ("40010203e0fef210", "OptionNumberTooLarge"),
    ("40010203" + "00" * 33, "TooManyOptions"),
    ("40010203ff" + "00" * 4092, "MessageTooLarge"),
]


@both_pythons
def test_each_rule_has_its_own_refusal(call) -> None:
    """Version, token, options, marker, empty messages and size are refused by the error named after them."""
    outcomes = call(bodies.coap_outcomes, [bytes.fromhex(data) for data, _ in REFUSED])
    assert [(data, got) for (data, _), (_, got) in zip(REFUSED, outcomes, strict=True)] == REFUSED


@given(messages)
def test_what_is_encoded_comes_back(message: coap.Message) -> None:
    """decode(encode(message)) is the message."""
    assert coap.decode(coap.encode(message)) == message


@given(messages.filter(lambda message: message.code in (1, 2, 3, 4, 65, 68, 69, 128, 129, 132, 163)))
def test_aiocoap_reads_and_writes_the_same_bytes(message: coap.Message) -> None:
    """Type, code, id, token, payload and every opaque option agree."""
    kept = tuple(pair for pair in message.options if pair[0] in (9, 252, 2000, 65001))
    message = message._replace(options=kept)
    read = aiocoap.Message.decode(coap.encode(message))
    assert (int(read.mtype), int(read.code), read.mid, read.token, read.payload) == (
        message.type,
        message.code,
        message.message_id,
        message.token,
        message.payload,
    )
    assert tuple((int(option.number), option.encode()) for option in read.opt.option_list()) == kept
    read.direction = Direction.OUTGOING
    assert read.encode() == coap.encode(message)


@given(st.binary(max_size=60) | messages.map(coap.encode).flatmap(lambda data: st.integers(0, len(data)).map(lambda end: data[:end])))
def test_hostile_datagrams_raise_nothing_but_our_errors(datagram: bytes) -> None:
    """Any bytes are a message or a NotCoAP."""
    assert bodies.coap_outcome(datagram)[0] in ("value", "refused")


def test_micropython_decides_like_this_python_on_hostile_datagrams() -> None:
    """Four hundred damaged datagrams get the same message or the same error in both."""
    dice = random.Random(7252)
    items = []
    for _ in range(400):
        last = (dice.randrange(13, 65536), dice.randbytes(dice.randrange(20)))
        pairs = ((9, dice.randbytes(3)), (11, b"r"), (12, b"\x12"), last)
        data = bytearray(coap.encode(coap.Message(dice.randrange(4), 2, 7, dice.randbytes(dice.randrange(9)), pairs, dice.randbytes(9))))
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        items.append(bytes(data[: dice.randrange(1, len(data) + 1)]) if dice.random() < 0.3 else bytes(data))
    assert there(bodies.coap_outcomes, items, heap_KiB=BATCH_KiB) == bodies.coap_outcomes(items)


def test_options_out_of_order_are_a_mistake_of_ours() -> None:
    """Encoding raises NotEncodable instead of sending another message than the one meant."""
    with pytest.raises(errors.NotEncodable):
        coap.encode(coap.Message(coap.CON, coap.POST, 1, b"", ((12, b""), (11, b"r")), b""))
    with pytest.raises(errors.NotEncodable):
        coap.encode(coap.Message(coap.CON, coap.POST, 1, b"123456789", (), b""))


def test_unknown_critical_options_are_refused_and_elective_ones_ignored() -> None:
    """Odd numbers must be known (RFC 7252 section 5.4.1)."""
    coap.refuse_critical(((9, b""), (252, b"")), (coap.OSCORE,))
    with pytest.raises(errors.UnknownCriticalOption):
        coap.refuse_critical(((9, b""), (27, b"")), (coap.OSCORE,))


# --- the exchange


def sends_at(random_byte: int, until_ms: int) -> tuple[list[int], exchange.Exchange]:
    begun = exchange.Exchange(0, random_byte)
    times = [now_ms for now_ms in range(0, until_ms, 10) if begun.poll(now_ms)]
    return times, begun


@pytest.mark.parametrize(("random_byte", "first_ms"), [(0, 2000), (255, 3000), (128, 2501)])
def test_repetitions_double_and_stop_after_four(random_byte: int, first_ms: int) -> None:
    """RFC 7252 section 4.2: waits of 1, 2, 4, 8 times the first, then one more wait, then the exchange is over."""
    times, begun = sends_at(random_byte, 100_000)
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(abs(step - first_ms * 2**index) <= 10 for index, step in enumerate(steps))
    assert len(times) == 5
    assert begun.state == exchange.TIMED_OUT


def test_the_longest_wait_is_the_rfcs() -> None:
    """The last moment an answer counts is within MAX_TRANSMIT_WAIT, 93 s (section 4.8.2)."""
    _, begun = sends_at(255, 93_010)
    assert begun.state == exchange.TIMED_OUT
    _, begun = sends_at(255, 92_900)
    assert begun.state == exchange.WAITING


def test_an_acknowledged_request_is_not_repeated_and_ends() -> None:
    """After an empty acknowledgement only the answer is waited for, and not for ever."""
    begun = exchange.Exchange(0, 0)
    assert begun.poll(0)
    begun.happened(exchange.EMPTY_ACK, 100)
    assert not any(begun.poll(now_ms) for now_ms in range(100, 30_100, 50))
    begun.poll(30_100)
    assert begun.state == exchange.TIMED_OUT


def test_every_event_has_a_row_or_raises_and_changes_nothing() -> None:
    """The table names only states it has; what has no row is IllegalEvent."""
    events = (exchange.EMPTY_ACK, exchange.RESPONSE, exchange.RESET, exchange.WAIT_OVER, exchange.PATIENCE_OVER)
    for state, row in exchange.TRANSITIONS.items():
        for event in events:
            if event in row:
                assert exchange.next_state(state, event) in exchange.TRANSITIONS
            else:
                with pytest.raises(errors.IllegalEvent):
                    exchange.next_state(state, event)
