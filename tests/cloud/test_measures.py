"""Figures for Prometheus and the answer to a load balancer: what is done is counted, and nobody is in it."""

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from cloud import configuration, measures
from cloud.errors import BadConfiguration, CannotStart
from tests.cloud.counterpart import Device, Gateway, Person, weight
from tests.cloud.test_stores import GOOD
from tools.services import free_ports


def figures(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_an_ingester_counts_what_became_of_messages_and_rows(cloud: Any, start: Callable[..., Any], gateway: Gateway) -> None:
    """One committed with two rows, one set aside; no name, alias, pseudonym or id in any figure."""
    (port,) = free_ports(1)
    cloud.configuration.write_text(cloud.configuration.read_text() + f"[metrics]\ningester_port = {port}\n")
    start("ingest", "--configuration", str(cloud.configuration)).wait_for("ingest.ready")
    person, device = Person("Ada"), Device()
    rows = [person.row(device, weight(70_000), 1_790_000_000) for _ in range(2)]
    gateway.publish(b"garbage")
    gateway.publish(person.message(rows, cloud.sealing_key))
    gateway.receipt()
    found = figures(port)
    assert found['foyer_ingest_messages_total{outcome="committed"}'] == 1
    assert found['foyer_ingest_messages_total{outcome="set_aside"}'] == 1
    assert found['foyer_ingest_rows_total{status="stored"}'] == 2
    assert found["foyer_ingest_store_seconds_count"] >= 1
    text = " ".join(found)
    assert not any(secret in text for secret in (gateway.alias, person.pseudonym.hex(), rows[0].row_id.hex()))


def test_a_taken_port_and_a_wrong_one_are_one_sentence(tmp_path: Any) -> None:
    """Named by its setting."""
    port = free_ports(1)[0]
    measures.serve(port)
    with pytest.raises(CannotStart, match=rf"^Port {port}, for the figures"):
        measures.serve(port)
    (tmp_path / "cloud.toml").write_text(GOOD + "[metrics]\nsite_port = -1\n")
    with pytest.raises(BadConfiguration, match=r"metrics\.site_port"):
        configuration.read(tmp_path / "cloud.toml")
