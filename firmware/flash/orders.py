"""The last command that was begun, and how it went: written before it begins and again when it is over, so that none is done twice."""

from collections import namedtuple

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/state/order.cbor"

# number and kind of the command; outcome and fault as a result of `protocol/commands.py` tells them, fault 0 for none
Order = namedtuple("Order", ("number", "kind", "outcome", "fault"))


def load(path: str = PATH) -> "Order | None":
    """Return the last command, or None when there was none. Raises ProtocolError: something is written there, and nobody can tell what."""
    data = replacing.read(path)
    if data is None:
        return None
    fields = cbor.decode(data)
    if not isinstance(fields, list) or len(fields) != 4:
        raise ProtocolError(fields)
    return Order(*fields)


def save(order: Order, path: str = PATH) -> None:
    """Write a command down. Raises OSError: the flash refuses; what was written before is whole."""
    replacing.replace(path, cbor.encode(list(order)))
