"""Devices by the dozen in one process, faster than a gateway: each signs, introduces itself, protects, and repeats until receipted.

For benches and ordeals, where firmware in MicroPython would be what is measured. The air they send over loses, doubles and delays
datagrams on request. Nothing of `firmware` or of the device's half of `protocol` is here: the handshake is lakers', the ciphers
`cryptography`'s, the CBOR cbor2's. A device keeps what it signed until its receipt names these very bytes, as a real one does.
"""

import asyncio
import random
import secrets
from collections import Counter, deque
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple, cast

import cbor2
import lakers  # type: ignore[import-untyped]
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol import coap, faults, receipts
from protocol.errors import ProtocolError

KINDS = {"scale": 0, "cuff": 1, "babyphone": 2}
_EDHOC = ((coap.URI_PATH, b".well-known"), (coap.URI_PATH, b"edhoc"), (coap.CONTENT_FORMAT, b"\x41"))
_READING = b"\x02\xb1r\x11\x12\xff"  # POST /r, application/cose; cose-type="cose-sign1"
_ACK_TIMEOUT_S = 2.0
_MOST_TRIES = 3
_BUSY_S = 1.0


class Reading(NamedTuple):
    """A signed reading: its number, its bytes, the digest a receipt must name, and whose it truly is (None: a guest's)."""

    sequence: int
    message: bytes
    digest8: bytes
    whose: str | None


class Silence(Exception):
    """Nothing came back."""


class Air:
    """What the datagrams cross: how many of a hundred are lost or doubled, each way."""

    def __init__(self, lost_percent: float, doubled_percent: float, seed: int) -> None:
        self.lost_percent = lost_percent
        self.doubled_percent = doubled_percent
        self._random = random.Random(seed)  # noqa: S311  # weather, not a secret

    def copies(self) -> int:
        """Return how often a datagram arrives."""
        if self._random.uniform(0, 100) < self.lost_percent:
            return 0
        return 2 if self._random.uniform(0, 100) < self.doubled_percent else 1


