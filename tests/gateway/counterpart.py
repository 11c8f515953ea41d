"""A device as somebody else would write it: aiocoap's client and OSCORE, lakers, cbor2, `cryptography`, nothing of `protocol` or `gateway`.

It signs and sends as docs/wire.md says, so a slip of ours on either side shows.
"""

import asyncio
import contextlib
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import aiocoap
import cbor2
import lakers
from aiocoap import oscore
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ASK_AGAIN_s = 3.0
KINDS = {"scale": 0, "cuff": 1, "babyphone": 2}


class MemoryContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """One end of an OSCORE link, its numbers in memory."""

    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = oscore.hashfunctions["sha256"]
    id_context = None
    is_signing = False
    responses_send_kid = False
    echo_recovery = None

    def __init__(self, secret: bytes, salt: bytes, sender_id: bytes, recipient_id: bytes, sequence: int = 0) -> None:
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.derive_keys(salt, secret)
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()
        self.sender_sequence_number = sequence

    def post_seqnoincrease(self) -> None:
        pass


@dataclass
class Counterpart:
    """One device: its keys, and the readings it signs."""

    kind: str = "scale"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    pairing: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    link_private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    boot: int = 1
    sent: int = 0
    home: Path = Path()
    patience_s: float = 5.0  # for an answer in clear

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def kid(self) -> bytes:
        return sha256(self.public_key).digest()[:4]

    @property
    def link_key(self) -> bytes:
        return self.link_private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def enrolment(self) -> dict[str, str]:
        return {
            "serial": f"FY-{self.kid.hex()}",
            "kind": self.kind,
            "name": f"The {self.kind}",
            "kid": self.kid.hex(),
            "public_key": self.public_key.hex(),
            "pairing": self.pairing.hex(),
            "link_key": self.link_key.hex(),
        }

    def enrol(self, data: Path) -> None:
        self.home = data
        folder = data / "enrolments"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.kid.hex()}.json").write_text(json.dumps(self.enrolment()))

    def fields(self, sequence: int, up_ms: int = 5000, **values: int) -> dict[int, Any]:
        own = {
            "scale": {10: 72400, 11: 1, 12: 512},
            "cuff": {10: 121, 11: 79, 12: 94, 13: 63, 14: 0},
            "babyphone": {13: 2050, 14: 45},
        }[self.kind]
        changed = {int(key.lstrip("_")): value for key, value in values.items()}
        return {0: KINDS[self.kind], 1: sequence, 2: [self.boot, up_ms], 9: 88, **own, **changed}

    def signed(
        self, fields: dict[int, Any] | bytes, *, algorithm: int = -9, kid: bytes | None = None, pairing: bytes | None = None
    ) -> bytes:
        payload = fields if isinstance(fields, bytes) else cbor2.dumps(fields, canonical=True)
        kind = cbor2.loads(payload).get(0, 0) if isinstance(fields, dict) else KINDS[self.kind]
        protected = cbor2.dumps({1: algorithm, 4: kid or self.kid}, canonical=True)
        r, s = decode_dss_signature(self.key.sign(self.to_be_signed(protected, kind, payload, pairing), ec.ECDSA(SHA256())))
        return cbor2.dumps([protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])

    def to_be_signed(self, protected: bytes, kind: int, payload: bytes, pairing: bytes | None = None) -> bytes:
        return cbor2.dumps(["Signature1", protected, cbor2.dumps([1, 0, kind, pairing or self.pairing]), payload])

    def digest8(self, message: bytes) -> bytes:
        protected, _, payload, _ = cbor2.loads(message)
        return sha256(self.to_be_signed(protected, cbor2.loads(payload)[0], payload)).digest()[:8]

    def agree(self, port: int) -> "Agreed":
        """Introduce this device to the gateway at this port, whose key lies in the folder it was enrolled in. Raises NotIntroduced."""
        gateway_key = (self.home / "keys/link.public").read_bytes()
        initiator = lakers.EdhocInitiator()
        ours = secrets.token_bytes(1)
        message_1 = initiator.prepare_message_1(ours, [])
        theirs, _, _ = initiator.parse_message_2(in_clear(port, b"\xf5" + message_1, self.patience_s))
        private = self.link_private.private_numbers().private_value.to_bytes(32, "big")
        initiator.verify_message_2(private, claims(self.link_key), claims(gateway_key))
        message_3, _ = initiator.prepare_message_3(lakers.CredentialTransfer.ByReference, [])
        in_clear(port, cbor2.dumps(theirs) + message_3, self.patience_s)
        initiator.completed_without_message_4()
        return Agreed(initiator.edhoc_exporter(0, b"", 16), initiator.edhoc_exporter(1, b"", 8), theirs, ours)

    def context(self, port: int) -> MemoryContext:
        """Return the device's end of a new link."""
        agreed = self.agree(port)
        return MemoryContext(agreed.secret, agreed.salt, agreed.device_id, agreed.gateway_id)


class Agreed(NamedTuple):
    """What an introduction ends in."""

    secret: bytes
    salt: bytes
    device_id: bytes
    gateway_id: bytes


class NotIntroduced(Exception):
    """The gateway refused; `code` is CoAP's, `answer` the error message."""

    def __init__(self, code: Any, answer: bytes) -> None:
        super().__init__(code, answer)
        self.code = code
        self.answer = answer


