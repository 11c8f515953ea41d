"""A home for one device, as small as can be: it opens, verifies and receipts what comes over UDP, and can be silent or forgetful.

The server's side of `protocol/oscore.py` with OpenSSL's ciphers; no gateway code, so a slip in either shows.
"""

import asyncio
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol import coap, cose, oscore, readings, receipts


class Home(asyncio.DatagramProtocol):
    """`got`: readings as they came; `live`: the live values; `digests`: by sequence, every digest ever seen with it."""

    def __init__(self, enrolment: dict[str, str]) -> None:
        field = {name: bytes.fromhex(enrolment[name]) for name in ("master_secret", "master_salt", "gateway_id", "device_id", "pairing")}
        self._context = oscore.derive(field["master_secret"], field["master_salt"], field["gateway_id"], field["device_id"], _hkdf)
        self._pairing = field["pairing"]
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(enrolment["public_key"]))
        self.silent = False
        self.strange = False  # this home was replaced by another, which has no keys of the device: RFC 8613 section 8.2
        self.forgetful = False  # the replay window was lost: a request must bring back an Echo once
        self.got: list[dict[int, object]] = []
        self.live: list[dict[int, object]] = []
        self.digests: dict[int, set[bytes]] = {}
        self.datagrams: dict[bytes, set[bytes]] = {}  # by partial IV: what was sealed with it
        self.address = ("127.0.0.1", 0)

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
            refusal = coap.Message(coap.ACK, coap.UNAUTHORIZED, message.message_id, message.token, (), b"Security context not found")
            self._transport.sendto(coap.encode(refusal), address)  # type: ignore[attr-defined]
            return
        opened, binding, _ = oscore.unprotect_request(self._context, message.options, message.payload, _open)
        self.datagrams.setdefault(binding.partial_iv, set()).add(message.payload)
        if coap.option(opened.options, coap.URI_PATH) == b"l":
            self.live.append(readings.decode_live(opened.payload))
            return
        if self.silent:
            return
        if self.forgetful and coap.option(opened.options, coap.ECHO) != b"fresh":
            self._answer(message, binding, address, coap.UNAUTHORIZED, ((coap.ECHO, b"fresh"),), b"")
            return
        self.forgetful = False
        signed = cose.parse_sign1(opened.payload)
        reading = readings.decode(signed.payload)
        tbs = cose.verify1(signed, cose.reading_aad(reading[readings.KIND], self._pairing), self._verify)  # type: ignore[arg-type]
        sequence, digest = reading[readings.SEQUENCE], cose.digest8(tbs)
        assert isinstance(sequence, int)
        known = self.digests.setdefault(sequence, set())
        if digest not in known:
            known.add(digest)
            self.got.append(reading)
        receipt = receipts.encode(sequence, digest, int(time.time() * 1000), receipts.STORED)
        self._answer(message, binding, address, coap.CHANGED, (), receipt)

    def _answer(
        self,
        request: coap.Message,
        binding: oscore.Binding,
        address: tuple[str, int],
        code: int,
        options: tuple[tuple[int, bytes], ...],
        payload: bytes,
    ) -> None:
        outer, outer_options, sealed = oscore.protect_response(self._context, binding, code, options, payload, _seal)
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
