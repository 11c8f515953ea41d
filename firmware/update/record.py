"""How the newest update stands, in one small file: what the home was last told, or is still to be told."""

import os
from collections import namedtuple

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/state/update.cbor"

# as in `protocol/updates.py`; fault 0 for none; told: the home knows
Record = namedtuple("Record", ("sequence", "state", "fault", "told"))


def load(path: str = PATH) -> Record | None:
    """Return how the newest update stands, or None when there was none or nobody can tell."""
    try:
        fields = cbor.decode(replacing.read(path) or b"")
    except ProtocolError:
        return None
    return Record(*fields) if isinstance(fields, list) and len(fields) == 4 else None


def save(record: Record, path: str = PATH) -> None:
    """Write it down. Raises OSError: the flash refuses."""
    replacing.replace(path, cbor.encode(list(record)))


def forget(path: str = PATH) -> None:
    """The home knows how it ended."""
    try:
        os.remove(path)
    except OSError:
        pass  # there was none
