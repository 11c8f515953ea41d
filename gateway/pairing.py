"""How a device gets a home here (threats T20): the label that a person typed, the device that knows it, six digits, two confirmations.

Pure: bytes and times in, bytes out. One pairing at a time; it is over after two minutes, or after five tries that failed. Nothing is in
force before the device has the home's key on its flash, which only its first introduction (EDHOC) proves: until then the home holds what
it was told apart, on disk, and says so. `protocol/pairing.py` has the exchange, `edges/pairings.py` the link, the disk and the clock.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.errors import IllegalEvent
from protocol import cbor, faults, pairing
from protocol.errors import BadPairing, ProtocolError

LISTENING = "listening"  # no device has said a hello that fits
MET = "met"  # one has
COMPARING = "comparing"  # both ends show six digits
ALIKE = "alike"  # somebody here said that they are the same
TAKEN = "taken"  # on disk, and the device was told
PAIRED = "paired"  # the device has introduced itself with what it was told
FAILED = "failed"

HELLO = "hello"
SHOWN = "shown"
SAID_ALIKE = "said_alike"
ON_DISK = "on_disk"
INTRODUCED = "introduced"
REFUSED = "refused"

TRANSITIONS = {
    LISTENING: {HELLO: MET, REFUSED: FAILED},
    # a device that lost its power says hello anew, and is compared anew
    MET: {HELLO: MET, SHOWN: COMPARING, REFUSED: FAILED},
    COMPARING: {HELLO: MET, SHOWN: COMPARING, SAID_ALIKE: ALIKE, REFUSED: FAILED},
    ALIKE: {HELLO: MET, SHOWN: COMPARING, SAID_ALIKE: ALIKE, ON_DISK: TAKEN, REFUSED: FAILED},
    TAKEN: {HELLO: MET, ON_DISK: TAKEN, INTRODUCED: PAIRED, SAID_ALIKE: TAKEN},
    PAIRED: {INTRODUCED: PAIRED, ON_DISK: PAIRED},
    FAILED: {REFUSED: FAILED},
}
OVER = (PAIRED, FAILED)

_WINDOW_S = pairing.WINDOW_MS / 1000
_MOST_RUNS = 4
_NONCES_KEPT = 64


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who a device says it is, with proof: keys of 65 bytes, the pairing that its readings will be signed for."""

    serial: str
    kind: str
    signing_key: bytes
    link_key: bytes
    pairing: bytes

    @property
    def kid(self) -> bytes:
        """The name of its signing key."""
        return sha256(self.signing_key).digest()[:4]


@dataclass(slots=True)
class Run:
    """One exchange, from its hello on. secret, salt, device_id, gateway_id: of its OSCORE context."""

    nonce: bytes
    answer: bytes
    secret: bytes
    salt: bytes
    device_id: bytes
    gateway_id: bytes
    home: dict[int, Any]
    closed: bytes | None = None
    newcomer: Newcomer | None = None
    code: str = ""


@dataclass(slots=True)
class Memory:
    """What outlives one pairing: hellos whose exchange was used, so that a recording is known as one."""

    spent: list[bytes] = field(default_factory=list)


