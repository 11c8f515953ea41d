"""Figures for Prometheus: right, and of nobody."""

import asyncio
import urllib.request
from pathlib import Path

import pytest

from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway

pytestmark = pytest.mark.anyio


def figures(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


async def test_what_is_accepted_refused_and_committed_is_counted_and_nobody_is_named(tmp_path: Path) -> None:
    """Accepted, repeated, refused by reason, the queue, and how long commits took; no key id, serial or name."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path, "[metrics]\nport = 0\n")) as home:
        ready = await home.event("gateway.ready")
        port = (await home.event("metrics.ready"))["port"]
        async with link(device, ready["coap_port"]) as way:
            message = device.signed(device.fields(1))
            await way.send(message)
            await way.send(message)
            await way.post("r", b"\xa0")
        found = await asyncio.to_thread(figures, port)
        assert found["foyer_accepted_total"] == 1
        assert found["foyer_repeated_total"] == 1
        assert found['foyer_refused_total{reason="not_signed"}'] == 1
        assert found["foyer_queue_rows"] == 0
        assert found["foyer_full"] == 0
        assert found["foyer_commit_seconds_count"] >= 1
        assert found["foyer_delivery_seconds_count"] == 0
        text = " ".join(found)
        assert device.kid.hex() not in text
        assert device.enrolment()["serial"] not in text
        assert await home.stop() == 0


async def test_no_port_is_opened_unless_asked(tmp_path: Path) -> None:
    """Without [metrics] nothing listens."""
    async with gateway(configure(tmp_path)) as home:
        await home.event("gateway.ready")
        assert home.count("metrics.ready") == 0
        assert await home.stop() == 0
