"""Which users of phones may be told something: the User Control Point of the SIG's User Data Service 1.1, section 3.5.

A bond says that a phone may speak with the device; consent, that whoever holds it may be told what is measured. A user is registered only
while the owner's window is open, has a code of their own, and gives it again on each connection. After five wrong codes nobody's is taken
before the next start, so that four digits are not found by trying.
"""

from micropython import const

from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/state/consents.cbor"
_REGISTER = const(1)
_CONSENT = const(2)
_DELETE = const(3)
_RESPONSE = const(0x20)
_DONE = const(1)
_UNKNOWN = const(2)
_UNFIT = const(3)
_FAILED = const(4)
_NOT_AUTHORISED = const(5)
_CODE_END = const(10_000)
_MOST_USERS = const(3)
_MOST_WRONG = const(5)


class Consents:
    """open: a new user may be registered now; user: who gave consent on this connection, or None."""

    def __init__(self, path: str = PATH):
        self._path = path
        self._wrong = 0
        self.open = False
        self.user = None
        try:
            self._codes = dict(cbor.decode(replacing.read(path) or b"\xa0"))
        except (ProtocolError, TypeError):
            self._codes = {}  # then nobody has consent, and each registers again

    def answer(self, asked: bytes) -> bytes:
        """Do what a phone writes to the control point, and return the response. Raises OSError: the flash refuses."""
        operation = asked[0] if asked else 0
        if operation == _REGISTER:
            result, more = self._register(asked[1:])
        elif operation == _CONSENT:
            result, more = self._consent(asked[1:]), b""
        elif operation == _DELETE:
            result, more = self._delete(), b""
        else:
            result, more = _UNKNOWN, b""
        return bytes((_RESPONSE, operation, result)) + more

    def _register(self, body):
        code = int.from_bytes(body, "little")
        if len(body) != 2 or code >= _CODE_END:
            return _UNFIT, b""
        if not self.open:
            return _NOT_AUTHORISED, b""
        free = [index for index in range(_MOST_USERS) if index not in self._codes]
        if not free:
            return _FAILED, b""
        self._codes[free[0]] = code
        self._keep()
        return _DONE, bytes((free[0],))

    def _consent(self, body):
        self.user = None
        if len(body) != 3 or body[0] not in self._codes:
            return _UNFIT
        if self._wrong >= _MOST_WRONG or self._codes[body[0]] != int.from_bytes(body[1:], "little"):
            self._wrong += 1
            return _NOT_AUTHORISED
        self._wrong = 0
        self.user = body[0]
        return _DONE

    def _delete(self):
        if self.user is None:
            return _NOT_AUTHORISED
        self._codes.pop(self.user)
        self.user = None
        self._keep()
        return _DONE

    def _keep(self):
        replacing.replace(self._path, cbor.encode(self._codes))
