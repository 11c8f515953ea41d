"""The log: one JSON object a line on standard output, one event and its facts; and the clock that stamps it.

No prose, no keys, no names, no values of readings, no addresses. What libraries log of their own accord may hold any of these, so only
that they complained goes out, not what they said.
"""

import contextlib
import logging
import sys
import time
from typing import Any, TextIO, cast

import structlog


def utc_ms() -> int:
    """Return the time in milliseconds of UTC since 1970."""
    return time.time_ns() // 1_000_000


def begin() -> structlog.typing.FilteringBoundLogger:
    """Send every event to standard output from now on; return the log."""
    structlog.configure(
        processors=[_stamp, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Output())),
        cache_logger_on_first_use=False,
    )
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    root = logging.getLogger()
    root.handlers = [_Complaints(log)]
    root.setLevel(logging.WARNING)
    logging.getLogger("coap-server").setLevel(logging.ERROR)  # its warnings are about what strangers send; we count that
    return log


def _stamp(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["t"] = round(time.time(), 4)
    return event


class _Output:
    """Standard output, except that a disk that is full, or a reader that has gone, costs a line and never a reading."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stdout.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stdout.flush()


class _Complaints(logging.Handler):
    """Reports that a library logged a warning or an error: which library, where, and the kind of error."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        self._log.warning("library.complained", library=record.name, where=f"{record.module}:{record.lineno}", error=error)
