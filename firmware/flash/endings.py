"""How the last life ended, when it ended badly: fault code, kind and place of the exception, and how often in a row.

Written once at such an end and kept until the home has been told; a device that lives well never writes here.
"""

import os
from collections import namedtuple

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/state/ending.cbor"

# what: like "ValueError weighing.py:88", at most 32 bytes; times: ends in a row without a good life between; told: the home knows
Ending = namedtuple("Ending", ("fault", "what", "times", "told"))


def load(path: str = PATH) -> Ending | None:
    """Return how the last bad life ended, or None when none did or nobody can tell."""
    try:
        fields = cbor.decode(replacing.read(path) or b"")
    except ProtocolError:
        return None
    return Ending(*fields) if isinstance(fields, list) and len(fields) == 4 else None


def note(fault: int, what: str, path: str = PATH) -> None:
    """Write down that a life ended badly. Raises OSError: the flash refuses."""
    last = load(path)
    _save(Ending(fault, what, (last.times if last else 0) + 1, 0), path)


def told(path: str = PATH) -> None:
    """The home's outbox has it: it need not be told again."""
    last = load(path)
    if last and not last.told:
        _save(Ending(last.fault, last.what, last.times, 1), path)


def lived(path: str = PATH) -> None:
    """This life went well: what is told is forgotten, and the row of bad ends is over."""
    last = load(path)
    if last and last.told:
        os.remove(path)
    elif last and last.times:
        _save(Ending(last.fault, last.what, 0, 0), path)


def _save(ending, path):
    replacing.replace(path, cbor.encode(list(ending)))
