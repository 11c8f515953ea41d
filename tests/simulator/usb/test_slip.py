"""SLIP: every packet comes back, however the line cuts it up, and noise between packets is nobody's."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.usb import slip


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=5), st.integers(1, 7))
def test_packets_come_back_in_any_portions(packets: list[bytes], portion: int) -> None:
    """What is sent is what arrives."""
    line = b"".join(slip.encode(packet) for packet in packets)
    decoder = slip.Decoder()
    found = [packet for at in range(0, len(line), portion) for packet in decoder.feed(line[at : at + portion])]
    assert found == packets


def test_a_packet_with_a_wrong_escape_is_void_and_the_next_one_whole() -> None:
    """An escape that the RFC does not know ends nothing but its own packet."""
    decoder = slip.Decoder()
    assert decoder.feed(b"\xc0ab\xdb\x01cd\xc0" + slip.encode(b"next")) == [b"next"]


def test_endless_noise_does_not_fill_memory() -> None:
    """A packet longer than any is dropped."""
    decoder = slip.Decoder()
    decoder.feed(b"\xc0" + b"x" * (slip.LONGEST_PACKET_BYTES + 10))
    assert decoder.feed(b"\xc0" + slip.encode(b"next")) == [b"next"]
