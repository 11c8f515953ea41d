"""The devices' door: CoAP over UDP (RFC 7252), every message protected by OSCORE (RFC 8613), on aiocoap.

Five resources: `r` takes a signed reading and answers with its receipt, `l` takes live values and `s` packets of a room's sound while
somebody listens, both without an answer, `c` tells what a device is asked to do (FETCH, RFC 8132, observed by RFC 7641) and takes how it
went, `u` gives an update in blocks (RFC 7959) and takes how that goes. From outside, an unknown device, a broken tag and a replay are one
answer: 4.01 without a word. What a device is to do is told only at an address where the device has proved to be, by its introduction or by
an Echo (RFC 9175): a recorded FETCH sent from elsewhere draws one small answer. The one thing anybody may ask in clear is an introduction
(EDHOC, `introductions.py`). Left out: blocks that come to us (a Block1 option is refused with 4.13, so nobody can make us collect them),
discovery.
"""

import asyncio
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Protocol

import aiocoap
from aiocoap import interfaces, oscore
from aiocoap.error import UnparsableMessage
from aiocoap.messagemanager import MessageManager
from aiocoap.numbers.codes import Code
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.pipe import error_to_message, run_driving_pipe
from aiocoap.tokenmanager import TokenManager

from gateway.commands import NoOrders, Orders
from gateway.devices import Device
from gateway.edges import arrivals
from gateway.edges.arrivals import Arrivals
from gateway.edges.attendance import Attendance, Present
from gateway.edges.ble import Near
from gateway.edges.contexts import Contexts, DeviceContext
from gateway.edges.datagrams import HELLO, INTRODUCTION, Datagrams
from gateway.edges.introductions import Refused
from gateway.edges.pairings import PairingContext, Pairings
from gateway.edges.way import Way
from gateway.errors import NoRoom, PortTaken
from gateway.reception import LARGEST_SIGNED_BYTES
from protocol import faults, receipts, updates
from protocol.errors import ProtocolError
from protocol.pairing import MAX_MESSAGE_BYTES, PATH

_COSE_SIGN1 = 18  # application/cose; cose-type="cose-sign1"
_CBOR = 60
_OCTETS = 42  # application/octet-stream
PAIRING = (PATH.decode(),)
_EDHOC = 64  # application/edhoc+cbor-seq
_CODES = {
    arrivals.STORED: Code.CHANGED,
    arrivals.REFUSED: Code.BAD_REQUEST,
    arrivals.CONFLICT: Code.CONFLICT,
    arrivals.FULL: Code.SERVICE_UNAVAILABLE,
}
_SILENCE = 26  # RFC 7967: no response of any class


class Offers(Protocol):
    """What this door asks of whoever has updates (`rollout.py`)."""

    def piece(self, device: Device, name: str) -> bytes | None:
        """Return what a device fetches under a name, "" the manifest it was told of; None: there is none for it."""

    async def reported(self, device: Device, said: Mapping[int, object]) -> None:
        """Take a device's checked word of an update; once this returns it is on disk. Raises NoRoom."""


