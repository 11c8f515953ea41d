"""Fragments with selective repeat: whatever the air does, an object arrives whole, once and in order, or the link is cut."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import errors, frames
from tests.on_micropython import both_pythons
from tests.protocol import frame_bodies as bodies

MTUS = st.integers(23, 247)
CHANCES = st.lists(st.sampled_from((0, 0, 0, bodies.LOST, bodies.TWICE, bodies.LATE)), max_size=60)


@settings(max_examples=300)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6), MTUS, CHANCES)
@example([2000], 23, [bodies.LOST, 0] * 40)
@example([1, 1, 1, 1], 23, [bodies.TWICE, bodies.LATE] * 20)
def test_objects_arrive_whole_once_and_in_order(sizes: list[int], mtu: int, chances: list[int]) -> None:
    """For every MTU from 23 to 247 and any loss, doubling and order: all of them, or a stream that says it failed; nothing else."""
    right, arrived, failed, _, refusal = bodies.carried(sizes, mtu - 3, chances)
    assert right
    assert refusal is None
    assert failed or arrived == len(sizes)


@given(st.integers(1, 2200), MTUS, st.lists(st.integers(0, 40), min_size=1, max_size=32))
def test_a_block_may_come_in_any_order(size: int, mtu: int, order: list[int]) -> None:
    """An assembly needs no order within a block."""
    assert bodies.whole_in_any_order(size, mtu - 3, order)


CASES = [([600, 3, 146, 146], 23, [0, 1, 2, 3, 0, 0] * 9), ([4094], 247, [1, 0, 0] * 10), ([5] * 300, 185, [0, 0, 0, 1] * 50)]


@both_pythons
@pytest.mark.parametrize(("sizes", "mtu", "chances"), CASES)
def test_both_pythons_carry_alike(call, sizes, mtu, chances) -> None:  # type: ignore[no-untyped-def]
    """A device and a computer take the same packets for the same air; 300 objects pass the end of the object's number."""
    result = call(bodies.carried, sizes, mtu - 3, chances)
    assert result == bodies.carried(sizes, mtu - 3, chances)
    assert result[:3] == [True, len(sizes), False]


@both_pythons
@pytest.mark.parametrize("lost", [[3], [0], [30, 31], [0, 5, 17], [32], [0, 40]])
def test_only_what_was_lost_is_sent_again(call, lost) -> None:  # type: ignore[no-untyped-def]
    """Selective repeat: of 45 fragments the lost ones come twice and no others, save the last of a block, which also asks."""
    whole, idle, again = call(bodies.repeated, 800, 20, lost)
    assert whole
    assert idle
    assert sorted(set(again) - {31, 44}) == sorted(set(lost) - {31, 44})
    assert len(again) <= len(lost) + 1


@both_pythons
def test_a_stream_to_nobody_gives_up(call) -> None:  # type: ignore[no-untyped-def]
    """After five waits for a status the stream says that it failed, and a packet was not sent more often than that."""
    assert call(bodies.given_up, 4900) == [False, 2 + 4]
    assert call(bodies.given_up, 20_000) == [True, 2 + 4]


FIRST = bytes((0, 0, 0, 40)) + bytes(16)
REFUSALS = [
    ("a gap beyond the block", [FIRST, bytes((0, 32)) + bytes(18)], "FragmentGap"),
    ("an index that nothing has", [FIRST, bytes((0, 127)) + bytes(18)], "FragmentGap"),
    ("behind the last", [FIRST, bytes((0, 0x82)) + bytes(6), bytes((0, 3)) + bytes(18)], "FragmentGap"),
    ("another content", [FIRST, FIRST[:-1] + b"x"], "FragmentOverlap"),
    ("another size", [FIRST, bytes((0, 1)) + bytes(17)], "FragmentTotal"),
    ("a last that is too early", [FIRST, bytes((0, 0x81)) + bytes(18)], "FragmentTotal"),
    ("a last before a fragment that came", [FIRST, bytes((0, 2)) + bytes(18), bytes((0, 0x81)) + bytes(18)], "FragmentTotal"),
    ("a last larger than the others", [FIRST, bytes((0, 0x82)) + bytes(19)], "FragmentTotal"),
    ("more than was announced", [FIRST, bytes((0, 1)) + bytes(18), bytes((0, 2)) + bytes(18)], "FragmentTotal"),
    ("more than we take", [bytes((0, 0, 2, 89)) + bytes(16)], "FragmentTotal"),
    ("nothing announced", [bytes((0, 0, 0, 0)) + bytes(16)], "FragmentTotal"),
    ("another object inside", [FIRST, bytes((1, 0, 0, 40)) + bytes(16)], "SecondObject"),
    ("no content", [FIRST, bytes((0, 1))], "BadFragment"),
    ("nothing at all", [b""], "BadFragment"),
]


@both_pythons
@pytest.mark.parametrize(("fragments", "refusal"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_bad_fragments_are_refused_by_name(call, fragments, refusal) -> None:  # type: ignore[no-untyped-def]
    """Gap, overlap, wrong index or total, a second object: each its own error, and the next object is taken all the same."""
    assert call(bodies.refused, fragments) == [refusal, True]


def test_ten_seconds_of_silence_end_an_object() -> None:
    """A fragment that comes later than that belongs to nothing."""
    assembly = frames.Assembly()
    pieces = frames.split(bytes(60), 0, 20)
    assembly.feed(pieces[0], 0)
    assembly.feed(pieces[1], 10_000)
    with pytest.raises(errors.FragmentLate):
        assembly.feed(pieces[2], 20_001)


@given(st.lists(st.binary(min_size=1, max_size=24), max_size=30))
def test_a_stream_fed_with_anything_holds_little(packets: list[bytes]) -> None:
    """Whatever comes: our refusals only, and never more than an object held."""
    stream = frames.Stream(20, 600)
    for packet in packets:
        try:
            stream.feed(packet, 0)
        except errors.BadFragment:
            assert stream._assembly._number is None
        assert stream._assembly._held <= 602


def test_what_is_too_large_is_lost_and_not_begun() -> None:
    """An object that cannot go in these packets, or a fifth that waits, is lost; a repetition takes no second place."""
    stream = frames.Stream(20)
    assert not stream.send(bytes(frames.MAX_FRAGMENTS * 18 - 1))
    assert stream.send(bytes(frames.MAX_FRAGMENTS * 18 - 2))
    assert [stream.send(bytes((each,))) for each in (1, 1, 2, 3, 4)] == [True, True, True, True, False]
