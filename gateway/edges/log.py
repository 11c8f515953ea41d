"""The log: one JSON object a line on standard output, one event and its facts; and the clock that stamps it.

No prose, no keys, no names, no values of readings, no addresses. What libraries log of their own accord may hold any of these, so only
that they complained goes out, not what they said.
"""

import asyncio
import atexit
import contextlib
import json
import logging
import sys
import threading
import time
from typing import Any

import structlog


def utc_ms() -> int:
    """Return the time in milliseconds of UTC since 1970."""
    return time.time_ns() // 1_000_000


def begin() -> structlog.typing.FilteringBoundLogger:
    """Send every event to standard output from now on; return the log. Called in the loop that everything runs in."""
    output = _Output()
    atexit.register(output.write_out)
    structlog.configure(
        processors=[_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()  # bound once, not anew for each line
    root = logging.getLogger()
    root.handlers = [_Complaints(log)]
    root.setLevel(logging.WARNING)
    logging.getLogger("coap-server").setLevel(logging.ERROR)  # its warnings are about what strangers send; we count that
    return log


_as_json = json.JSONEncoder(default=repr).encode  # made once: json.dumps makes another for each line


def _line(_: Any, __: str, event: structlog.typing.EventDict) -> str:
    event["t"] = round(time.time(), 4)
    return _as_json(event) + "\n"


class _Output:
    """Standard output, except that a disk that is full, or a reader that has gone, costs a line and never a reading.

    The lines of one turn of the loop go out together: a call of the system for each costs more than the rest of a line.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def msg(self, text: str) -> None:
        if threading.get_ident() == self._thread:
            self._take(text)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._take, text)

    debug = info = warning = warn = error = critical = exception = fatal = msg

    def _take(self, text: str) -> None:
        if not self._lines and not self._loop.is_closed():
            self._loop.call_soon(self.write_out)
        self._lines.append(text)

    def write_out(self) -> None:
        """Write what was taken."""
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError):
            sys.stdout.write("".join(lines))
            sys.stdout.flush()


class _Complaints(logging.Handler):
    """Reports that a library logged a warning or an error: which library, where, and the kind of error."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        self._log.warning("library.complained", library=record.name, where=f"{record.module}:{record.lineno}", error=error)