class Front(interfaces.Resource):  # type: ignore[misc]  # aiocoap's interface is untyped
    """Everything a device can ask for, behind its protected link."""

    def __init__(
        self, contexts: Contexts, pairings: Pairings, arrive: Arrivals, attendance: Attendance, way: Way, offers: Offers | None
    ) -> None:
        super().__init__()
        self._contexts = contexts
        self._pairings = pairings
        self._arrive = arrive
        self._attendance = attendance
        self._way = way
        self._offers = offers

    async def render_to_pipe(self, pipe: Any) -> None:
        """Open a request, have it answered, and protect the answer; aiocoap calls this once a request."""
        request = pipe.request
        if request.opt.oscore is None:
            self._introduce(pipe)
            return
        try:
            unprotected = oscore.verify_start(request)
            device_id = unprotected[oscore.COSE_KID]
            context = self._contexts.find(device_id) or self._pairings.find(device_id)
            if context is None or request.code not in (Code.POST, Code.FETCH):
                raise KeyError
        except (oscore.ProtectionInvalid, KeyError, IndexError):
            self._refuse(pipe, "unknown_device")
            return
        try:
            inner, request_id = context.unprotect(request)
        except oscore.ReplayError:
            self._refuse(pipe, "replayed")
        except (oscore.ProtectionInvalid, UnparsableMessage, ValueError, IndexError):
            context.fail()
            if isinstance(context, PairingContext):
                self._pairings.forged()
            self._refuse(pipe, "not_opened")
        else:
            if isinstance(context, PairingContext):
                response = await self._pair(context, inner, isinstance(request.remote, Near))
            else:
                self._contexts.confirm(context)
                if inner.code is not Code.FETCH or _unacceptable(inner) is not None:
                    response = await self._answer(context, inner)
                elif context.is_at(request.remote.host, inner.opt.echo):
                    await self._tell(pipe, context, inner, request_id)
                    return
                else:
                    self._way.count("asked_for_echo")
                    response = aiocoap.Message(code=Code.UNAUTHORIZED, echo=context.echo_for(request.remote.host))
                if response is not None and not context.is_at(request.remote.host, None):
                    response.transport_tuning = aiocoap.Unreliable  # should it be late, nobody there is told more than once
            if response is None:
                pipe.add_response(_silence(), is_last=True)
            else:
                protected, _ = context.protect(response, request_id)
                pipe.add_response(protected, is_last=True)

    async def _tell(self, pipe: Any, context: DeviceContext, request: Any, request_id: Any) -> None:
        """Answer with what waits for the device, and with what waits then whenever it changes, while it observes and its link lasts."""
        observed = request.opt.observe == 0
        number = 0
        try:
            async for state in self._attendance.states(context.device, request.payload, observed):
                if not self._contexts.holds(context):
                    break
                response = aiocoap.Message(code=Code.CONTENT, payload=state, observe=0 if observed else None)
                protected, _ = context.protect(response, request_id)
                # Inside, Observe is empty, and OSCORE's number tells the order (RFC 8613 section 4.1.3.5); outside it is for whoever
                # carries messages on.
                protected.opt.observe = number if observed else None
                number += 1
                pipe.add_response(protected, is_last=not observed)
        except ProtocolError:
            self._way.refuse("bad_request")
            protected, _ = context.protect(_refusal(Code.BAD_REQUEST, faults.WRONG_CONTENT), request_id)
            pipe.add_response(protected, is_last=True)
            return
        if observed:
            pipe.add_response(_silence(), is_last=True)  # ends it here, and says nothing

    def _introduce(self, pipe: Any) -> None:
        """Answer a request in clear; only introductions and hellos pass `datagrams.py`."""
        if pipe.request.code is Code.POST and pipe.request.opt.uri_path == HELLO:
            greeted = self._pairings.hello(pipe.request.payload)
            if greeted is None:  # whoever does not know the label learns nothing, not even that a pairing is under way
                pipe.add_response(aiocoap.Message(code=Code.UNAUTHORIZED, no_response=_SILENCE), is_last=True)
            else:
                pipe.add_response(aiocoap.Message(code=Code.CHANGED, payload=greeted, content_format=_CBOR), is_last=True)
            return
        if pipe.request.code is not Code.POST or pipe.request.opt.uri_path != INTRODUCTION:
            self._refuse(pipe, "not_protected")
            return
        try:
            answer = aiocoap.Message(
                code=Code.CHANGED, payload=self._contexts.introductions.take(pipe.request.payload, pipe.request.remote.host)
            )
            self._way.count("introduction")
        except Refused as refused:
            self._way.refuse("introduction")
            answer = aiocoap.Message(code=Code.BAD_REQUEST, payload=refused.answer)
        if answer.payload:
            answer.opt.content_format = _EDHOC
        pipe.add_response(answer, is_last=True)

    def _refuse(self, pipe: Any, reason: str) -> None:
        self._way.refuse(reason)
        silent = None if pipe.request.mtype is aiocoap.CON else _SILENCE
        pipe.add_response(aiocoap.Message(code=Code.UNAUTHORIZED, no_response=silent), is_last=True)

    async def _pair(self, context: PairingContext, request: Any, enciphered: bool) -> Any:
        """Return the response to an opened message of a pairing; enciphered: by the radio, too."""
        right = request.code is Code.POST and request.opt.uri_path == PAIRING and len(request.payload) <= MAX_MESSAGE_BYTES
        answer = await self._pairings.answer(context, request.payload, enciphered) if right else None
        if answer is None:
            self._way.refuse("pairing")
            return _refusal(Code.BAD_REQUEST, faults.PAIRING_REPLAYED)
        return aiocoap.Message(code=Code.CHANGED, payload=answer)

    async def _answer(self, context: DeviceContext, request: Any) -> Any:
        """Return the response to an opened request; None: it asked for none."""
        path = request.opt.uri_path
        if path[:1] == (updates.PATH,) and self._offers is not None:
            return await self._update(context.device, request, self._offers)
        wrong = _unacceptable(request)
        if wrong is not None:
            self._way.refuse("bad_request")
            return _refusal(*wrong)
        if path == ("l",):
            self._arrive.live(context.device, request.payload)
            return None
        if path == ("s",):
            self._arrive.sound(context.device, request.payload)
            return None
        if path == ("c",):
            return await self._result(context.device, request.payload)
        answer = await self._arrive.reading(context.device, request.payload)
        return aiocoap.Message(code=_CODES[answer.outcome], payload=answer.payload)

    async def _result(self, device: Device, payload: bytes) -> Any:
        try:
            await self._attendance.result(device, payload)
        except ProtocolError:
            self._way.refuse("bad_request")
            return _refusal(Code.BAD_REQUEST, faults.WRONG_CONTENT)
        self._way.count("result")
        return aiocoap.Message(code=Code.CHANGED)

    async def _update(self, device: Device, request: Any, offers: Offers) -> Any:
        """Return a block of an update, or take how it goes."""
        wrong = _unfit_for_updates(request)
        if wrong is not None:
            self._way.refuse("bad_request")
            return _refusal(*wrong)
        if request.code is Code.GET:
            whole = offers.piece(device, "/".join(request.opt.uri_path[1:]))
            return _refusal(Code.NOT_FOUND, faults.UPDATE_WITHDRAWN) if whole is None else _block(whole, request.opt.block2)
        try:
            await offers.reported(device, updates.decode(request.payload))
        except ProtocolError:
            self._way.refuse("bad_request")
            return _refusal(Code.BAD_REQUEST, faults.WRONG_CONTENT)
        except NoRoom:
            return _refusal(Code.SERVICE_UNAVAILABLE, faults.STORE_FULL)
        self._way.count("update_word")
        return aiocoap.Message(code=Code.CHANGED)

    async def render(self, request: Any) -> Any:
        """Never called: `render_to_pipe` takes every request; aiocoap's interface asks for it."""
        raise NotImplementedError

    async def needs_blockwise_assembly(self, request: Any) -> bool:  # noqa: ARG002
        """Say that aiocoap is to collect no blocks."""
        return False


