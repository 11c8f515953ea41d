"""What the account store writes down about itself: one event and its facts a line, as JSON, on standard output.

No personal data, no keys, no cookies; never an alias of a gateway beside a pseudonym (threats T3).
"""

import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

Log = structlog.typing.FilteringBoundLogger


def configure(source: str) -> Log:
    """Return the log of one process; every line says which ("ingest", "site" or "cloud") and when (`t`, UTC seconds)."""
    structlog.configure(
        processors=[_stamp, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=False)],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    log: Log = structlog.get_logger().bind(source=source)
    return log


def _stamp(_logger: object, _method: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"event": facts.pop("event"), **facts, "t": round(time.time(), 3)}
