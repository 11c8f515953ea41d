"""Stand-in for `bluetooth`: the stack is in the simulator (simulator/air/peripheral.py), its events come from another task.

A thread waits for events on a socket of its own and has the handler called between two operations of the program, wherever that is, as
the stock port's own task does under its lock; so a handler may come inside a loop that never gives way. What it is handed is only good
until it returns. Not modelled: central and observer roles, L2CAP channels, passkeys (no board of ours can show or type one).
"""

import _thread
import struct

import micropython
import wire
from micropython import const

FLAG_READ = const(0x02)
FLAG_WRITE_NO_RESPONSE = const(0x04)
FLAG_WRITE = const(0x08)
FLAG_NOTIFY = const(0x10)
FLAG_INDICATE = const(0x20)

# what simulator/air/peripheral.py does
_ACTIVE = const(0)
_CONFIG = const(1)
_REGISTER = const(2)
_READ = const(3)
_WRITE = const(4)
_NOTIFY = const(5)
_INDICATE = const(6)
_BUFFER = const(7)
_ADVERTISE = const(8)
_DISCONNECT = const(9)
_PAIR = const(10)
_ANSWER = const(11)

_SETTINGS = {"bond": 0, "mitm": 1, "io": 2, "le_secure": 3, "mtu": 4, "addr_mode": 5, "rxbuf": 6}
_GATTS_WRITE = const(3)
_READ_REQUEST = const(4)
_GET_SECRET = const(29)
_SET_SECRET = const(30)
_HEAD_BYTES = const(5)
_LARGEST_BYTES = const(600)
# Of an event, of an answer inside one, and of an answer: the stock port has its own memory, so these are there from the start, where
# they are measured and added to the firmware's heap.
_BUFFERS = bytearray(_LARGEST_BYTES), bytearray(_LARGEST_BYTES), bytearray(_LARGEST_BYTES)


class UUID:
    """A service's or characteristic's name: a number of 16 bits, or a text of 36 characters."""

    def __init__(self, value):
        if isinstance(value, int):
            self._bytes = struct.pack("<H", value)
        elif isinstance(value, str):
            digits = value.replace("-", "")
            self._bytes = bytes([int(digits[at : at + 2], 16) for at in range(len(digits) - 2, -2, -2)])
        else:
            self._bytes = bytes(value)
        if len(self._bytes) not in (2, 16):
            raise ValueError("UUID must be 16 or 128 bits")

    def __eq__(self, other):
        return isinstance(other, UUID) and self._bytes == other._bytes

    def __hash__(self):
        return hash(self._bytes)


