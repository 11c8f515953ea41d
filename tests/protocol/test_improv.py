"""A browser's packets are understood whole or not at all, whatever stands around them on the line."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from protocol import improv
from tests.on_micropython import both_pythons
from tests.protocol import improv_bodies as bodies


@both_pythons
def test_a_request_is_found_among_other_bytes(call: Callable[..., object]) -> None:
    """Noise, a torn packet and a newline before it change nothing; two packets are two requests."""
    asked = bodies.request(improv.ASK_STATE, b"")
    noise = b"\r\nfoyer fault code=9\r\nIMPRO"
    assert call(bodies.requests, noise + asked + b"\n" + asked) == [[2, b""], [2, b""]]


@both_pythons
def test_a_wrong_sum_or_length_is_a_broken_packet(call: Callable[..., object]) -> None:
    """No bit may differ, and the data must be as long as its own length says."""
    asked = bodies.request(improv.SEND_WIFI, bodies.wifi(b"home", b"secret"))
    wrong_length = bytearray(bodies.request(improv.ASK_STATE, b""))
    wrong_length[10] += 1
    wrong_length[-1] += 1
    assert call(bodies.requests, asked[:-1] + bytes((asked[-1] ^ 1,))) == [[None, None]]
    assert call(bodies.requests, bytes(wrong_length)) == [[None, None]]


@both_pythons
def test_ctrl_c_interrupts_outside_of_packets_only(call: Callable[..., object]) -> None:
    """The byte 3 is a packet's type too, and a password's."""
    asked = bodies.request(improv.SEND_WIFI, bodies.wifi(b"\x03\x03", b"\x03"))
    assert call(bodies.requests, b"\r\x03" + asked + b"\x03") == ["interrupt", [1, bodies.wifi(b"\x03\x03", b"\x03")], "interrupt"]


@both_pythons
def test_what_a_device_says_is_no_request(call: Callable[..., object]) -> None:
    """Its own words coming back are ignored, and each fits a packet."""
    said = call(bodies.said)
    assert isinstance(said, list)
    assert call(bodies.requests, b"".join(said)) == []
    assert said[0] == bytes.fromhex("494d50524f56 01 01 01 02") + bytes((0xE2,)) + b"\n"
    assert all(len(packet) <= 266 for packet in said)


@both_pythons
def test_credentials_that_cannot_be_are_refused(call: Callable[..., object]) -> None:
    """An empty or too long name, a too long password, text that is none, lengths that lie."""
    assert call(bodies.credentials, bodies.wifi("café".encode(), b"")) == ["café", ""]
    for data in (
        b"",
        b"\x04home",
        b"\x09home",
        bodies.wifi(b"", b"secret"),
        bodies.wifi(b"x" * 33, b"secret"),
        bodies.wifi(b"home", b"x" * 65),
        bodies.wifi(b"\xff\xfe", b"secret"),
        bodies.wifi(b"home", b"secret") + b"\x00",
    ):
        assert call(bodies.credentials, data) is None


@given(st.text(min_size=1, max_size=8), st.text(max_size=16), st.binary(max_size=20).filter(lambda data: b"I" not in data))
def test_every_name_and_password_comes_through(ssid: str, password: str, before: bytes) -> None:
    """Behind any noise that does not begin a packet."""
    events = bodies.requests(before + bodies.request(improv.SEND_WIFI, bodies.wifi(ssid.encode(), password.encode())))
    assert events[-1][0] == improv.SEND_WIFI
    assert bodies.credentials(events[-1][1]) == [ssid, password]


@given(st.lists(st.one_of(st.binary(max_size=12), st.just(b"IMPROV\x01"), st.just(bodies.request(3, b"")))).map(b"".join))
def test_no_bytes_harm_the_listener(data: bytes) -> None:
    """Whatever comes, a whole request after a silence is still found."""
    listener = improv.Listener()
    for byte in data:
        listener.feed(byte)
    listener.forget()
    assert [listener.feed(byte) for byte in bodies.request(improv.ASK_DEVICE, b"")][-1] == (improv.ASK_DEVICE, b"")
