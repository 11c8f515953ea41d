"""What can go wrong at the gateway, one small tree: it cannot start, it refuses what it was sent, it has no room.

Each error carries facts as attributes, for the log; the sentence is for the person at the console. A refusal also carries `reason`,
the name under which it is counted. What a device is told about a refusal stands in `edges/coap.py`.
"""

from pathlib import Path
from typing import Self

from protocol.errors import ProtocolError


class GatewayError(Exception):
    """Anything the gateway says no to."""


class CannotStart(GatewayError):
    """The gateway ends before it served anybody; the message is one sentence with the next step."""

    exit_status = 1


class BadConfiguration(CannotStart):
    """A setting is missing, unknown or out of range."""

    exit_status = 2

    def __init__(self, setting: str, sentence: str) -> None:
        super().__init__(sentence)
        self.setting = setting


class PortTaken(CannotStart):
    """Another program has the port."""

    def __init__(self, setting: str, bind: str, port: int, cause: str) -> None:
        super().__init__(f"Port {port} on {bind} cannot be used ({cause}): stop the program that has it, or change {setting}.")
        self.setting = setting
        self.port = port


class FileUnusable(CannotStart):
    """A certificate, key, folder or database that is needed cannot be read or written."""

    def __init__(self, path: Path, cause: str, step: str) -> None:
        super().__init__(f"{path} cannot be used ({cause}): {step}.")
        self.path = path


class Damaged(FileUnusable):
    """The database contradicts itself, or is none."""


class NoRoom(GatewayError):
    """The disk or the database is full, so nothing new is kept; what was kept before is safe."""

    reason = "no_room"


class Refused(GatewayError):
    """Something sent by a device is not accepted, and changed nothing. `rule` is the wire's rule that it breaks, where one is known."""

    reason = "refused"
    rule: ProtocolError | None = None

    def because(self, rule: ProtocolError | None) -> Self:
        """Return this refusal with the rule that was broken."""
        self.rule = rule
        return self


class NotCBOR(Refused):
    """The bytes are not deterministic CBOR."""

    reason = "not_cbor"


class NotSigned(Refused):
    """Not a COSE_Sign1 as a device makes it."""

    reason = "not_signed"


class WrongAlgorithm(Refused):
    """Signed with an algorithm that is not the key's."""

    reason = "wrong_algorithm"

    def __init__(self, algorithm: int) -> None:
        super().__init__(f"algorithm {algorithm}")
        self.algorithm = algorithm


class NotAuthentic(Refused):
    """An unknown key or a signature that does not fit: from outside one and the same."""

    reason = "not_authentic"


class UnknownKey(NotAuthentic):
    """Signed under a key id that is not this device's."""

    reason = "unknown_key"


class BadReading(Refused):
    """Authentic, but a field is missing, unknown or out of range."""

    reason = "bad_reading"


class SequenceTooLarge(Refused):
    """A reading's number at or above 2^40."""

    reason = "sequence_too_large"


class SequenceJump(Refused):
    """A reading's number far beyond the last, without the restarts that would explain it."""

    reason = "sequence_jump"

    def __init__(self, last: int, got: int) -> None:
        super().__init__(f"from {last} to {got}")
        self.last = last
        self.got = got


class SequenceConflict(Refused):
    """The number of a reading that is kept, with other bytes: somebody has this device's key, or its memory was set back."""

    reason = "sequence_conflict"


class BadLive(Refused):
    """A live value that is none."""

    reason = "bad_live"


class BadEnrolment(GatewayError):
    """A file in the enrolments folder that is not a device's record."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause


class BadReceipt(GatewayError):
    """Bytes from the broker that are no receipt of the ingester."""


class LinkRefused(GatewayError):
    """A linking code or answer that is not accepted; `sentence` names the text shown to the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotNow(GatewayError):
    """Too many tries in a short time; nothing was begun."""


class IllegalEvent(GatewayError):
    """An event without a row in a table of states."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"{event} in {state}")
        self.state = state
        self.event = event
