"""A home for one device, as small as can be: it opens, verifies and receipts what comes over UDP, and can be silent or forgetful.

The server's side of `protocol/oscore.py` with OpenSSL's ciphers, introductions by lakers; no gateway code, so a slip in either shows.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import cbor2
import lakers
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol import (
    coap,
    commands,
    cose,
    introduction,
    live,
    manifest,
    oscore,
    oscore_opening,
    oscore_server,
    readings,
    receipts,
    shelf,
    sign1,
    updates,
)


class HomeKey:
    """A home's own key for links, which devices are given before they meet it."""

    def __init__(self) -> None:
        made = ec.generate_private_key(ec.SECP256R1())
        self.private = made.private_numbers().private_value.to_bytes(32, "big")
        self.public = made.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class Home(asyncio.DatagramProtocol):
    """`got`: readings as they came; `live`: the live values; `sound`: packets of the room's; `digests`: by sequence, every digest."""

    def __init__(self, enrolment: dict[str, str], key: HomeKey) -> None:
        self._context: oscore.Context | None = None
        self._half_open: tuple[Any, bytes, bytes] | None = None
        self._private = key.private
        self._link_key = bytes.fromhex(enrolment["link_key"])
        self._own_claims = _claims(key.public)
        self._pairing = bytes.fromhex(enrolment["pairing"])
        self.introductions = 0
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(enrolment["public_key"]))
        self.silent = False
        self.strange = False  # this home was replaced by another, which has no keys of the device: RFC 8613 section 8.2
        self.forgetful = False  # the replay window was lost: a request must bring back an Echo once
        self.got: list[dict[int, object]] = []
        self.live: list[dict[int, object]] = []
        self.sound: list[bytes] = []  # packets of live listening, closed
        self.digests: dict[int, set[bytes]] = {}
        self.datagrams: dict[bytes, set[bytes]] = {}  # by partial IV: what was sealed with it
        self.address = ("127.0.0.1", 0)
        self.presences: list[tuple[int, int]] = []
        self.results: list[dict[int, object]] = []
        self.order: dict[int, object] | None = None  # without its `until`
        self.offers: dict[str, bytes] = {}  # what a device may fetch: the signed manifest under "", files under their names
        self._reported: set[bytes] = set()
        self.reports: list[dict[int, object]] = []  # what it said of updates
        self.lie: Callable[[str, int, bytes], bytes] = lambda _name, _number, piece: piece
        self._observation: tuple[coap.Message, oscore.Binding, tuple[str, int], float] | None = None
        self._notifications = 0

    async def open(self) -> None:
        """Begin to listen on a free port, `address`."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.address = transport.get_extra_info("sockname")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def close(self) -> None:
        """Stop listening."""
        self._transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Open, verify, receipt."""
        message = coap.decode(data)
        if self.strange:
            self._plain(message, address, coap.UNAUTHORIZED, b"Security context not found")
            return
        if coap.option(message.options, coap.OSCORE) is None:
            if not self.silent and message.code == coap.POST:
                self._introduce(message, address)
            return
        if self._context is None:
            if not self.silent:
                self._plain(message, address, coap.UNAUTHORIZED, b"")
            return
        opened, binding, _ = oscore_server.unprotect_request(self._context, message.options, message.payload, _open)
        self.datagrams.setdefault(binding.partial_iv, set()).add(message.payload)
        if coap.option(opened.options, coap.URI_PATH) == b"l":
            self.live.append(live.decode(opened.payload))
            return
        if coap.option(opened.options, coap.URI_PATH) == b"s":
            self.sound.append(opened.payload)
            return
        if self.silent:
            return
        if coap.option(opened.options, coap.URI_PATH) == b"c":
            self._commands(message, opened, binding, address)
            return
        if coap.option(opened.options, coap.URI_PATH) == b"u":
            self._updates(message, opened, binding, address)
            return
        if self.forgetful and coap.option(opened.options, coap.ECHO) != b"fresh":
            self._answer(message, binding, address, coap.UNAUTHORIZED, ((coap.ECHO, b"fresh"),), b"")
            return
        self.forgetful = False
        signed = sign1.parse_sign1(opened.payload)
        reading = readings.decode(signed.payload)
        tbs = sign1.verify1(signed, cose.reading_aad(reading[readings.KIND], self._pairing), self._verify)  # type: ignore[arg-type]
        sequence, digest = reading[readings.SEQUENCE], cose.digest8(tbs)
        assert isinstance(sequence, int)
        known = self.digests.setdefault(sequence, set())
        if digest not in known:
            known.add(digest)
            self.got.append(reading)
        receipt = receipts.encode(sequence, digest, int(time.time() * 1000), receipts.STORED)
        self._answer(message, binding, address, coap.CHANGED, (), receipt)

    def lose_keys(self) -> None:
        """Forget the link, as a gateway does that was restarted: the device must introduce itself anew."""
        self._context = None
        self._observation = None

    def _updates(self, message: coap.Message, opened: oscore_opening.Opened, binding: oscore.Binding, address: tuple[str, int]) -> None:
        if opened.code == coap.POST:
            if binding.partial_iv not in self._reported:  # else the same datagram again
                self._reported.add(binding.partial_iv)
                self.reports.append(updates.decode(opened.payload))
            self._answer(message, binding, address, coap.CHANGED, (), b"")
            return
        name = b"".join(value for number, value in opened.options if number == coap.URI_PATH)[1:].decode()
        whole = self.offers.get(name)
        if whole is None:
            self._answer(message, binding, address, 0x84, (), b"")
            return
        block = int.from_bytes(coap.option(opened.options, coap.BLOCK2) or b"", "big")
        number, size = block >> 4, 16 << (block & 7)
        piece = self.lie(name, number, whole[number * size :][:size])
        more = (number + 1) * size < len(whole) or len(piece) > size
        told = coap.uint(number << 4 | 8 * more | block & 7)
        options = ((coap.ETAG, sha256(whole).digest()[:8]), (coap.BLOCK2, told))
        self._answer(message, binding, address, coap.CONTENT, options, piece[:size])

    def offer(self, release: bytes) -> dict[int, object]:
        """Have a release for the device; return the arguments of the order to take it."""
        begin = len(shelf.MAGIC) + 4
        _, known, at = shelf.look(release)
        self.offers = {"": release[begin:at]}
        listed, files, image = shelf.cut(known, release[at:])
        for data in (listed, *files.values(), image):
            self.offers[updates.name_of(sha256(data).digest())] = data
        return {commands.RELEASE: known[manifest.SEQUENCE], commands.MANIFEST_BYTES: len(self.offers[""])}

    def ask(self, order: dict[int, object] | None, valid_ms: int = 10_000) -> None:
        """Have something wait for the device, and tell it if it observes; None: nothing waits any more."""
        self.order = order
        self._valid_ms = valid_ms
        if self._observation is not None:
            message, binding, address, _ = self._observation
            self._notifications += 1
            assert self._context is not None
            code, options, sealed = oscore_server.protect_response(
                self._context, binding, coap.CONTENT, ((coap.OBSERVE, b""),), self._state(), _seal, self._notifications
            )
            said = coap.Message(coap.CON, coap.CONTENT, 40_000 + self._notifications, message.token, options, sealed)
            assert code == coap.CHANGED
            self._transport.sendto(coap.encode(said), address)  # type: ignore[attr-defined]

    def _commands(self, message: coap.Message, opened: oscore_opening.Opened, binding: oscore.Binding, address: tuple[str, int]) -> None:
        if opened.code == coap.POST:
            result = commands.decode_result(opened.payload)
            self.results.append(result)
            if self.order is not None and self.order[commands.NUMBER] == result[commands.NUMBER]:
                self.order = None
            self._answer(message, binding, address, coap.CHANGED, (), b"")
            return
        self.presences.append(commands.decode_presence(opened.payload))
        self._observation = message, binding, address, time.monotonic()
        self._answer(message, binding, address, coap.CONTENT, ((coap.OBSERVE, b""),), self._state())

    def _state(self) -> bytes:
        if self.order is None or self._observation is None:
            return b""
        boot, up_ms = self.presences[-1]
        now_ms = up_ms + int((time.monotonic() - self._observation[3]) * 1000)
        return commands.encode({commands.UNTIL: [boot, now_ms + self._valid_ms], **self.order})

    def forget_keys(self) -> None:
        """Be a home that was restarted: it knows its devices and has no link with them."""
        self._context = None

    def _introduce(self, message: coap.Message, address: tuple[str, int]) -> None:
        named, rest = introduction.split(message.payload)
        if named is None:
            responder = lakers.EdhocResponder(self._private, self._own_claims)
            theirs, _ = responder.process_message_1(rest)
            ours = secrets.token_bytes(3)
            self._half_open = responder, bytes(theirs), ours
            self._plain(message, address, coap.CHANGED, responder.prepare_message_2(lakers.CredentialTransfer.ByReference, ours, []))
        elif self._half_open is not None and named == self._half_open[2]:
            responder, theirs, ours = self._half_open
            self._half_open = None
            responder.parse_message_3(rest)
            responder.verify_message_3(_claims(self._link_key))
            responder.completed_without_message_4()
            secret, salt = responder.edhoc_exporter(0, b"", 16), responder.edhoc_exporter(1, b"", 8)
            self._context = oscore.derive(secret, salt, theirs, ours, _hkdf)
            self._reported.clear()
            self.datagrams.clear()  # other keys, so numbers may begin again
            self._observation = None
            self.introductions += 1
            self._plain(message, address, coap.CHANGED, b"")
        else:
            self._plain(message, address, coap.CHANGED, b"")  # message 3 again, whose answer was lost

    def _plain(self, request: coap.Message, address: tuple[str, int], code: int, payload: bytes) -> None:
        answer = coap.Message(coap.ACK, code, request.message_id, request.token, (), payload)
        self._transport.sendto(coap.encode(answer), address)  # type: ignore[attr-defined]

    def _answer(
        self,
        request: coap.Message,
        binding: oscore.Binding,
        address: tuple[str, int],
        code: int,
        options: tuple[tuple[int, bytes], ...],
        payload: bytes,
    ) -> None:
        assert self._context is not None
        outer, outer_options, sealed = oscore_server.protect_response(self._context, binding, code, options, payload, _seal)
        answer = coap.Message(coap.ACK, outer, request.message_id, request.token, outer_options, sealed)
        self._transport.sendto(coap.encode(answer), address)  # type: ignore[attr-defined]

    def _verify(self, tbs: bytes, signature: bytes) -> bool:
        halves = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        self._key.verify(utils.encode_dss_signature(*halves), tbs, ec.ECDSA(hashes.SHA256()))
        return True


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    return AESCCM(key, 8).encrypt(nonce, plaintext, aad)


def _open(key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    return AESCCM(key, 8).decrypt(nonce, sealed, aad)


def _claims(link_key: bytes) -> bytes:
    key = {1: 2, 2: sha256(link_key).digest()[:4], -1: 1, -2: link_key[1:33], -3: link_key[33:]}
    return cbor2.dumps({2: "", 8: {1: key}}, canonical=True)
