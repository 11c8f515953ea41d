"""A pairing's edges: the OSCORE link under the label's secret, the newcomer on disk before it is told so, the clock, who may try again.

The deciding is `gateway/pairing.py`'s. There is at most one pairing; another typed label takes its place. After five labels that no device
answered to, two minutes must pass.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from structlog.typing import FilteringBoundLogger

from gateway import pairing
from gateway.devices import Device
from gateway.edges.contexts import LinkContext
from gateway.edges.enrolments import Enrolments
from gateway.edges.link_key import public_bytes
from gateway.edges.log import utc_ms
from gateway.errors import NotNow
from protocol import faults, labels
from protocol.errors import ProtocolError
from protocol.pairing import MOST_TRIES, WINDOW_MS


class PairingContext(LinkContext):
    """The protected link of one exchange."""

    def __init__(self, run: pairing.Run) -> None:
        super().__init__(run.device_id, run.gateway_id, run.secret, run.salt)
        self.run = run


class Pairings:
    """taken(id): whether a device's link goes by that id; changed(): something moved, for whoever watches the page."""

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        enrolments: Enrolments,
        taken: Callable[[bytes], bool],
        changed: Callable[[], None],
        log: FilteringBoundLogger,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pairing: pairing.Pairing | None = None
        self._home_key = public_bytes(key)
        self._enrolments = enrolments
        self._taken = taken
        self._changed = changed
        self._log = log
        self._clock_s = clock_s
        self._memory = pairing.Memory()
        self._contexts: dict[bytes, PairingContext] = {}
        self._wrong_s: list[float] = []

    # --- the person's side

    def begin(self, typed: str, name: str, network: tuple[str, str] | None = None) -> None:
        """Begin a pairing with the device whose label was typed. Raises BadLabelText; NotNow: five came to nothing just now.

        network: name and password of the Wi-Fi that the device is to be told.
        """
        label = labels.secret_of(typed)
        now_s = self._clock_s()
        self._end()
        self._wrong_s = [each for each in self._wrong_s if now_s - each < WINDOW_MS / 1000]
        if len(self._wrong_s) >= MOST_TRIES:
            raise NotNow
        self._contexts.clear()
        self.pairing = pairing.Pairing(label, name, self._home_key, now_s, secrets.token_bytes, self._taken, self._memory, network)
        self._log.info("pairing.began")
        self._changed()

    def say(self, alike: bool) -> None:
        """Take the person's word about the digits."""
        if self.pairing:
            self.pairing.say(alike)
            self._moved()

    def dismiss(self) -> None:
        """Put the pairing away."""
        if self.pairing:
            self.pairing.say(False)
        self._end()
        self.pairing = None
        self._changed()

    def look(self) -> pairing.Pairing | None:
        """Return the pairing as it is now, or None."""
        if self.pairing:
            self.pairing.look(self._clock_s())
        return self.pairing

    # --- the device's side

    def hello(self, payload: bytes) -> bytes | None:
        """Return the answer to a hello, or None: it gets none."""
        if not self.pairing:
            return None
        before = self.pairing.state, self.pairing.fault
        run = self.pairing.hello(payload, self._clock_s())
        if before != (self.pairing.state, self.pairing.fault):
            self._moved()
        if run is None:
            return None
        if run.device_id not in self._contexts:
            self._contexts[run.device_id] = PairingContext(run)
        return run.answer

    def find(self, device_id: bytes) -> PairingContext | None:
        """Return the link of an exchange by the id a device sends in clear."""
        context = self._contexts.get(device_id)
        return None if context is None or context.exhausted else context

    def forged(self) -> None:
        """A message under an exchange's id did not open, or came again."""
        if self.pairing:
            self.pairing.failed_try(faults.PAIRING_REPLAYED)
            self._moved()

    async def answer(self, context: PairingContext, payload: bytes, enciphered: bool) -> bytes | None:
        """Return the answer to an opened message, or None: it is none of the exchange's. enciphered: as in `Pairing.take`."""
        current = self.pairing
        if current is None:
            return None
        before = current.state
        try:
            answer, must_be_kept = current.take(context.run, payload, self._clock_s(), enciphered)
        except ProtocolError:
            self._moved()
            return None
        newcomer = context.run.newcomer
        if must_be_kept and newcomer is not None:
            await self._enrolments.stage(self._record(newcomer, current.name))
            current.happened(pairing.ON_DISK)
        if before != current.state:
            self._moved()
        return answer

    def introduced(self, device: Device) -> None:
        """A device has proved itself on a link of its own: if it was only taken so far, it belongs here from now on."""
        if self._enrolments.promote(device.kid):
            self._log.info("pairing.completed", kid=device.kid.hex())
            if self.pairing:
                self.pairing.introduced(device.public_key)
            self._changed()

    def _record(self, newcomer: pairing.Newcomer, name: str) -> dict[str, str | int]:
        """Return the enrolment; its time is later than any other's of the same device, whatever the clock says."""
        others = [each.paired_ms for each in self._enrolments.all_of(newcomer.serial) if each.kid != newcomer.kid]
        known = next((each.name for each in self._enrolments.all_of(newcomer.serial)), "")
        return {
            "serial": newcomer.serial,
            "kind": newcomer.kind,
            "name": name or known or newcomer.serial,
            "kid": newcomer.kid.hex(),
            "public_key": newcomer.signing_key.hex(),
            "pairing": newcomer.pairing.hex(),
            "link_key": newcomer.link_key.hex(),
            "paired_ms": max([utc_ms(), *(each + 1 for each in others)]),
        }

    def _end(self) -> None:
        """Count a label that came to nothing."""
        if (self.pairing and self.pairing.state == pairing.FAILED) or (self.pairing and self.pairing.fault == faults.PAIRING_WRONG_CODE):
            self._wrong_s.append(self._clock_s())

    def _moved(self) -> None:
        assert self.pairing is not None  # noqa: S101  # only called while there is one
        facts: dict[str, Any] = {"fault": self.pairing.fault} if self.pairing.fault else {}
        self._log.info("pairing.moved", state=self.pairing.state, **facts)
        self._changed()
