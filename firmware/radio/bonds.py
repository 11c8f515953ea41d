"""Whom this device knows over Bluetooth: the keys that the radio's own pairing made, kept in one file.

The radio asks for them inside its events and must be answered at once, so they are held in memory; `keep` writes what has changed. A new
bond is taken while `open`: there is none yet, or a person has just pressed the button; at any other time it is refused.
"""

from micropython import const

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/state/bonds.cbor"
_MOST = const(8)  # two for each: the home, and three phones
_OF_HOME = const(2)


class Bonds:
    """open: a new bond may be made now. alone: there is no home to be bonded with, and phones bond in the owner's window only."""

    def __init__(self, path: str = PATH, alone: bool = False):
        self._path = path
        self._alone = alone
        self._changed = False
        try:
            held = cbor.decode(replacing.read(path) or b"\x80")
        except ProtocolError:
            held = []
        self._secrets = {(kind, key): value for kind, key, value in held}
        self.close()
        self.refused = False  # somebody was, since this was last set to False

    def find(self, kind: int, index: int, key):
        """Return a secret by its key, or the one at `index` of its kind; None: there is none."""
        if key is not None:
            return self._secrets.get((kind, key))
        values = [self._secrets[each] for each in sorted(self._secrets) if each[0] == kind]
        return values[index] if index < len(values) else None

    def put(self, kind: int, key: bytes, value) -> bool:
        """Take a secret, or with None let go of it; return whether it was taken."""
        known = key in [each for _, each in self._secrets]  # by its other half, too: a bond has two
        if not known and (not self.open or len(self._secrets) >= _MOST):
            self.refused = True
            return False
        if value is None:
            self._secrets.pop((kind, key), None)
        else:
            self._secrets[kind, key] = value
        self._changed = True
        if len(self._secrets) >= _OF_HOME:
            self.open = False
        return True

    def forget(self) -> None:
        """Let go of everybody; a new bond may be made."""
        self._secrets.clear()
        self._changed = self.open = True

    def close(self) -> None:
        """Take no new bond, unless there is none at all: then the home's."""
        self.open = not (self._secrets or self._alone)

    def keep(self) -> None:
        """Write what has changed. Raises OSError: the flash refuses."""
        if self._changed:
            self._changed = False
            replacing.replace(self._path, cbor.encode([[kind, key, self._secrets[kind, key]] for kind, key in sorted(self._secrets)]))
