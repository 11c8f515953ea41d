"""Stand-in for `machine` on an ESP32-S3: the same names and arguments, and the other end of every wire is in the simulator.

Modelled: Pin, PWM, ADC, I2C, SoftI2C, I2S (transmitting in mono of 16 bits only), WDT, RTC, reset and its cause, sleep. Not modelled:
interrupts of pins, timers, SPI, UART; asking for one raises.
"""

# ruff: noqa: A002, ARG001, ARG002 -- names and arguments are the stock port's, used here or not

import io
import struct
import time

import uctypes
import utime
import wire
from micropython import const

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

PWRON_WAKE = const(1)
PIN_WAKE = const(2)
TIMER_WAKE = const(4)

_MP_STREAM_POLL = const(3)
_EINVAL = const(22)

_born = bytearray(8)  # reset cause, wake reason, unique id: the answer to HELLO


def hello():
    """Greet the simulator and learn why and as whom this device started."""
    wire.ask(wire.HELLO, 0, _born)


def reset_cause():
    """Return why the device started, one of the *_RESET constants."""
    return _born[0]


def wake_reason():
    """Return what woke the device from deep sleep, 0 for nothing."""
    return _born[1]


def unique_id():
    """Return the six bytes that name this chip."""
    return bytes(_born[2:8])


def reset():
    """Restart the device as its reset pin would."""
    _restart(HARD_RESET, 0)


def soft_reset():
    """Restart the interpreter; in the simulator that is a new process too."""
    _restart(SOFT_RESET, 0)


def deepsleep(time_ms=0):
    """Switch off for `time_ms`, then start from the beginning; 0 sleeps until the power is cycled."""
    _restart(DEEPSLEEP_RESET, time_ms)


def lightsleep(time_ms=0):
    """Wait for `time_ms`."""
    time.sleep_ms(time_ms)


def idle():
    """Give way for a moment."""
    utime.sleep_us(100)


def freq(hz=None):
    """Return the processor's clock in Hz."""
    return 240_000_000


def disable_irq():
    """Return a state for enable_irq; nothing interrupts a program here."""
    return 0


def enable_irq(state):
    """Undo disable_irq."""


def _restart(cause, time_ms):
    struct.pack_into("<BI", wire.OUT, 3, cause, time_ms)
    wire.tell(wire.RESET, 5)
    wire.halt()


class Pin:
    """A pin of the board; pins are shared by number, so two Pins of one number are one wire."""

    IN = const(1)
    OUT = const(3)
    OPEN_DRAIN = const(7)
    PULL_DOWN = const(1)
    PULL_UP = const(2)
    IRQ_RISING = const(1)
    IRQ_FALLING = const(2)

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=0, hold=None):
        self._number = id
        self._mode = -1
        self._level = 0
        self._may_wait = False
        if mode != -1:
            self.init(mode, pull, value=value, hold=hold)

    def init(self, mode=-1, pull=-1, *, value=None, drive=0, hold=None):
        """Make the pin an input or an output, an output at `value` (0 unless given); held, it keeps its level through deep sleep."""
        if hold is not None:
            wire.OUT[3] = self._number
            wire.OUT[4] = 1 if hold else 0
            wire.tell(wire.PIN_HOLD, 2)
        if mode == -1:
            return
        self._mode = mode
        if value is not None:
            self._level = 1 if value else 0
        struct.pack_into("<BBbB", wire.OUT, 3, self._number, mode, pull if pull is not None else -1, self._level)
        answer = bytearray(1)
        wire.ask(wire.PIN_MODE, 4, answer)
        self._may_wait = bool(answer[0])

    def value(self, level=None):
        """Return the pin's level, or set it."""
        if level is None:
            if self._mode == Pin.OUT:
                return self._level
            return wire.level(self._number)
        self._level = 1 if level else 0
        wire.drive(self._number, self._level, self._may_wait)
        return None

    __call__ = value

    def on(self):
        """Set the pin high."""
        self.value(1)

    def off(self):
        """Set the pin low."""
        self.value(0)

    def irq(self, handler=None, trigger=3, *, priority=1, wake=None, hard=False):
        """Refuse: a pin of the simulator cannot interrupt, it can be read."""
        raise NotImplementedError("Pin.irq is not modelled")