_FORMATS = {("r",): _COSE_SIGN1, ("l",): _CBOR, ("c",): _CBOR, ("s",): _OCTETS}


def _unacceptable(request: Any) -> tuple[Code, int] | None:
    """Return the code and fault number with which an opened request is refused, or None if it may be looked at."""
    if request.opt.block1 is not None or len(request.payload) > LARGEST_SIGNED_BYTES:
        return Code.REQUEST_ENTITY_TOO_LARGE, faults.TOO_LARGE
    for option in request.opt.option_list():
        if option.number is not OptionNumber.URI_PATH and option.number.is_critical():
            return Code.BAD_OPTION, faults.WRONG_CONTENT
    path = request.opt.uri_path
    if path not in _FORMATS:
        return Code.NOT_FOUND, faults.WRONG_CONTENT
    if request.code is not Code.POST and (request.code is not Code.FETCH or path != ("c",)):
        return Code.METHOD_NOT_ALLOWED, faults.WRONG_CONTENT
    if request.opt.content_format != _FORMATS[path]:
        return Code.UNSUPPORTED_CONTENT_FORMAT, faults.WRONG_CONTENT
    return None


_LARGEST_BLOCK = 6  # of 2^10 bytes


def _unfit_for_updates(request: Any) -> tuple[Code, int] | None:
    """Return the code and fault number with which a request about updates is refused, or None."""
    if request.opt.block1 is not None or len(request.payload) > updates.MAX_REPORT_BYTES:
        return Code.REQUEST_ENTITY_TOO_LARGE, faults.TOO_LARGE
    known = (OptionNumber.URI_PATH, OptionNumber.BLOCK2) if request.code is Code.GET else (OptionNumber.URI_PATH,)
    if any(option.number.is_critical() and option.number not in known for option in request.opt.option_list()):
        return Code.BAD_OPTION, faults.WRONG_CONTENT
    if request.code is Code.GET and len(request.opt.uri_path) <= 2:
        return None
    if request.code is not Code.POST or len(request.opt.uri_path) != 1:
        return Code.METHOD_NOT_ALLOWED, faults.WRONG_CONTENT
    return None if request.opt.content_format == updates.FORMAT else (Code.UNSUPPORTED_CONTENT_FORMAT, faults.WRONG_CONTENT)


