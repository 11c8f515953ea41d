"""Stand-in for `time`: MicroPython's own, except that a device's clock knows nothing of the date until it is told.

Its sleeps are also counted as the device's own time (see wire.py).
"""

import utime
import wire
from utime import mktime, ticks_add, ticks_cpu, ticks_diff, ticks_ms, ticks_us  # noqa: F401 -- handed on

# An ESP32's clock starts at its epoch, 2000-01-01; this build counts from 1970.
_ahead_s = utime.time() - 946_684_800


def set_clock(seconds):
    """Set the clock to `seconds` since 1970, as machine.RTC().datetime(...) does."""
    global _ahead_s
    _ahead_s = utime.time() - seconds


def time():
    """Return seconds by the device's clock."""
    return utime.time() - _ahead_s


def time_ns():
    """Return nanoseconds by the device's clock."""
    return utime.time_ns() - _ahead_s * 1_000_000_000


def gmtime(seconds=None):
    """Return the date of `seconds`, by default of now."""
    return utime.gmtime(time() if seconds is None else seconds)


localtime = gmtime  # a device knows no time zone


def sleep(seconds):
    """Do nothing for some seconds."""
    wire.slept(int(seconds * 1_000_000))
    utime.sleep(seconds)


def sleep_ms(ms):
    """Do nothing for some milliseconds."""
    wire.slept(ms * 1000)
    utime.sleep_ms(ms)


def sleep_us(us):
    """Do nothing for some microseconds."""
    wire.slept(us)
    utime.sleep_us(us)
