"""The one socket between a simulated device's stand-ins and the simulator that holds its chips.

Frames to the simulator are an operation, a length (both ends know them by the same numbers, see simulator/bridge.py) and a body;
answers are a status (0 or an errno), a length and a body. Nothing here allocates once it is connected, except integers that
do not fit a small one, so the firmware's heap stays the firmware's.

Pin edges of an output that only clocks a chip wait until the next input is read, and travel with that question. Each carries two
times: by the wall clock, which places it in the simulator's time, and by the device's own, in which an operation takes 3 us and a
sleep what was asked for. A host that stops this process for some milliseconds would stretch the first, an ESP32 would not: so what
a chip judges (how long was the clock high?) is the second, unless the wall says more than 400 ms, which is no scheduling any more.
"""

import socket
import struct

import utime
from micropython import const

# Operations; simulator/bridge.py holds the same table.
HELLO = const(1)
LEVELS = const(2)
PIN_MODE = const(3)
PWM_SET = const(4)
I2C_OPEN = const(5)
I2C_WRITE = const(6)
I2C_READ = const(7)
I2S_OPEN = const(8)
I2S_READ = const(9)
ADC_READ = const(10)
WATCHDOG = const(11)
RESET = const(12)
MEMORY_READ = const(13)
MEMORY_WRITE = const(14)
WIFI_SET = const(15)
WIFI_ASK = const(16)
FLASH_CUT = const(17)
WAKE_ON = const(18)
PIN_HOLD = const(19)
WIFI_SCAN = const(20)
BLUETOOTH = const(21)
BLUETOOTH_EVENTS = const(22)
I2S_PLAY = const(23)
I2S_WRITE = const(24)

NO_PIN = const(0xFF)

_HEADER_BYTES = const(3)
_RECORDS_AT = const(10)
_RECORD_BYTES = const(8)
_MOST_RECORDS = const(64)
_OPERATION_us = const(3)
_SCHEDULING_us = const(400_000)

OUT = bytearray(40)  # a request's fixed arguments are packed here, from byte 3 on
_levels = bytearray(_RECORDS_AT + _MOST_RECORDS * _RECORD_BYTES)
_answer = bytearray(_HEADER_BYTES)
_byte = bytearray(1)

busy = False  # a question is on its way: what interrupts it (see bluetooth.py) must not ask another
_socket = None
_port = 0
_waiting = 0  # edges that wait in _levels
_edge_at_us = 0
_operation_at_us = 0
_asleep_us = 0


def connect(port):
    """Open the socket to the simulator on this machine."""
    global _socket, _port
    _port = port
    _socket = another()
    _socket.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: every question waits for its answer


def another():
    """Return one more socket to the simulator."""
    made = socket.socket()
    made.connect(socket.getaddrinfo("127.0.0.1", _port)[0][-1])
    return made


def slept(us):
    """Add a sleep that the firmware asked for to the device's own time."""
    global _asleep_us
    _asleep_us += us


def _device_us(now_us):
    """Return the device's own time since the last pin operation, at most 65535 us."""
    global _operation_at_us, _asleep_us
    wall_us = utime.ticks_diff(now_us, _operation_at_us)
    own_us = wall_us if wall_us > _SCHEDULING_us else _asleep_us + _OPERATION_us
    _operation_at_us = now_us
    _asleep_us = 0
    return own_us if own_us < 65535 else 65535


def drive(pin, level, may_wait):
    """Put an output's new level on its way; an edge that may wait goes with the next question."""
    global _waiting, _edge_at_us, busy
    busy = True
    now_us = utime.ticks_us()
    wall_us = utime.ticks_diff(now_us, _edge_at_us) if _waiting else 0
    _edge_at_us = now_us
    struct.pack_into("<BBHI", _levels, _RECORDS_AT + _waiting * _RECORD_BYTES, pin, level, _device_us(now_us), wall_us)
    _waiting += 1
    if not may_wait or _waiting == _MOST_RECORDS:
        _send_levels(NO_PIN)
    busy = False


def level(pin):
    """Return an input's level, 0 or 1, after every edge that waited has arrived."""
    global busy
    busy = True
    _send_levels(pin)
    _receive(_byte)
    return _byte[0]


def _send_levels(pin):
    global _waiting
    now_us = utime.ticks_us()
    size = _RECORDS_AT + _waiting * _RECORD_BYTES
    lag_us = utime.ticks_diff(now_us, _edge_at_us) if _waiting else 0
    struct.pack_into("<BHBIH", _levels, 0, LEVELS, size - _HEADER_BYTES, pin, lag_us, 0 if pin == NO_PIN else _device_us(now_us))
    _waiting = 0
    _write(_levels, size)


def tell(operation, count=0, body=None):
    """Send a frame of `count` bytes packed into OUT, then `body`; nothing comes back."""
    global busy
    busy = True
    _tell(operation, count, body)
    busy = False


def _tell(operation, count, body):
    if _waiting:
        _send_levels(NO_PIN)
    extra = len(body) if body is not None else 0
    struct.pack_into("<BH", OUT, 0, operation, count + extra)
    _write(OUT, _HEADER_BYTES + count)
    if extra:
        _write(body, extra)


def ask(operation, count, into, body=None):
    """Send a frame and fill `into` with the start of its answer; return the answer's length.

    Raises OSError: the errno that the simulator answered, as the stock port raises it.
    """
    global busy
    busy = True
    _tell(operation, count, body)
    return _receive(into)


def _write(buffer, size):
    done = 0
    while done < size:
        done += _socket.write(buffer, done, size - done)


def _receive(into):
    global busy
    if _socket.readinto(_answer) != _HEADER_BYTES:
        halt()
    status = _answer[0]
    size = _answer[1] | _answer[2] << 8
    if size and _socket.readinto(into, size) != size:
        halt()
    busy = False
    if status:
        raise OSError(status)
    return size


def halt():
    """Do nothing for ever: the simulator ends this process, as a reset or a lost supply ends a program."""
    while True:
        utime.sleep(1)