def claims(link_key: bytes) -> bytes:
    """Return the claims set of a link's key, as RFC 9528 computes with it."""
    key = {1: 2, 2: sha256(link_key).digest()[:4], -1: 1, -2: link_key[1:33], -3: link_key[33:]}
    return cbor2.dumps({2: "", 8: {1: key}}, canonical=True)


def in_clear(port: int, payload: bytes, wait_s: float = 5.0) -> bytes:
    """Return what the gateway answers to an introduction's message. Raises NotIntroduced, TimeoutError."""
    request = aiocoap.Message(code=aiocoap.POST, payload=payload, uri_path=(".well-known", "edhoc"), content_format=65)
    answer = aiocoap.Message.decode(answered(port, datagram(request, secrets.randbelow(65536)), wait_s))
    if not answer.code.is_successful():
        raise NotIntroduced(answer.code, answer.payload)
    return bytes(answer.payload)


@dataclass
class Sealed:
    """A link of one request at a time, each of which may be given up; `said` is all that was said over it."""

    context: MemoryContext
    port: int
    said: list[bytes] = field(default_factory=list)
    number: int = field(default_factory=lambda: secrets.randbelow(60_000))

    async def post(self, path: str, payload: bytes, content_format: int, wait_s: float) -> Any:
        """Return the response; one in clear is from outside the link. Raises TimeoutError."""
        request = aiocoap.Message(code=aiocoap.POST, uri_path=(path,), payload=payload, content_format=content_format)
        request.direction = aiocoap.message.Direction.OUTGOING
        sealed, about = self.context.protect(request)
        self.number += 1
        self.said.append(datagram(sealed, self.number))
        response = aiocoap.Message.decode(await asyncio.to_thread(answered, self.port, self.said[-1], wait_s))
        return response if response.opt.oscore is None else self.context.unprotect(response, about)[0]


def answered(port: int, asked: bytes, wait_s: float) -> bytes:
    """Return the response to a datagram, and to no earlier one. Raises TimeoutError.

    It is asked again every few seconds, as CoAP wants: on a radio whose links break a message may be lost.
    """
    until_s = time.monotonic() + wait_s
    again_s = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        while (now_s := time.monotonic()) < until_s:
            if now_s >= again_s:
                again_s = now_s + ASK_AGAIN_s
                ours.sendto(asked, ("127.0.0.1", port))
            ours.settimeout(max(0.001, min(until_s, again_s) - now_s))
            with contextlib.suppress(TimeoutError):
                received = ours.recv(2000)
                if received[1] and received[4:6] == asked[4:6]:  # not empty, and of the same token
                    return received
    raise TimeoutError


def datagram(message: Any, mid: int, mtype: Any = aiocoap.CON) -> bytes:
    """Return a CoAP message's bytes, for a test that holds the datagram in its hand."""
    sent = message.copy()
    sent.mtype, sent.mid, sent.token = mtype, mid, mid.to_bytes(2, "big")
    sent.direction = aiocoap.message.Direction.OUTGOING
    encoded: bytes = sent.encode()
    return encoded


@asynccontextmanager
async def link(device: Counterpart, port: int) -> AsyncIterator["Link"]:
    """Introduce a device to a gateway on this machine, and open its link. Raises NotIntroduced."""
    ours = await asyncio.to_thread(device.context, port)
    context = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
    context.client_credentials[f"coap://127.0.0.1:{port}/*"] = ours
    try:
        yield Link(device, context, port)
    finally:
        await context.shutdown()


@dataclass
class Link:
    """An open link: sends, and tells what came back."""

    device: Counterpart
    context: aiocoap.Context
    port: int
    # aiocoap's client looks its peer up in a thread, so requests overtake each other: keep them within the replay window of 32
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(12))

    async def post(self, path: str, payload: bytes, content_format: int | None = 18, **options: Any) -> aiocoap.Message:
        request = aiocoap.Message(code=aiocoap.POST, uri=f"coap://127.0.0.1:{self.port}/{path}", payload=payload, **options)
        request.opt.content_format = content_format
        try:
            async with self.places:
                return await self.context.request(request, handle_blockwise=False).response
        except oscore.NotAProtectedMessage as unprotected:  # an answer from outside the link
            return unprotected.plain_message

    def live(self, fields: dict[int, Any]) -> None:
        """Send live values."""
        self.say("l", cbor2.dumps(fields, canonical=True), 60)

    def say(self, path: str, payload: bytes, content_format: int) -> None:
        """Send what is worth nothing later: not confirmable, and nothing comes back."""
        (end,) = self.context.client_credentials.values()
        self.device.sent += 1
        request = aiocoap.Message(code=aiocoap.POST, payload=payload, uri_path=(path,), content_format=content_format)
        request.direction = aiocoap.message.Direction.OUTGOING
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.sendto(datagram(end.protect(request)[0], self.device.sent, aiocoap.NON), ("127.0.0.1", self.port))

    async def send(self, message: bytes) -> dict[int, Any]:
        """Send a signed reading; return its receipt."""
        response = await self.post("r", message)
        assert response.code == aiocoap.CHANGED, (response.code, response.payload)
        receipt: dict[int, Any] = cbor2.loads(response.payload)
        return receipt