class PWM:
    """A pin switched on and off fast; the simulator's parts see frequency and share of time on."""

    def __init__(self, pin, *, freq=5000, duty_u16=32768):
        self._pin = pin
        self._freq = freq
        self._duty = duty_u16
        self._send()

    def _send(self):
        struct.pack_into("<BIH", wire.OUT, 3, self._pin._number, self._freq, self._duty)
        wire.tell(wire.PWM_SET, 7)

    def freq(self, hz=None):
        """Return the frequency in Hz, or set it."""
        if hz is None:
            return self._freq
        self._freq = hz
        self._send()
        return None

    def duty_u16(self, duty=None):
        """Return the share of time on, 0..65535, or set it."""
        if duty is None:
            return self._duty
        self._duty = 65535 if duty > 65535 else duty
        self._send()
        return None

    def deinit(self):
        """Let the pin rest at 0."""
        self.duty_u16(0)


class ADC:
    """A pin that measures a voltage."""

    ATTN_0DB = const(0)
    ATTN_2_5DB = const(1)
    ATTN_6DB = const(2)
    ATTN_11DB = const(3)

    def __init__(self, pin, *, atten=3):
        self._number = pin._number if isinstance(pin, Pin) else pin

    def read_uv(self):
        """Return the voltage at the pin in microvolts."""
        wire.OUT[3] = self._number
        answer = bytearray(4)
        wire.ask(wire.ADC_READ, 1, answer)
        return struct.unpack("<I", answer)[0]

    def read_u16(self):
        """Return the voltage at the pin, 0..65535 for 0..3.1 V."""
        return min(65535, self.read_uv() * 65535 // 3_100_000)


class I2C:
    """An I2C bus, controller side; refusals raise the stock port's errors: ENODEV (19) and ETIMEDOUT (116)."""

    def __init__(self, id=-1, *, scl, sda, freq=400_000, timeout=50_000):
        struct.pack_into("<BBI", wire.OUT, 3, scl._number, sda._number, freq)
        answer = bytearray(1)
        wire.ask(wire.I2C_OPEN, 6, answer)
        self._bus = answer[0]
        self._answer = bytearray(2)

    def writeto(self, addr, buf, stop=True):
        """Write bytes to the chip at `addr`; return how many it acknowledged."""
        struct.pack_into("<BBB", wire.OUT, 3, self._bus, addr, 1 if stop else 0)
        wire.ask(wire.I2C_WRITE, 3, self._answer, buf)
        return self._answer[0] | self._answer[1] << 8

    def writevto(self, addr, vector, stop=True):
        """Write several buffers to the chip at `addr` as one."""
        return self.writeto(addr, b"".join(vector), stop)

    def readfrom_into(self, addr, buf, stop=True):
        """Fill `buf` from the chip at `addr`."""
        struct.pack_into("<BBBH", wire.OUT, 3, self._bus, addr, 1 if stop else 0, len(buf))
        wire.ask(wire.I2C_READ, 5, buf)

    def readfrom(self, addr, nbytes, stop=True):
        """Return `nbytes` bytes from the chip at `addr`."""
        answer = bytearray(nbytes)
        self.readfrom_into(addr, answer, stop)
        return bytes(answer)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        """Fill `buf` from a register of the chip at `addr`."""
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big"), False)
        self.readfrom_into(addr, buf)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        """Return `nbytes` bytes from a register of the chip at `addr`."""
        answer = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, answer, addrsize=addrsize)
        return bytes(answer)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        """Write bytes to a register of the chip at `addr`."""
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big") + bytes(buf))

    def scan(self):
        """Return the addresses that answer."""
        found = []
        for addr in range(0x08, 0x78):
            try:
                self.writeto(addr, b"")
            except OSError as refused:
                if refused.errno != 19:
                    raise
            else:
                found.append(addr)
        return found


class SoftI2C(I2C):
    """An I2C bus on any two pins."""

    def __init__(self, scl, sda, *, freq=400_000, timeout=50_000):
        super().__init__(-1, scl=scl, sda=sda, freq=freq)


