"""The devices' door before hostile bytes: it refuses what a device refuses, by the same rules, and falls over nothing that opens."""

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.edges.datagrams import Datagrams
from protocol import coap, oscore, oscore_opening
from tests.gateway.ingester import hkdf
from tests.gateway.test_attendance import DEVICE_ID, GATEWAY_ID, SALT, SECRET, Room, room
from tests.gateway.test_coap import _open_ccm, _seal_ccm
from tests.protocol.bodies import refusal
from tests.protocol.refused import ROWS

__all__ = ["room"]
OF_COAP = [row for row in ROWS if row[1] == "coap"]
SOMEBODY = ("192.0.2.7", 4000)


class Behind:
    """What stands behind the socket: it keeps what passes, and what is sent back."""

    def __init__(self) -> None:
        self.passed: list[Any] = []
        self.answers: list[bytes] = []
        self.refused: list[str] = []
        self.door = Datagrams(self, lambda _: True, self.refused.append, 1e9)
        self.door.connection_made(self)  # type: ignore[arg-type]

    def dispatch_message(self, message: Any) -> None:
        self.passed.append(message)

    def is_closing(self) -> bool:
        return False

    def sendto(self, data: bytes, _: object) -> None:
        self.answers.append(data)


@pytest.mark.parametrize(("rule", "decoder", "data", "name"), OF_COAP, ids=[row[0] for row in OF_COAP])
def test_what_is_no_coap_is_refused_in_silence(rule: str, decoder: str, data: bytes, name: str) -> None:
    """Every row that a device refuses as no CoAP ends at the gateway's socket: counted, not answered, not handed on."""
    behind = Behind()
    behind.door.datagram_received(data, SOMEBODY)
    assert (behind.refused, behind.passed, behind.answers) == (["too_large" if name == "MessageTooLarge" else "not_coap"], [], [])


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A protected request with some bytes changed, cut or put in; or anything at all."""
    message = coap.Message(coap.CON, coap.POST, 7, b"to", ((coap.OSCORE, b"\x09\x05dev"),), bytes(40))
    data = bytearray(coap.encode(message))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return draw(st.just(bytes(data)) | st.binary(max_size=60))


@given(bent())
@example(b"\x40\x02\x00\x01\xff")  # a marker without payload, and an empty message with a token: aiocoap takes both
@example(b"\x41\x00\x00\x01t")
def test_the_socket_passes_only_what_a_device_would_take(data: bytes) -> None:
    """Whatever comes, nothing is raised; what passes is CoAP to a device, too, and what is not is counted as such."""
    behind = Behind()
    behind.door.datagram_received(data, SOMEBODY)
    verdict, said = refusal(coap.decode, data)
    assert len(behind.passed) + len(behind.refused) == 1
    if verdict == "refused":
        assert behind.refused == ["not_coap"], said
    for message in behind.passed:
        ours = coap.decode(data)
        assert (int(message.code), message.mid, message.token, message.payload) == (ours.code, ours.message_id, ours.token, ours.payload)


@given(st.binary(max_size=12))
@example(b"\x20")
@example(b"\x29\x05dev")  # the bit of a group's signature, which aiocoap would look at
@example(b"\x0a\x00\x05dev")
def test_an_option_that_a_device_refuses_opens_nothing(value: bytes) -> None:
    """Reserved bits, a length that lies, a number in a longer form: answered as what is not protected at all, and not handed on."""
    behind = Behind()
    sent = coap.encode(coap.Message(coap.CON, coap.POST, 7, b"to", ((coap.OSCORE, value),), bytes(40)))
    behind.door.datagram_received(sent, SOMEBODY)
    verdict, said = refusal(oscore_opening.decompress, value)
    if verdict == "refused" or said.kid is None:
        assert (behind.passed, behind.refused) == ([], ["not_protected"])
        assert behind.answers == [b"\x62\x81\x00\x07to"]
    else:
        assert len(behind.passed) == 1


CONTEXT = oscore.derive(SECRET, SALT, DEVICE_ID, GATEWAY_ID, hkdf)


def sealed(number: int, plaintext: bytes) -> tuple[bytes, oscore.Binding]:
    """Return a datagram in which a device sealed these bytes, whatever they are, and what opens its answer."""
    partial_iv = oscore.encode_sequence(number)
    binding = oscore.Binding(DEVICE_ID, partial_iv)
    payload = _seal_ccm(CONTEXT.sender_key, oscore.nonce(CONTEXT.common_iv, DEVICE_ID, partial_iv), oscore.aad(binding), plaintext)
    option = oscore.compress(partial_iv, DEVICE_ID, None)
    return coap.encode(coap.Message(coap.CON, coap.POST, number, b"t", ((coap.OSCORE, option),), payload)), binding


def answer(port: int, sent: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(20)
        ours.sendto(sent, ("127.0.0.1", port))
        return ours.recv(4096)


async def code_of(room: Room, number: int, plaintext: bytes) -> int:
    """Return the code with which the door answers, from inside if its answer is protected."""
    sent, binding = sealed(number, plaintext)
    message = coap.decode(await asyncio.to_thread(answer, room.door.port, sent))
    if coap.option(message.options, coap.OSCORE) is None:
        return int(message.code)
    return int(oscore_opening.unprotect_response(CONTEXT, binding, message.options, message.payload, _open_ccm).code)


# no option that ends, a marker without payload, options cut short or beyond 65535, a text that is none, a hundred options, an observation
# of nothing, an answer, a code that nobody knows
NONSENSE = ["02", "00", "ffffffff", "02f0", "02ff", "02bd", "02b1ff", "02beffff", "02e0ffffe0ffff", "02" + "00" * 100, "05610951633cffa0"]
NONSENSE += ["45ffa0", "1fb172", "02d10a06", "02b172c0ff", "02b172113cff"]


@pytest.mark.anyio
async def test_what_opens_and_makes_no_sense_is_refused_and_the_door_stands(room: Room) -> None:
    """A device gone bad seals nonsense with its true keys: an error of the 4.xx comes back, never 5.00, and the next message is taken."""
    for number, plaintext in enumerate(NONSENSE):
        code = await code_of(room, 2 * number, bytes.fromhex(plaintext))
        assert code >> 5 == 4, plaintext
        assert await code_of(room, 2 * number + 1, b"\x02\xb7nowhere\x11\x3c") == 0x84, plaintext
