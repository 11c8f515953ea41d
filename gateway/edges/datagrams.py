"""RFC 7252 section 3 on a UDP socket: what may pass from the air to aiocoap, and what is dropped before it costs anything.

A datagram that is too large, is not CoAP, or is neither protected by OSCORE nor an introduction leaves no state behind: it is
counted, and a confirmable request is answered with four to twelve bytes, never more than it had, so nobody can use the gateway to flood
another. What is CoAP, and what OSCORE's option, is judged by the device's own rules (`protocol/coap.py`, `protocol/oscore_opening.py`),
because aiocoap lets more pass. One that came before is answered as it was (`exchanges.py`). aiocoap then does the rest of the message
layer: acknowledgements, and retransmission of separate responses.
"""

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import aiocoap
from aiocoap import error, interfaces
from aiocoap.message import Direction
from aiocoap.numbers.codes import Code
from aiocoap.numbers.constants import TransportTuning
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.util import hostportjoin

from gateway.exchanges import Exchanges
from gateway.pace import Pace
from protocol import coap, oscore_opening
from protocol.errors import NotCoAP, NotOSCORE
from protocol.pairing import HELLO_PATH

LARGEST_DATAGRAM_BYTES = 4096
INTRODUCTION = (".well-known", "edhoc")
HELLO = (HELLO_PATH.decode(),)
_LARGEST_INTRODUCTION_BYTES = 256
# Strangers' messages that may pass a second, so that answering them as politely as everybody else stays cheap.
_STRANGERS_PER_S = 50
_MOST_PEERS = 256


class _Tuning(TransportTuning):  # type: ignore[misc]  # untyped
    # A commit takes a few ms, on a slow card 100: wait for it and answer in the acknowledgement, before the device sends again (2 s).
    EMPTY_ACK_DELAY = 1.0
    EXCHANGE_LIFETIME = 0.0  # what came before is remembered here, as bytes, and not by aiocoap


_TUNING = _Tuning()


class _Address(NamedTuple):
    datagrams: "Datagrams"
    host: str
    port: int


class Peer(_Address, interfaces.EndpointAddress):  # type: ignore[misc]  # aiocoap's interface is untyped
    """Where a datagram came from."""

    is_multicast = False
    is_multicast_locally = False
    scheme = "coap"

    def __repr__(self) -> str:
        return "Peer"  # logs hold no addresses

    @property
    def hostinfo(self) -> str:
        return str(hostportjoin(self.host, self.port))

    @property
    def hostinfo_local(self) -> str:
        return "gateway"

    @property
    def uri_base(self) -> str:
        return f"coap://{self.hostinfo}"

    @property
    def uri_base_local(self) -> str:
        return "coap://gateway"

    @property
    def blockwise_key(self) -> tuple[str, int]:
        return self.host, self.port

    def carry(self, data: bytes) -> None:
        """Send a datagram there."""
        self.datagrams.send_bytes(data, self)


