"""Figures for whoever watches over the machine, in Prometheus' format, on a loopback port and only if `[metrics]` is set.

Numbers of things and seconds, by reason at most: nothing here tells whose a reading is, or which device's.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from http.server import HTTPServer
from threading import Thread

from prometheus_client import CollectorRegistry, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.configuration import Metrics as Settings
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.edges.way import Way
from gateway.errors import PortTaken

_PAUSE_S = 5.0
_COMMIT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_DELIVERY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3600.0, 86400.0, 604800.0)


class _Counts(Collector):
    """The counts of the way, as they stand when asked."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def collect(self) -> Iterator[Metric]:
        counts = dict(self._way.counts)
        refused = CounterMetricFamily("foyer_refused", "What was sent and not accepted, by reason.", labels=["reason"])
        for name, count in sorted(counts.items()):
            if name.startswith("refused."):
                refused.add_metric([name.removeprefix("refused.")], count)
        yield refused
        for name, what, words in (
            ("committed", "accepted", "Readings committed and receipted."),
            ("already", "repeated", "Readings that came again and were receipted again."),
            ("published", "messages", "Messages sent to the account store, repetitions among them."),
            ("in_cloud", "delivered", "Readings the account store has receipted."),
        ):
            yield CounterMetricFamily(f"foyer_{what}", words, value=counts.get(name, 0))


class Metrics:
    """The figures and the port they are asked at."""

    def __init__(self, settings: Settings, buffer: Buffer, way: Way) -> None:
        """Open the port. Raises PortTaken."""
        registry = CollectorRegistry()
        registry.register(_Counts(way))
        self._queue = Gauge("foyer_queue_rows", "Rows that wait for the account store's receipt.", registry=registry)
        self._age = Gauge("foyer_queue_age_seconds", "How long the oldest of them has waited since it arrived at home.", registry=registry)
        self._full = Gauge("foyer_full", "1 while the disk or the database is full and new readings are refused.", registry=registry)
        self._commit = Histogram(
            "foyer_commit_seconds", "How long a group of writes took to be on disk.", buckets=_COMMIT_S, registry=registry
        )
        self._delivery = Histogram(
            "foyer_delivery_seconds",
            "From a reading's arrival at home to the account store's receipt.",
            buckets=_DELIVERY_S,
            registry=registry,
        )
        self._buffer = buffer
        self._way = way
        buffer.committed_s = self._commit.observe
        try:
            self._server: HTTPServer
            self._thread: Thread
            self._server, self._thread = start_http_server(settings.port, settings.bind, registry)
        except OSError as error:
            raise PortTaken("metrics.port", settings.bind, settings.port, error.strerror or str(error)) from None

    @property
    def port(self) -> int:
        """The port that is open."""
        return int(self._server.server_address[1])

    async def run(self) -> None:
        """Look at the queue every few seconds, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_PAUSE_S)

    def look(self) -> None:
        """Bring the figures of the queue and of deliveries up to date."""
        length, oldest_ms = self._buffer.read(_queue)
        self._queue.set(length)
        self._age.set(0 if oldest_ms is None else max(0, utc_ms() - oldest_ms) / 1000)
        self._full.set(self._buffer.full_since_ms is not None)
        for reading, at_ms in self._way.take_delivered():
            received_ms = self._buffer.read(lambda connection, reading=reading: _received_ms(connection, reading))  # type: ignore[misc]
            if received_ms is not None:
                self._delivery.observe(max(0, at_ms - received_ms) / 1000)

    def close(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _queue(connection: sqlite3.Connection) -> tuple[int, int | None]:
    length, first = connection.execute("SELECT count(*), min(reading) FROM outgoing").fetchone()
    return int(length), None if first is None else _received_ms(connection, first)


def _received_ms(connection: sqlite3.Connection, reading: int) -> int | None:
    row = connection.execute("SELECT received_ms FROM readings WHERE reading = ?", (reading,)).fetchone()
    return None if row is None else int(row[0])