def _block(whole: bytes, asked: Any) -> Any:
    """Return the answer with one block of a representation (RFC 7959 section 2.2)."""
    exponent = min(asked.size_exponent, _LARGEST_BLOCK) if asked is not None else _LARGEST_BLOCK
    number = asked.block_number if asked is not None else 0
    size = 16 << exponent
    if number and number * size >= len(whole):
        return _refusal(Code.BAD_OPTION, faults.WRONG_CONTENT)
    answer = aiocoap.Message(code=Code.CONTENT, payload=whole[number * size :][:size])
    answer.opt.etag = sha256(whole).digest()[:8]
    answer.opt.block2 = (number, (number + 1) * size < len(whole), exponent)
    return answer


def _refusal(code: Code, fault: int) -> Any:
    return aiocoap.Message(code=code, payload=receipts.encode_refusal(fault))


def _silence() -> Any:
    return aiocoap.Message(code=Code.CHANGED, no_response=_SILENCE)


class _Context(aiocoap.Context):  # type: ignore[misc]  # untyped
    def render_to_pipe(self, pipe: Any) -> None:
        """Have a request answered, as aiocoap does; only that nobody reads the name its task would have, the whole message in words."""
        run_driving_pipe(error_to_message(pipe, self.log), self.serversite.render_to_pipe(pipe))


class Door:
    """The open UDP port with all that stands behind it."""

    def __init__(self, context: Any, contexts: Contexts, attendance: Attendance, datagrams: Datagrams) -> None:
        self._context = context
        self._contexts = contexts
        self._attendance = attendance
        self._datagrams = datagrams

    @classmethod
    async def open(
        cls,
        bind: str,
        port: int,
        contexts: Contexts,
        pairings: Pairings,
        arrive: Arrivals,
        way: Way,
        orders: Orders | None = None,
        messages_per_s: float = 100.0,
        present: Present | None = None,
        offers: Offers | None = None,
    ) -> "Door":
        """Open the UDP port. Raises PortTaken: somebody else has it, or the address is not this machine's.

        orders: what waits for devices; whoever changes it calls `orders_changed`. messages_per_s: of one address. present: as in
        `attendance.py`. offers: the updates that devices may fetch.
        """
        loop = asyncio.get_running_loop()
        attendance = Attendance(orders or NoOrders(), present, arrive.uptime)
        context = _Context(loop=loop, serversite=Front(contexts, pairings, arrive, attendance, way, offers), loggername="coap-server")
        tokens = TokenManager(context)
        messages = MessageManager(tokens)
        try:
            _, datagrams = await loop.create_datagram_endpoint(
                lambda: Datagrams(messages, lambda name: bool(contexts.find(name) or pairings.find(name)), way.refuse, messages_per_s),
                local_addr=(bind, port),
            )
        except OSError as error:
            raise PortTaken("coap.port", bind, port, error.strerror or str(error)) from None
        messages.message_interface = datagrams
        tokens.token_interface = messages
        context.request_interfaces.append(tokens)
        return cls(context, contexts, attendance, datagrams)

    @property
    def port(self) -> int:
        """The UDP port that is open."""
        return self._datagrams.port

    def take(self, data: bytes, who: Any) -> None:
        """Take a datagram that came another way than over UDP. who: as in `datagrams.py`."""
        self._datagrams.take(data, who)

    def enrol(self, devices: Iterable[Device]) -> None:
        """Let these devices in, and no others."""
        self._contexts.enrol(devices)

    def orders_changed(self, device: Device) -> None:
        """Tell this device what waits for it now, if it is there to be told."""
        self._attendance.changed(device.kid)

    def attends(self, device: Device) -> bool:
        """Return whether this device waits for orders, as far as anybody can tell: one that sleeps does not."""
        return self._attendance.attends(device.kid)

    async def close(self) -> None:
        """Take nothing more; answers that are still due go out until their tasks end."""
        await self._context.shutdown()
