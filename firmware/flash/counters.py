"""Numbers that are never given twice, whatever happens to the power: boots, readings, OSCORE's sender sequence.

Numbers are given from memory out of a block of 64 whose end was written to flash before its first was given; a start begins at the
written end. So a power cut loses numbers and repeats none, and flash is written once in 64. One file holds all three.
"""

from micropython import const

from firmware.errors import CountersBroken
from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/state/counters.cbor"
BLOCK = const(64)
_BOOT, _READING, _SENDER = "boot", "reading", "sender"


class Counters:
    """The counters of this start. Raises CountersBroken: the file is there and cannot be understood, so no number is safe.

    path: a file whose folder exists; an absent file means a device's first start.
    """

    def __init__(self, path: str = PATH):
        self._path = path
        written = self._load()
        self.boot = written[_BOOT] + 1
        self._next = {_READING: written[_READING], _SENDER: written[_SENDER]}
        self._end = {_READING: written[_READING] + BLOCK, _SENDER: written[_SENDER] + BLOCK}
        self._save()

    def next_reading(self) -> int:
        """Return a reading's sequence number, never given before. Raises OSError: the flash refuses; none was given."""
        return self._give(_READING)

    def next_sender(self) -> int:
        """Return an OSCORE sender sequence number, never given before. Raises OSError: the flash refuses; none was given."""
        return self._give(_SENDER)

    def _give(self, name):
        number = self._next[name]
        if number >= self._end[name]:
            self._end[name] = number + BLOCK
            try:
                self._save()
            except OSError:
                self._end[name] = number
                raise
        self._next[name] = number + 1
        return number

    def _save(self):
        replacing.replace(self._path, cbor.encode({_BOOT: self.boot, _READING: self._end[_READING], _SENDER: self._end[_SENDER]}))

    def _load(self):
        data = replacing.read(self._path)
        if data is None:
            return {_BOOT: 0, _READING: 0, _SENDER: 0}
        try:
            written = cbor.decode(data)
        except ProtocolError:
            raise CountersBroken(path=self._path) from None
        if not isinstance(written, dict):
            raise CountersBroken(path=self._path)
        for name in (_BOOT, _READING, _SENDER):
            value = written.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise CountersBroken(path=self._path)
        return written