class Pairing:
    """One typed label. random(n): n random bytes; taken(id): whether a link already goes by that id; network: name and password of the
    home's Wi-Fi, for a device that has none or another, told with the last word over an enciphered radio and forgotten when it is over.
    """

    def __init__(
        self,
        label: bytes,
        name: str,
        home_key: bytes,
        now_s: float,
        random: Callable[[int], bytes],
        taken: Callable[[bytes], bool],
        memory: Memory,
        network: tuple[str, str] | None = None,
    ) -> None:
        self.state = LISTENING
        self.fault = 0  # why it failed, or what is odd so far
        self.name = name
        self.current: Run | None = None
        self._label = label
        self._home_key = home_key
        self._until_s = now_s + _WINDOW_S
        self._random = random
        self._taken = taken
        self._memory = memory
        self._network = network
        self._runs: dict[bytes, Run] = {}
        self._tries = 0

    def happened(self, event: str) -> None:
        """Move on. Raises IllegalEvent."""
        if event not in TRANSITIONS[self.state]:
            raise IllegalEvent(self.state, event)
        self.state = TRANSITIONS[self.state][event]

    def look(self, now_s: float) -> None:
        """Notice that the time is over."""
        if now_s > self._until_s and self.state not in (*OVER, TAKEN):
            self._fail(self.fault or faults.PAIRING_TOO_LATE)

    def hello(self, payload: bytes, now_s: float) -> Run | None:
        """Return the run that a hello begins or goes on with, or None: it is not answered."""
        self.look(now_s)
        try:
            said: Any = pairing.decode(payload, pairing.HELLO)
        except ProtocolError:
            return None
        if self.state in OVER:
            return None
        nonce = said[pairing.NONCE]
        if not hmac.compare_digest(said[pairing.TAG], pairing.hello_tag(self._label, nonce, _hmac)):
            # Somebody else's device, or this one and the label is mistyped: the person learns it and types again.
            if self.state == LISTENING:
                self.fault = faults.PAIRING_WRONG_CODE
            return None
        if nonce in self._memory.spent:
            self.failed_try(faults.PAIRING_REPLAYED)
            return None
        for run in self._runs.values():
            if run.nonce == nonce:
                return run if run.closed is None else None  # the answer was lost; once it was used, only a recording asks again
        return self._begin(nonce, now_s)

    def find(self, device_id: bytes) -> Run | None:
        """Return the run whose link goes by this id."""
        return self._runs.get(device_id)

    def failed_try(self, fault: int) -> None:
        """Note that something did not prove to be what it should be; the fifth ends the pairing."""
        self._tries += 1
        if self.state in (*OVER, TAKEN):
            return
        self.fault = fault
        if self._tries >= pairing.MOST_TRIES:
            self._fail(faults.PAIRING_TOO_MANY)

    def take(self, run: Run, payload: bytes, now_s: float, enciphered: bool = False) -> tuple[bytes, bool]:
        """Return the answer to a protected message, and whether the newcomer must be on disk before it is given.

        enciphered: whether the radio enciphers what is said, with keys that the label does not open when somebody reads it later.
        Raises ProtocolError: it is none of the exchange's messages, or not its turn; that was a try.
        """
        self.look(now_s)
        try:
            return self._take(run, payload, enciphered)
        except ProtocolError:
            self.failed_try(faults.PAIRING_REPLAYED)
            raise

    def say(self, alike: bool) -> None:
        """Take the person's word about the digits."""
        if alike:
            if self.state in (COMPARING, ALIKE):
                self.happened(SAID_ALIKE)
        elif self.state not in (*OVER, TAKEN):
            self._fail(faults.PAIRING_NOT_THE_SAME)

    def introduced(self, signing_key: bytes) -> None:
        """The device that was taken has introduced itself."""
        if self.state == TAKEN and self.current and self.current.newcomer and self.current.newcomer.signing_key == signing_key:
            self.happened(INTRODUCED)
            self._network = None

    def _begin(self, nonce: bytes, now_s: float) -> Run:
        while True:
            home_nonce = self._random(pairing.NONCE_BYTES)
            device_id, gateway_id = pairing.names(nonce, home_nonce)
            if not self._taken(device_id) and device_id not in self._runs:
                break
        tag = pairing.answer_tag(self._label, nonce, home_nonce, _hmac)
        home = {pairing.NONCE: self._random(pairing.NONCE_BYTES), pairing.HOME_KEY: self._home_key, pairing.PAIRING: self._random(8)}
        answer = pairing.encode({pairing.NONCE: home_nonce, pairing.TAG: tag}, pairing.ANSWER)
        run = Run(nonce, answer, self._label, nonce + home_nonce, device_id, gateway_id, home)
        while len(self._runs) >= _MOST_RUNS:
            del self._runs[next(iter(self._runs))]
        self._runs[device_id] = run
        if self.state == LISTENING:
            self.happened(HELLO)
            self.fault = 0
            self._until_s = max(self._until_s, now_s + _WINDOW_S)  # the device's own window is not older
        return run

    def _take(self, run: Run, payload: bytes, enciphered: bool) -> tuple[bytes, bool]:
        if self.state == FAILED:
            return _state(pairing.NO, self.fault), False
        rules = _rules_of(payload)
        said: Any = pairing.decode(payload, rules)
        if rules is pairing.OPEN:
            if run.closed is not None and run.closed != said[pairing.DIGEST]:
                raise _out_of_turn(pairing.DIGEST)
            run.closed = said[pairing.DIGEST]
            self._memory.spent = [*self._memory.spent, run.nonce][-_NONCES_KEPT:]
            return pairing.encode(run.home, pairing.HOME), False
        if rules is pairing.REFUSAL:
            self._fail(faults.PAIRING_HAS_HOME)
            return _state(pairing.NO, self.fault), False
        if rules is pairing.DEVICE:
            self._meet(run, said)
            return _state(pairing.WAIT), False
        return self._asked(run, bool(said[pairing.PRESSED]), self._network if enciphered else None)

    def _meet(self, run: Run, said: dict[int, Any]) -> None:
        """Take who the device says it is. Raises BadPairing: not what it closed before, or not proved."""
        public = said[pairing.SIGNING_KEY], said[pairing.LINK_KEY], said[pairing.SERIAL], said[pairing.DEVICE_KIND]
        if run.closed is None or pairing.digest(said[pairing.NONCE], *public) != run.closed:
            raise _out_of_turn(pairing.DIGEST)
        if public[0] == public[1] or not said[pairing.SERIAL].isascii() or not said[pairing.SERIAL].isprintable():
            raise _out_of_turn(pairing.SERIAL)
        transcribed = pairing.transcript(run.home, said)
        if not _proves(public, pairing.to_sign(transcribed, said[pairing.PAIRING]), said[pairing.PROOF]):
            raise _out_of_turn(pairing.PROOF)
        run.newcomer = Newcomer(public[2], pairing.KINDS[public[3]], public[0], public[1], said[pairing.PAIRING])
        run.code = pairing.short_code(transcribed)
        if self.state in OVER:
            raise _out_of_turn(pairing.DIGEST)
        if run is not self.current:
            if self.state not in (MET, COMPARING, ALIKE):
                self.happened(HELLO)
            self.current = run
            self.happened(SHOWN)

    def _asked(self, run: Run, pressed: bool, network: tuple[str, str] | None) -> tuple[bytes, bool]:
        if run is not self.current:
            return _state(pairing.WAIT), False
        if self.state in (TAKEN, PAIRED):
            return _state(pairing.TAKE, network=network), False
        if self.state == ALIKE and pressed:
            return _state(pairing.TAKE, network=network), True
        return _state(pairing.WAIT), False

    def _fail(self, fault: int) -> None:
        self.fault = fault
        self._network = None
        if REFUSED in TRANSITIONS[self.state]:
            self.happened(REFUSED)


