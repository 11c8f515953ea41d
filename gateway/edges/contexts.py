"""RFC 8613 (OSCORE) security contexts of enrolled devices, for aiocoap: keys from the enrolment, numbers from the database.

Two rules keep every nonce single. Our own sender numbers are reserved in the database in blocks before they are used (appendix B.1.1).
The replay window is in memory only: after a start it is unknown, and the device must repeat its first request with the Echo value we
sent it (appendix B.1.2, RFC 9175), so nothing recorded before the start can be played again.
"""

import secrets
from collections.abc import Callable, Iterable

from aiocoap import oscore

from gateway.devices import Device
from gateway.edges.households import RESERVED

# A tag has 64 bits: this many failed ones end the context (threats T21).
_MOST_FAILURES = 2**20
_WINDOW = 32

Reserve = Callable[[bytes], int]


class DeviceContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):  # type: ignore[misc]  # untyped
    """The protected link of one device."""

    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = oscore.hashfunctions["sha256"]
    id_context = None
    is_signing = False
    responses_send_kid = False

    def __init__(self, device: Device, reserve: Reserve) -> None:
        self.device = device
        self.sender_id = device.gateway_id
        self.recipient_id = device.device_id
        self.derive_keys(device.master_salt, device.master_secret)
        self.echo_recovery = secrets.token_bytes(8)
        self.recipient_replay_window = oscore.ReplayWindow(_WINDOW, lambda: None)
        self.sender_sequence_number = 0
        self._reserve = reserve
        self._reserved_to = 0
        self._failures = 0

    def new_sequence_number(self) -> int:
        """Return a sender number that was never used, reserving the next block when the last is spent."""
        if self.sender_sequence_number >= self._reserved_to:
            self.sender_sequence_number = self._reserve(self.device.kid)
            self._reserved_to = self.sender_sequence_number + RESERVED
        return super().new_sequence_number()  # type: ignore[no-any-return]

    def post_seqnoincrease(self) -> None:
        """Do nothing: the number was reserved before it was taken."""

    def fail(self) -> None:
        """Count a message whose tag did not fit."""
        self._failures += 1

    @property
    def exhausted(self) -> bool:
        """Whether so many tags have failed that a forged one becomes likely."""
        return self._failures >= _MOST_FAILURES


class Contexts:
    """The contexts of all enrolled devices, found by the id a device sends in clear."""

    def __init__(self, reserve: Reserve) -> None:
        self._reserve = reserve
        self._by_id: dict[bytes, DeviceContext] = {}

    def find(self, device_id: bytes) -> DeviceContext | None:
        """Return the context of a device id, unless there is none or it is worn out."""
        context = self._by_id.get(device_id)
        return None if context is None or context.exhausted else context

    def enrol(self, devices: Iterable[Device]) -> None:
        """Take the enrolled devices as they are now; the context of an unchanged device goes on."""
        now: dict[bytes, DeviceContext] = {}
        for device in devices:
            known = self._by_id.get(device.device_id)
            now[device.device_id] = known if known is not None and known.device == device else DeviceContext(device, self._reserve)
        self._by_id = now