class Session:
    """RFC 8613, a client's end: AES-CCM-16-64-128, HKDF-SHA-256, no id context."""

    def __init__(self, secret: bytes, salt: bytes, sender_id: bytes, recipient_id: bytes) -> None:
        def derive(key_id: bytes, word: str, length: int) -> bytes:
            return HKDF(SHA256(), length, salt, cbor2.dumps([key_id, None, 10, word, length])).derive(secret)

        self._sender = AESCCM(derive(sender_id, "Key", 16), tag_length=8)
        self._recipient = AESCCM(derive(recipient_id, "Key", 16), tag_length=8)
        self._iv = derive(b"", "IV", 13)
        self._sender_id = sender_id
        self._number = 0

    def protect(self, plaintext: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """Return the OSCORE option, the ciphertext, and the nonce and associated data by which the answer opens."""
        number = self._number
        self._number += 1
        partial_iv = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
        nonce = self._nonce(partial_iv)
        external = cbor2.dumps([1, [10], self._sender_id, partial_iv, b""])
        associated = cbor2.dumps(["Encrypt0", b"", external])
        option = bytes((0x08 | len(partial_iv),)) + partial_iv + self._sender_id
        return option, self._sender.encrypt(nonce, plaintext, associated), nonce, associated

    def open(self, ciphertext: bytes, nonce: bytes, associated: bytes) -> bytes | None:
        """Return an answer's plaintext, or None when it is not from the gateway."""
        try:
            return self._recipient.decrypt(nonce, ciphertext, associated)
        except InvalidTag:
            return None

    def _nonce(self, partial_iv: bytes) -> bytes:
        plain = bytes((len(self._sender_id),)) + self._sender_id.rjust(7, b"\0") + partial_iv.rjust(5, b"\0")
        return bytes(one ^ other for one, other in zip(plain, self._iv, strict=True))


class Device(asyncio.DatagramProtocol):
    """One device: `outbox` holds what is not yet receipted; `acknowledged` is called with each reading whose receipt came."""

    def __init__(self, kind: str, gateway_key: bytes, port: int, air: Air, acknowledged: Callable[["Device", Reading], None]) -> None:
        self.kind = kind
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = _public(self.key)
        self.kid = sha256(self.public_key).digest()[:4]
        self.pairing = secrets.token_bytes(8)
        self.outbox: deque[Reading] = deque()
        self.counts: Counter[str] = Counter()
        self._link_key = ec.generate_private_key(ec.SECP256R1())
        self._gateway_key = gateway_key
        self._port = port
        self._air = air
        self._acknowledged = acknowledged
        self._session: Session | None = None
        self._sequence = 0
        self._boot = 1
        self._started_s = asyncio.get_running_loop().time()
        self._transport: asyncio.DatagramTransport | None = None
        self._message_id = secrets.randbelow(65536)
        self._answers: dict[bytes, asyncio.Future[coap.Message]] = {}
        self._more = asyncio.Event()

    def enrolment(self) -> dict[str, str]:
        """Return what the gateway is to know of it."""
        return {
            "serial": f"FY-{self.kid.hex()}",
            "kind": self.kind,
            "name": f"The {self.kind} {self.kid.hex()}",
            "kid": self.kid.hex(),
            "public_key": self.public_key.hex(),
            "pairing": self.pairing.hex(),
            "link_key": _public(self._link_key).hex(),
        }

    def measure(self, values: dict[int, int], whose: str | None) -> Reading:
        """Sign a reading of these fields and put it into the outbox."""
        self._sequence += 1
        up_ms = int((asyncio.get_running_loop().time() - self._started_s) * 1000)
        kind = KINDS[self.kind]
        payload = cbor2.dumps({0: kind, 1: self._sequence, 2: [self._boot, up_ms], **values}, canonical=True)
        protected = cbor2.dumps({1: -9, 4: self.kid}, canonical=True)
        signed = cbor2.dumps(["Signature1", protected, cbor2.dumps([1, 0, kind, self.pairing]), payload])
        r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(SHA256())))
        message = cbor2.dumps([protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])
        reading = Reading(self._sequence, message, sha256(signed).digest()[:8], whose)
        self.outbox.append(reading)
        self._more.set()
        return reading

    async def live(self) -> None:
        """Send what is in the outbox, in order and until receipted, until cancelled."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=("127.0.0.1", self._port))
        try:
            while True:
                self._more.clear()
                while self.outbox:
                    await self._deliver(self.outbox[0])
                await self._more.wait()
        finally:
            transport.close()

    async def introduce(self) -> Session:
        """Return the device's end of a new link (RFC 9528, method 3). Raises Silence: refused, or no answer."""
        initiator = lakers.EdhocInitiator()
        ours = secrets.token_bytes(1)
        message_2 = await self._knock(b"\xf5" + initiator.prepare_message_1(ours, []))
        try:
            theirs, _, _ = initiator.parse_message_2(message_2)
            private = self._link_key.private_numbers().private_value.to_bytes(32, "big")
            initiator.verify_message_2(private, _claims(_public(self._link_key)), _claims(self._gateway_key))
        except Exception:  # lakers raises its own kinds of everything; what was answered is no message 2 of our gateway
            raise Silence from None
        message_3, _ = initiator.prepare_message_3(lakers.CredentialTransfer.ByReference, [])
        await self._knock(cbor2.dumps(theirs) + message_3)
        initiator.completed_without_message_4()
        self.counts["introduced"] += 1
        return Session(initiator.edhoc_exporter(0, b"", 16), initiator.edhoc_exporter(1, b"", 8), theirs, ours)

    def request(self, session: Session, reading: Reading) -> tuple[bytes, bytes, tuple[bytes, bytes]]:
        """Return a request's datagram, its token, and what opens the answer."""
        option, ciphertext, *binding = session.protect(_READING + reading.message)
        token = secrets.token_bytes(4)
        message = coap.Message(coap.CON, coap.POST, self._next_id(), token, ((coap.OSCORE, option),), ciphertext)
        return coap.encode(message), token, (binding[0], binding[1])

    async def _deliver(self, reading: Reading) -> None:
        try:
            if self._session is None:
                self._session = await self.introduce()
            datagram, token, binding = self.request(self._session, reading)
            answer = await self._exchange(datagram, token)
        except Silence:
            self.counts["silence"] += 1
            await asyncio.sleep(random.uniform(0.05, 0.5))  # noqa: S311  # spreads devices, hides nothing
            return
        plaintext = self._session.open(answer.payload, *binding) if coap.option(answer.options, coap.OSCORE) is not None else None
        if plaintext is None:
            if answer.code == coap.UNAUTHORIZED:  # the gateway has lost the link: it was started anew
                self._session = None
            return
        code, (_, payload) = plaintext[0], coap.decode_options(plaintext, 1)
        if code == coap.CHANGED:
            receipt = receipts.decode(payload)
            if (receipt.sequence, receipt.digest) != (reading.sequence, reading.digest8):
                self.counts["wrong_receipt"] += 1
                return
            self.counts["already" if receipt.status == receipts.ALREADY_STORED else "stored"] += 1
            self.outbox.popleft()
            self._acknowledged(self, reading)
        elif code == coap.UNAVAILABLE:
            self.counts["full"] += 1
            await asyncio.sleep(_BUSY_S)
        else:
            self.counts[f"refused.{faults.FAULTS.get(receipts.decode_refusal(payload), code)}"] += 1
            await asyncio.sleep(_BUSY_S)

    async def _knock(self, payload: bytes) -> bytes:
        token = secrets.token_bytes(4)
        answer = await self._exchange(coap.encode(coap.Message(coap.CON, coap.POST, self._next_id(), token, _EDHOC, payload)), token)
        if answer.code != coap.CHANGED:
            raise Silence
        return bytes(answer.payload)

    async def _exchange(self, datagram: bytes, token: bytes) -> coap.Message:
        answer: asyncio.Future[coap.Message] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        try:
            for attempt in range(_MOST_TRIES):
                self._send(datagram)
                try:
                    async with asyncio.timeout(_ACK_TIMEOUT_S * (1 << attempt)):
                        return await asyncio.shield(answer)
                except TimeoutError:
                    continue
            raise Silence
        finally:
            del self._answers[token]
            answer.cancel()

    def _send(self, datagram: bytes) -> None:
        if self._transport is not None:
            for _ in range(self._air.copies()):
                self._transport.sendto(datagram)

    def _next_id(self) -> int:
        self._message_id = (self._message_id + 1) & 0xFFFF
        return self._message_id

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _: Any) -> None:
        for _ in range(self._air.copies()):
            try:
                message = coap.decode(data)
            except ProtocolError:
                self.counts["not_coap"] += 1
                return
            if message.type == coap.CON:  # a response on its own is acknowledged, whether or not it is still wanted
                self._send(coap.encode(coap.Message(coap.ACK, coap.EMPTY, message.message_id, b"", (), b"")))
            answer = self._answers.get(message.token)
            if message.code != coap.EMPTY and answer is not None and not answer.done():
                answer.set_result(message)

    def error_received(self, _: Exception) -> None:
        """Let it pass: while the gateway is away its port is closed."""


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _claims(link_key: bytes) -> bytes:
    key = {1: 2, 2: sha256(link_key).digest()[:4], -1: 1, -2: link_key[1:33], -3: link_key[33:]}
    return cbor2.dumps({2: "", 8: {1: key}}, canonical=True)
