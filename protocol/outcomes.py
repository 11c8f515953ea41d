"""What a home tells the account store of a release: that a device of this kind keeps it, or why one did not, so that a roll-out can halt.

On the wire `{0: 8, 1: class, 2: sequence, 3: fault}`, beside the messages of linking and of steering; fault 0: kept. It names no device, no
person and no home: whose word it is, the broker's connection says. It may be said again as often as a home likes and counts once; a failure
stands whatever is said afterwards. For computers only.
"""

from typing import NamedTuple

from protocol import cbor, errors, fields, manifest, updates
from protocol.errors import ProtocolError
from protocol.shelf import KINDS

OUTCOME = 8  # beside the kinds of linking.py and steering.py
MAX_BYTES = 48
_KIND, _CLASS, _SEQUENCE, _FAULT = 0, 1, 2, 3
_RULES = {
    _KIND: (int, OUTCOME, OUTCOME, True),
    _CLASS: (bytes, 16, 16, True),
    _SEQUENCE: (int, 1, updates.MAX_SEQUENCE, True),
    _FAULT: (int, 0, 65535, True),
}


class Outcome(NamedTuple):
    """How a release fared on this kind of device in one home; fault: why it did not stay, 0: it is kept."""

    kind: str
    sequence: int
    fault: int


def encode(said: Outcome) -> bytes:
    """Return the bytes of a home's word."""
    return cbor.encode({_KIND: OUTCOME, _CLASS: manifest.class_id(said.kind), _SEQUENCE: said.sequence, _FAULT: said.fault})


def decode(data: bytes) -> Outcome | None:
    """Return the Outcome in bytes from the broker, or None: it is none."""
    if len(data) > MAX_BYTES:
        return None
    try:
        said = fields.check(cbor.decode(data), _RULES, errors.BadUpdateReport, None)
    except ProtocolError:
        return None
    sequence, fault = said[_SEQUENCE], said[_FAULT]
    assert isinstance(sequence, int)  # noqa: S101  # as checked
    assert isinstance(fault, int)  # noqa: S101  # likewise
    return next((Outcome(kind, sequence, fault) for kind in KINDS if manifest.class_id(kind) == said[_CLASS]), None)
