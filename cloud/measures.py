"""What the account store counts about itself, for Prometheus: how much and how fast, of nobody in particular.

No label names an account, a home, an address or a page with a name in it. The figures are served on a port of their own that only this
machine can reach, and not at all unless a port is given.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from cloud.errors import CannotStart

REGISTRY = CollectorRegistry()
MESSAGES = Counter("foyer_ingest_messages", "Messages from homes, by what became of them.", ["outcome"], registry=REGISTRY)
ROWS = Counter("foyer_ingest_rows", "Sealed rows, by what became of them.", ["status"], registry=REGISTRY)
STORED_S = Histogram("foyer_ingest_store_seconds", "Time to store a group of messages, until it is on disk.", registry=REGISTRY)
STORE_FAILURES = Counter("foyer_ingest_store_failures", "Times that the store could not be used.", registry=REGISTRY)
ANSWERS = Counter("foyer_site_answers", "Answers of the site, by class of status.", ["method", "status"], registry=REGISTRY)
RELEASE_HOMES = Gauge("foyer_release_homes", "Homes by how a release fared.", ["kind", "version", "outcome"], registry=REGISTRY)
RELEASE_HALTED = Gauge("foyer_release_halted", "1: the roll-out has halted.", ["kind", "version"], registry=REGISTRY)
ANSWERED_S = Histogram("foyer_site_answer_seconds", "Time until an answer of the site begins.", registry=REGISTRY)


def serve(port: int) -> None:
    """Serve the figures to this machine, in a thread of their own; 0: not at all. Raises CannotStart: the port is taken."""
    if not port:
        return
    try:
        start_http_server(port, "127.0.0.1", REGISTRY)
    except OSError as error:
        raise CannotStart(f"Port {port}, for the figures, cannot be opened ({error.strerror}); choose another under [metrics].") from None
