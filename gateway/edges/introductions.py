"""RFC 9528 (EDHOC) at the devices' door: method 3, suite 2, by lakers; what it ends in is an OSCORE context of `contexts.py`.

Anybody may knock, so a half-open introduction is small, there are few of them, and they end by themselves. Whoever fails, for whatever
reason, gets the same error message; an unknown device costs the same arithmetic as a known one whose proof is wrong (threats T21).
"""

import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import lakers  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.devices import Device
from gateway.edges.link_key import public_bytes
from protocol import cbor, edhoc, introduction
from protocol.errors import ProtocolError

_MOST_HALF_OPEN = 16
_HALF_OPEN_S = 30.0
_X_BYTES = 32
_CONNECTION_ID_BYTES = 3  # long enough to be no small integer, and for chance not to repeat it
# section 6.3: what we can do, for who asked for another suite; section 6.2: an unspecified error, without words
_OTHER_SUITE = cbor.encode(2) + cbor.encode(edhoc.SUITE)
_REFUSED = cbor.encode(1) + cbor.encode("")


class Agreed(NamedTuple):
    """With whom, under which names, the secret of the link, and the address at which the device proved to be; None: at none."""

    device: Device
    device_id: bytes
    gateway_id: bytes
    master_secret: bytes
    master_salt: bytes
    host: str | None = None


class _HalfOpen(NamedTuple):
    responder: Any
    initiator_id: bytes
    begun_s: float
    host: str


class Refused(Exception):
    """No introduction comes of this; `answer` is the error message to send."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


class Introductions:
    """The responder. agreed: called with every introduction that was completed; taken: whether a connection id is in use."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, agreed: Callable[[Agreed], None], taken: Callable[[bytes], bool]) -> None:
        public = public_bytes(key)
        self._private = key.private_numbers().private_value.to_bytes(32, "big")
        self._claims = edhoc.credential(public).claims
        self._agreed = agreed
        self._taken = taken
        self._devices: dict[bytes, tuple[Device, bytes]] = {}
        self._half_open: dict[bytes, _HalfOpen] = {}

    def enrol(self, devices: Iterable[Device]) -> None:
        """Know these devices, and no others."""
        self._devices = {}
        for device in devices:
            known = edhoc.credential(device.link_key)
            self._devices[cbor.encode({4: known.key_id})] = device, known.claims

    def take(self, payload: bytes, host: str) -> bytes:
        """Return the answer to one request: message 2, or nothing after message 3. host: where it came from. Raises Refused."""
        try:
            connection_id, message = introduction.split(payload[: edhoc.MAX_MESSAGE_BYTES])
        except ProtocolError:
            raise Refused(_REFUSED) from None
        return self._begin(message, host) if connection_id is None else self._finish(connection_id, message, host)

    def _begin(self, message_1: bytes, host: str) -> bytes:
        try:
            items, _ = cbor.decode_sequence(message_1, edhoc.MAX_ITEMS)
        except ProtocolError:
            raise Refused(_REFUSED) from None
        if len(items) < 4 or items[0] != edhoc.METHOD:
            raise Refused(_REFUSED)
        if (items[1][-1:] if isinstance(items[1], list) else [items[1]]) != [edhoc.SUITE]:
            raise Refused(_OTHER_SUITE)
        if not _is_point(items[2]) or not _is_identifier(items[3]):
            raise Refused(_REFUSED)
        responder = lakers.EdhocResponder(self._private, self._claims)
        ours = self._new_id()
        try:
            initiator_id, data = responder.process_message_1(message_1)
            if any(item.is_critical() for item in data):
                raise ValueError
            message_2: bytes = responder.prepare_message_2(lakers.CredentialTransfer.ByReference, ours, [])
        except Exception:  # lakers raises its own kinds of everything
            raise Refused(_REFUSED) from None
        self._make_room()
        self._half_open[ours] = _HalfOpen(responder, bytes(initiator_id), time.monotonic(), host)
        return message_2

    def _finish(self, connection_id: bytes, message_3: bytes, host: str) -> bytes:
        half_open = self._half_open.pop(connection_id, None)
        if half_open is None or time.monotonic() - half_open.begun_s > _HALF_OPEN_S:
            raise Refused(_REFUSED)
        responder = half_open.responder
        try:
            name, data = responder.parse_message_3(message_3)
            # for a stranger our own claims stand in: the proof fails after the same work
            device, claims = self._devices.get(bytes(name), (None, self._claims))
            responder.verify_message_3(claims)
            if device is None or any(item.is_critical() for item in data):
                raise ValueError
            responder.completed_without_message_4()
            secret, salt = responder.edhoc_exporter(0, b"", 16), responder.edhoc_exporter(1, b"", 8)
        except Exception:  # as above
            raise Refused(_REFUSED) from None
        # who was sent message 2 and answers it is where the answer comes from
        proved = host if host == half_open.host else None
        self._agreed(Agreed(device, connection_id, half_open.initiator_id, bytes(secret), bytes(salt), proved))
        return b""

    def _new_id(self) -> bytes:
        while True:
            made = secrets.token_bytes(_CONNECTION_ID_BYTES)
            if made not in self._half_open and not self._taken(made):
                return made

    def _make_room(self) -> None:
        now_s = time.monotonic()
        for ours in [ours for ours, each in self._half_open.items() if now_s - each.begun_s > _HALF_OPEN_S]:
            del self._half_open[ours]
        while len(self._half_open) >= _MOST_HALF_OPEN:
            del self._half_open[next(iter(self._half_open))]


def _is_point(x: object) -> bool:
    """Return whether a point of P-256 has this x; lakers panics where none has, and a panic is no Exception to Python."""
    if not isinstance(x, bytes) or len(x) != _X_BYTES:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + x)
    except ValueError:
        return False
    return True


def _is_identifier(item: object) -> bool:
    """Return whether this is a connection identifier in its one form, which lakers does not ask."""
    try:
        edhoc.decode_identifier(item)
    except ProtocolError:
        return False
    return True