class BLE:
    """The radio; there is one, whoever makes how many of these."""

    _only = None

    def __new__(cls):
        if cls._only is None:
            cls._only = object.__new__(cls)
            cls._only._begin()
        return cls._only

    def _begin(self):
        self._active = False
        self._handler = None
        self._settings = {"mtu": 256, "rxbuf": 256}
        self._socket = None
        self._written = None  # handle and value of the write that is being told
        self._telling = False

    def active(self, on=None):
        """Return whether the radio is on, or switch it."""
        if on is None:
            return self._active
        if on and self._socket is None:
            self._listen()
        self._active = bool(on)
        self._do(_ACTIVE, bytes((1 if on else 0,)))
        return self._active

    def config(self, *names, **settings):
        """Set, or return what is asked for."""
        if names:
            if names[0] == "mac":
                return (0, b"\x02foyer")
            return self._settings[names[0]]
        for name, value in settings.items():
            if name != "gap_name":
                self._settings[name] = value
                self._do(_CONFIG, struct.pack("<BH", _SETTINGS[name], value))
        return None

    def irq(self, handler):
        """Have events told to handler(event, data)."""
        self._handler = handler

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        """Advertise; an interval of None ends it."""
        said = bytes(adv_data or b"")
        if len(said) > 31 or len(resp_data or b"") > 31:
            raise OSError(22)
        self._do(_ADVERTISE, struct.pack("<IBB", interval_us or 0, connectable, len(said)) + said + bytes(resp_data or b""))

    def gap_disconnect(self, conn_handle):
        """End a connection; return whether there was one."""
        return bool(self._do(_DISCONNECT, struct.pack("<H", conn_handle))[0])

    def gap_pair(self, conn_handle):
        """Ask the other end for encryption."""
        self._do(_PAIR, struct.pack("<H", conn_handle))

    def gatts_register_services(self, services):
        """Register (uuid, ((uuid, flags[, descriptors]), ...)) for each; return the handles in the same shape."""
        said = bytes((len(services),))
        for uuid, characteristics in services:
            said += _named(uuid) + bytes((len(characteristics),))
            for each in characteristics:
                said += _named(each[0]) + struct.pack("<H", each[1])
        found = self._do(_REGISTER, said)
        at = 0
        handles = []
        for _, characteristics in services:
            handles.append(struct.unpack_from("<%dH" % len(characteristics), found, at))
            at += 2 * len(characteristics)
        return tuple(handles)

    def gatts_read(self, value_handle):
        """Return a value; inside the event of a write it is the one that was written."""
        if self._written is not None and self._written[0] == value_handle:
            return self._written[1]
        return self._do(_READ, struct.pack("<H", value_handle))

    def gatts_write(self, value_handle, data, send_update=False):
        """Set a value, and tell whoever subscribed."""
        self._do(_WRITE, struct.pack("<HB", value_handle, send_update) + bytes(data))

    def gatts_notify(self, conn_handle, value_handle, data=None):
        """Notify, asked for or not. Raises OSError: 12 when the stack holds too much already, 128 without a connection."""
        self._do(_NOTIFY, struct.pack("<HHB", conn_handle, value_handle, data is not None) + bytes(data or b""))

    def gatts_indicate(self, conn_handle, value_handle, data=None):
        """Indicate; an event tells how that went. Raises as gatts_notify."""
        self._do(_INDICATE, struct.pack("<HHB", conn_handle, value_handle, data is not None) + bytes(data or b""))

    def gatts_set_buffer(self, value_handle, length, append=False):
        """Make room for longer values; it is 20 bytes before."""
        self._do(_BUFFER, struct.pack("<HHB", value_handle, length, append))

    def _do(self, what, body):
        answer = _BUFFERS[1 if self._telling else 2]  # an event may come before the program has read its answer
        return bytes(answer[: wire.ask(wire.BLUETOOTH, 0, answer, bytes((what,)) + body)])

    # events

    def _listen(self):
        head = bytearray(_HEAD_BYTES)
        self._socket = wire.another()
        self._socket.write(bytes((wire.BLUETOOTH_EVENTS, 0, 0)))
        told = _thread.allocate_lock()
        told.acquire()

        def tell(_):
            if wire.busy:  # not between a question and its answer
                micropython.schedule(tell, None)
                return
            try:
                self._telling = True
                self._tell(head[0], head[1] | head[2] << 8, _BUFFERS[0][: head[3] | head[4] << 8])
            finally:
                self._telling = False
                told.release()

        def wait(readinto, into):
            while readinto(head) == _HEAD_BYTES:
                size = head[3] | head[4] << 8
                if size:
                    readinto(into, size)
                while True:
                    try:
                        micropython.schedule(tell, None)
                        break
                    except RuntimeError:  # the queue is full: the program will come to it
                        pass
                told.acquire()

        _thread.start_new_thread(wait, (self._socket.readinto, _BUFFERS[0]))

    def _tell(self, event, number, payload):
        answer = b""
        if event == _GET_SECRET:
            key = bytes(payload[3:]) if payload[2] else None
            found = self._call(event, (payload[0], payload[1], key))
            answer = bytes(found) if found else b""
        elif event == _SET_SECRET:
            end = 2 + payload[1]
            answer = b"\1" if self._call(event, (payload[0], bytes(payload[2:end]), bytes(payload[end:]))) else b"\0"
        elif event == _READ_REQUEST:
            answer = bytes((self._call(event, struct.unpack("<HH", payload)) or 0,))
        elif event == _GATTS_WRITE:
            conn_handle, value_handle = struct.unpack_from("<HH", payload)
            self._written = value_handle, bytes(payload[4:])
            try:
                self._call(event, (conn_handle, value_handle))
            finally:
                self._written = None
        elif event in (1, 2):
            self._call(event, (payload[0] | payload[1] << 8, payload[2], memoryview(payload)[3:9]))
        elif event == 20:
            self._call(event, struct.unpack("<HHB", payload))
        elif event == 21:
            self._call(event, struct.unpack("<HH", payload))
        elif event == 28:
            handle, encrypted, authenticated, bonded, key_size = struct.unpack("<HBBBB", payload)
            self._call(event, (handle, bool(encrypted), bool(authenticated), bool(bonded), key_size))
        if number:
            self._do(_ANSWER, struct.pack("<H", number) + answer)

    def _call(self, event, data):
        return self._handler(event, data) if self._handler else None


def _named(uuid):
    data = uuid._bytes
    return bytes((len(data),)) + data