class Datagrams(asyncio.DatagramProtocol, interfaces.MessageInterface):  # type: ignore[misc]
    """The UDP socket under aiocoap's message manager.

    known(device_id): whether a device has that OSCORE id; refused(reason): counts; messages_per_s: of one address.
    """

    def __init__(self, manager: Any, known: Callable[[bytes], bool], refused: Callable[[str], None], messages_per_s: float) -> None:
        # one object for each sender, not for each of its messages: what is remembered of thousands of these names it
        self._peer = functools.lru_cache(_MOST_PEERS)(functools.partial(Peer, self))
        self._pace = Pace(messages_per_s)
        self._exchanges = Exchanges()
        self._manager = manager
        self._known = known
        self._refused = refused
        self._transport: asyncio.DatagramTransport | None = None
        self._strangers = float(_STRANGERS_PER_S)
        self._counted_s = time.monotonic()

    @property
    def port(self) -> int:
        """The UDP port that was bound."""
        assert self._transport is not None  # noqa: S101  # bound before anybody can ask
        return int(self._transport.get_extra_info("sockname")[1])

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # in 3.11 it is one in all but its class

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        if len(data) > LARGEST_DATAGRAM_BYTES:
            self._refused("too_large")
            return
        if not self._pace.may(address[:2], time.monotonic()):  # dropped: who waits for an answer sends again, later and later
            self._refused("too_fast")
            return
        self.take(data, self._peer(address[0], address[1]))

    def take(self, data: bytes, peer: Any) -> None:
        """Pass a datagram on, or drop it. peer: where it came from, over whichever radio; with carry(data), which answers there."""
        try:
            message = _message(coap.decode(data), peer)
        except (NotCoAP, error.UnparsableMessage, ValueError):  # a text option that is none raises UnicodeDecodeError
            self._refused("not_coap")
            return
        if message.code.is_request():
            if self._may_pass(message) and not self._came_before(message, time.monotonic()):
                message.transport_tuning = _TUNING
                self._manager.dispatch_message(message)
        elif message.code is Code.EMPTY:
            self._manager.dispatch_message(message)
        else:
            self._refused("not_a_request")

    def _came_before(self, message: Any, now_s: float) -> bool:
        """Return whether a request is a repetition; if so, it gets the answer it got."""
        answer = self._exchanges.begin(message.remote, message.mid, now_s)
        if answer and message.mtype is aiocoap.CON:
            message.remote.carry(answer)
        return answer is not None

    def _may_pass(self, message: Any) -> bool:
        option = message.opt.oscore
        device_id = _device_id(option) if message.payload else None
        if option is None and message.code is Code.POST and message.opt.uri_path in (INTRODUCTION, HELLO):
            if len(message.payload) <= _LARGEST_INTRODUCTION_BYTES and self._stranger_may_pass():
                return True
            self._refused("introduction")
        elif device_id is None:
            self._refused("not_protected")
        elif self._known(device_id) or self._stranger_may_pass():
            return True
        else:
            self._refused("unknown_device")
            return False
        if message.mtype is aiocoap.CON:
            answer = aiocoap.Message(code=Code.UNAUTHORIZED, _mtype=aiocoap.ACK, _mid=message.mid, _token=message.token)
            message.remote.carry(answer.encode())
        return False

    def _stranger_may_pass(self) -> bool:
        now_s = time.monotonic()
        self._strangers = min(_STRANGERS_PER_S, self._strangers + (now_s - self._counted_s) * _STRANGERS_PER_S)
        self._counted_s = now_s
        if self._strangers < 1:
            return False
        self._strangers -= 1
        return True

    def error_received(self, _: Exception) -> None:
        """Let it pass: an unreachable peer sends again when it is back."""

    # --- aiocoap's side

    def send(self, message: Any) -> None:
        data = message.encode()
        if message.mtype is aiocoap.ACK:
            self._exchanges.answered(message.remote, message.mid, data)
        message.remote.carry(data)

    def send_bytes(self, data: bytes, peer: Peer) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (peer.host, peer.port))

    async def determine_remote(self, _: Any) -> None:
        """Return None: a gateway sends no request over this socket of its own accord."""

    async def recognize_remote(self, remote: object) -> bool:
        return hasattr(remote, "carry")

    async def shutdown(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _message(read: coap.Message, peer: Any) -> Any:
    """Return aiocoap's message of what was read, so that nothing is read twice. Raises ValueError: an option's value is of another form."""
    message = aiocoap.Message(code=read.code, payload=read.payload)
    message.mtype, message.mid, message.token = aiocoap.Type(read.type), read.message_id, read.token
    message.remote, message.direction = peer, Direction.INCOMING
    for number, value in read.options:
        message.opt.add_option(OptionNumber(number).create_option(decode=value))
    return message


def _device_id(option: bytes | None) -> bytes | None:
    """Return the key id in an OSCORE option, or None: there is none, or the option is malformed."""
    try:
        kid: bytes | None = oscore_opening.decompress(option or b"").kid
    except NotOSCORE:
        return None
    return kid