def _rules_of(payload: bytes) -> dict[int, Any]:
    """Return which of the device's messages this is, by a key that only it has; anything else is held to be DEVICE, and refused as that."""
    said = cbor.decode(payload[: pairing.MAX_MESSAGE_BYTES + 1])
    keys = said.keys() if isinstance(said, dict) else ()
    for key, rules in ((pairing.DIGEST, pairing.OPEN), (pairing.PRESSED, pairing.ASK), (pairing.FAULT_CODE, pairing.REFUSAL)):
        if key in keys:
            return rules
    return pairing.DEVICE


def _state(decision: int, fault: int = 0, network: tuple[str, str] | None = None) -> bytes:
    said: dict[int, object] = {pairing.DECISION: decision}
    if network:
        said[pairing.SSID], said[pairing.PASSWORD] = network
    if fault:
        said[pairing.FAULT_CODE] = fault
    return pairing.encode(said, pairing.STATE)


def _proves(public: tuple[bytes, bytes, str, int], signed: bytes, proof: bytes) -> bool:
    """Whether both keys are points and the first one signed."""
    try:
        key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public[0])
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public[1])
        halves = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big")
        key.verify(encode_dss_signature(*halves), signed, ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def _out_of_turn(part: int) -> ProtocolError:
    return BadPairing(part, None)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
