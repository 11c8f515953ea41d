"""What homes say of releases, and the list of halted roll-outs: what was said is heard, and hostile bytes are nobody's word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, errors, linking, manifest, outcomes, shelf, steering
from protocol.outcomes import Outcome

RELEASES = st.tuples(st.sampled_from(shelf.KINDS), st.integers(1, (1 << 32) - 1))
SCALE = manifest.class_id("scale")


@given(RELEASES, st.integers(0, 65535))
def test_a_word_survives_its_way_and_is_no_other_message(named: tuple[str, int], fault: int) -> None:
    """It goes beside linking and steering, and is taken for neither."""
    said = Outcome(*named, fault)
    data = outcomes.encode(said)
    assert outcomes.decode(data) == said
    assert len(data) <= outcomes.MAX_BYTES
    assert steering.decode_message(data) is None
    assert not linking.is_talk(data)
    with pytest.raises(errors.BadLinkMessage):
        linking.decode_message(data)


@given(
    st.binary(max_size=64)
    | st.recursive(st.integers(-(1 << 63), (1 << 63) - 1) | st.binary(max_size=16) | st.text(max_size=4), st.lists).map(cbor.encode)
)
def test_hostile_bytes_are_no_word(data: bytes) -> None:
    """Whatever comes from the broker, nothing is raised."""
    assert outcomes.decode(data) is None


@pytest.mark.parametrize(
    "said",
    [
        {0: 8, 1: SCALE, 2: 6},
        {0: 8, 1: SCALE, 2: 6, 3: -1},
        {0: 8, 1: SCALE, 2: 6, 3: 65536},
        {0: 8, 1: SCALE, 2: 0, 3: 0},
        {0: 8, 1: SCALE, 2: 1 << 32, 3: 0},
        {0: 8, 1: b"c" * 16, 2: 6, 3: 0},
        {0: 8, 1: SCALE[:15], 2: 6, 3: 0},
        {0: 7, 1: SCALE, 2: 6, 3: 0},
        {0: 8, 1: SCALE, 2: True, 3: 0},
        {0: 8, 1: SCALE, 2: 6, 3: 0, 4: 0},
        {0: 8, 1: SCALE, 2: 6, 3: 0, 40: b"somebody"},
    ],
)
def test_a_word_that_is_not_exactly_one_is_none(said: dict[int, object]) -> None:
    """Missing, out of range, of no device of ours, or with more in it: no room for anything but the four facts."""
    assert outcomes.decode(cbor.encode(said)) is None


@given(st.sets(RELEASES, max_size=100))
def test_the_list_of_halted_rollouts_survives_its_way(halted: set[tuple[str, int]]) -> None:
    """The newest 64 of them, if there are more."""
    found = shelf.decode_halted(shelf.encode_halted(halted))
    assert found <= halted
    assert len(found) == min(len(halted), shelf.MAX_HALTED)
    assert all(each[1] <= min(kept[1] for kept in found) for each in halted - found)
    assert len(shelf.encode_halted(halted)) <= shelf.MAX_NEWEST_BYTES


@pytest.mark.parametrize("said", [7, {}, [7], [[SCALE]], [[SCALE, True]], [["scale", 7]], [[SCALE, 7, 1]], [[SCALE, 1]] * 65, "x" * 5000])
def test_a_list_that_is_none_is_refused(said: object) -> None:
    """With our own error."""
    with pytest.raises(errors.ProtocolError):
        shelf.decode_halted(cbor.encode(said))


def test_other_peoples_devices_on_the_list_are_left_out() -> None:
    """A later release of this software may have more kinds."""
    assert shelf.decode_halted(cbor.encode([[b"c" * 16, 7], [SCALE, 7]])) == {("scale", 7)}