class I2S(io.IOBase):
    """Sound coming in or going out. Samples that nobody fetched within `ibuf` bytes are lost, as in the stock port's ring buffer; a
    write waits until what it brings has room there.
    """

    RX = const(1)
    TX = const(2)
    STEREO = const(0)
    MONO = const(1)

    def __init__(self, id, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        if bits not in (16, 32):
            raise ValueError("bits must be 16 or 32")
        if mode == I2S.TX and (bits != 16 or format != I2S.MONO):
            # the only amplifier on a board of ours is fed so; anything else would play wrongly rather than not at all
            raise NotImplementedError("I2S.TX is modelled in mono of 16 bits")
        answer = bytearray(1)
        struct.pack_into("<BBBBBI", wire.OUT, 3, sck._number, ws._number, sd._number, bits, format, rate)
        wire.ask(wire.I2S_OPEN if mode == I2S.RX else wire.I2S_PLAY, 9, answer)
        self._stream = answer[0]
        self._frame_bytes = bits // 8 * (1 if format == I2S.MONO else 2)
        self._rate = rate
        self._most_frames = ibuf // self._frame_bytes
        self._ring = bytearray(ibuf)  # the samples wait in the simulator; this is what the stock port takes of the heap for them
        self._since_ms = utime.ticks_ms()
        self._made = 0  # frames that the microphone sent up to _since_ms
        self._taken = 0
        self._blocking = True
        self._empty_ms = self._since_ms  # when all that was written will have been played

    def write(self, buf):
        """Play an array of samples after those that wait, waiting while they have no room; return the bytes."""
        size = 2 * len(buf)
        while utime.ticks_diff(self._empty_ms, utime.ticks_ms()) * self._rate // 1000 * 2 + size > self._most_frames * 2:
            time.sleep_ms(1)
        if utime.ticks_diff(self._empty_ms, utime.ticks_ms()) < 0:
            self._empty_ms = utime.ticks_ms()
        self._empty_ms = utime.ticks_add(self._empty_ms, len(buf) * 1000 // self._rate)
        struct.pack_into("<B", wire.OUT, 3, self._stream)
        wire.tell(wire.I2S_WRITE, 1, uctypes.bytearray_at(uctypes.addressof(buf), size))
        return size

    def _waiting(self):
        """Return how many frames wait in the ring buffer."""
        now_ms = utime.ticks_ms()
        passed_ms = utime.ticks_diff(now_ms, self._since_ms) // 10 * 10  # 10 ms are whole frames at every rate
        self._made += passed_ms * self._rate // 1000
        self._since_ms = utime.ticks_add(self._since_ms, passed_ms)
        waiting = self._made - self._taken
        if waiting > self._most_frames:
            self._taken = self._made - self._most_frames
            return self._most_frames
        return waiting

    def readinto(self, buf):
        """Fill `buf` with samples, waiting for them unless this is polled; return the bytes that were filled."""
        size = len(buf) * len(bytes(memoryview(buf)[:1]))
        view = memoryview(uctypes.bytearray_at(uctypes.addressof(buf), size))  # an array's slices count words, these bytes
        done = 0
        while done < size:
            frames = min(self._waiting(), (size - done) // self._frame_bytes, 4000)
            if not frames:
                if not self._blocking or size - done < self._frame_bytes:
                    break
                time.sleep_ms(10)
                continue
            struct.pack_into("<BIH", wire.OUT, 3, self._stream, self._taken & 0xFFFFFFFF, frames)
            done += wire.ask(wire.I2S_READ, 7, view[done : done + frames * self._frame_bytes])
            self._taken += frames
        return done

    def ioctl(self, request, argument):
        """Answer select.poll: readable when a tenth of the buffer waits."""
        if request != _MP_STREAM_POLL:
            return -_EINVAL
        self._blocking = False  # asyncio's streams want what is there
        return argument & 1 if self._waiting() * 10 >= self._most_frames else 0

    def irq(self, handler):
        """Refuse: use readinto, or a stream of asyncio."""
        raise NotImplementedError("I2S.irq is not modelled")

    def deinit(self):
        """Stop listening."""
        self._most_frames = 0


class WDT:
    """A watchdog that restarts the device unless it is fed within `timeout` ms."""

    def __init__(self, id=0, timeout=5000):
        self._timeout_ms = timeout
        self._send()

    def _send(self):
        self._fed_ms = utime.ticks_ms()
        struct.pack_into("<I", wire.OUT, 3, self._timeout_ms)
        wire.tell(wire.WATCHDOG, 4)

    def feed(self):
        """Say that the program is alive."""
        if utime.ticks_diff(utime.ticks_ms(), self._fed_ms) * 20 > self._timeout_ms:  # the simulator need not hear more often
            self._send()


class RTC:
    """The clock, and the memory that outlives deep sleep and resets."""

    def datetime(self, when=None):
        """Return (year, month, day, weekday, hours, minutes, seconds, subseconds), or set it."""
        if when is None:
            now = time.gmtime(time.time())
            return (now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0)
        time.set_clock(time.mktime((when[0], when[1], when[2], when[4], when[5], when[6], 0, 0)))
        return None

    def init(self, when):
        """Set the date."""
        self.datetime(when)

    def memory(self, data=None):
        """Return the memory's bytes, or write them (at most 2048)."""
        if data is None:
            answer = bytearray(2048)
            return bytes(answer[: wire.ask(wire.MEMORY_READ, 0, answer)])
        if len(data) > 2048:
            raise ValueError("buffer too long")
        wire.tell(wire.MEMORY_WRITE, 0, data)
        return None
