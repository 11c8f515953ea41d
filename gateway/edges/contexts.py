"""RFC 8613 (OSCORE) security contexts of enrolled devices, for aiocoap: keys from EDHOC, in memory and nowhere else.

That keeps every nonce single, whatever happens to the gateway: killed, restored from a backup or copied, it has no keys, so the device
introduces itself anew and both begin at number 0 of fresh ones (threats T17). A new introduction takes the old context's place only when
the device has used it once: until then it may have been somebody's recording of half of one.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import aiocoap
import cbor2
from aiocoap import oscore
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from gateway.devices import Device
from gateway.edges.introductions import Agreed, Introductions

# A tag has 64 bits: this many failed ones end the context (threats T21).
_MOST_FAILURES = 2**20
_WINDOW = 32
_ECHO_BYTES = 8
_NONCE_BYTES = 13


class LinkContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):  # type: ignore[misc]  # untyped
    """A protected link whose keys are new and die with it."""

    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = oscore.hashfunctions["sha256"]
    id_context = None
    is_signing = False
    responses_send_kid = False

    echo_recovery = None

    def __init__(self, device_id: bytes, gateway_id: bytes, master_secret: bytes, master_salt: bytes) -> None:
        self.sender_id = gateway_id
        self.recipient_id = device_id
        self.derive_keys(master_salt, master_secret)
        self.recipient_replay_window = oscore.ReplayWindow(_WINDOW, lambda: None)
        self.recipient_replay_window.initialize_empty()
        self.sender_sequence_number = 0
        self._failures = 0

    def post_seqnoincrease(self) -> None:
        """Do nothing: the number dies with the key."""

    # What aiocoap does in these three for every message takes it three times as long, with the same bytes in the end.

    def protect(self, message: Any, request_id: Any) -> tuple[Any, Any]:
        """Return a response protected (RFC 8613 section 8.3): the first with its request's nonce, any other with a number of its own."""
        whose, partial_iv = request_id.get_reusable_kid_and_piv()
        option = b""
        if whose is None:
            whose, partial_iv = self.sender_id, self.new_sequence_number().to_bytes(5, "big").lstrip(b"\0") or b"\0"
            option = bytes((len(partial_iv),)) + partial_iv
        plaintext = bytes((message.code,)) + message.opt.encode()
        if message.payload:
            plaintext += b"\xff" + message.payload
        bound = cbor2.dumps(["Encrypt0", b"", self._extract_external_aad(message, request_id, local_is_sender=True)])
        sealed = self.alg_aead.encrypt(plaintext, bound, self.sender_key, self._construct_nonce(partial_iv, whose, self.alg_aead))
        outer = aiocoap.Message(code=request_id.code_style.response, payload=sealed, oscore=option)
        outer.transport_tuning = message.transport_tuning
        return outer, request_id

    def _extract_external_aad(self, _message: Any, request_id: Any, local_is_sender: bool) -> bytes:  # noqa: ARG002
        """Return what a request and its response are bound to (section 5.4): version, algorithm, and which request it is."""
        return cbor2.dumps([1, [self.alg_aead.value], request_id.kid, request_id.partial_iv, b""])

    def _construct_nonce(self, partial_iv: bytes, generated_by: bytes, _: Any) -> bytes:
        """Return a nonce (section 5.2)."""
        parts = bytes((len(generated_by),)) + generated_by.rjust(_NONCE_BYTES - 6, b"\0") + partial_iv.rjust(5, b"\0")
        return (int.from_bytes(parts, "big") ^ int.from_bytes(self.common_iv, "big")).to_bytes(_NONCE_BYTES, "big")

    def fail(self) -> None:
        """Count a message whose tag did not fit."""
        self._failures += 1

    @property
    def exhausted(self) -> bool:
        """Whether so many tags have failed that a forged one becomes likely."""
        return self._failures >= _MOST_FAILURES


class DeviceContext(LinkContext):
    """The protected link of one device."""

    def __init__(self, agreed: Agreed) -> None:
        super().__init__(agreed.device_id, agreed.gateway_id, agreed.master_secret, agreed.master_salt)
        self.device = agreed.device
        self.confirmed = False
        self._host = agreed.host
        self._echo_key = secrets.token_bytes(16)

    def is_at(self, host: str, echo: bytes | None) -> bool:
        """Return whether the device has proved to be at an address; echo: what its request brought back of `echo_for`."""
        if echo is not None and hmac.compare_digest(echo, self.echo_for(host)):
            self._host = host
        return host == self._host

    def echo_for(self, host: str) -> bytes:
        """Return what the device proves itself with at an address (RFC 9175 section 2.3): it travels sealed, and only to there."""
        return hmac.digest(self._echo_key, host.encode(), "sha256")[:_ECHO_BYTES]


class Contexts:
    """The contexts of enrolled devices, found by the id a device sends in clear; at most two for each device."""

    def __init__(self, key: EllipticCurvePrivateKey, came: Callable[[Device], None] = lambda _: None) -> None:
        """key: the gateway's own for links; came: called when a device first uses a new link."""
        self._came = came
        self._by_id: dict[bytes, DeviceContext] = {}
        self.introductions = Introductions(key, self.agreed, lambda device_id: device_id in self._by_id)

    def find(self, device_id: bytes) -> DeviceContext | None:
        """Return the context of a device id, unless there is none or it is worn out."""
        context = self._by_id.get(device_id)
        return None if context is None or context.exhausted else context

    def holds(self, context: DeviceContext) -> bool:
        """Return whether a context is still one of a device's."""
        return self._by_id.get(context.recipient_id) is context

    def agreed(self, agreed: Agreed) -> None:
        """Take a completed introduction; another that waits for its first message gives way."""
        for known in self._of(agreed.device):
            if not known.confirmed:
                del self._by_id[known.recipient_id]
        self._by_id[agreed.device_id] = DeviceContext(agreed)

    def confirm(self, context: DeviceContext) -> None:
        """The device has used this context: what it had before is over."""
        if not context.confirmed:
            context.confirmed = True
            self._came(context.device)
            for known in self._of(context.device):
                if known is not context:
                    del self._by_id[known.recipient_id]

    def enrol(self, devices: Iterable[Device]) -> None:
        """Take the enrolled devices as they are now; the context of an unchanged device goes on."""
        now = list(devices)
        self._by_id = {device_id: context for device_id, context in self._by_id.items() if context.device in now}
        self.introductions.enrol(now)

    def _of(self, device: Device) -> list[DeviceContext]:
        return [context for context in self._by_id.values() if context.device.kid == device.kid]
