"""`./foyer cloud`: starts both, says when it is ready, mends what falls, says in one sentence what it cannot do, leaves nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cloud.conftest import ROOT


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cloud", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_both_parts_run_under_one_parent_and_end_with_it(cloud: Any, start: Callable[..., Any]) -> None:
    """Ready when both are; a killed part comes back; after SIGTERM no process is left and the status is 0."""
    running = start("--configuration", str(cloud.configuration))
    assert running.wait_for("cloud.ready")["address"] == cloud.address
    assert httpx.get(f"{cloud.address}/en/").status_code == 200
    children = children_of(running.process.pid)
    assert len(children) == 2
    os.kill(children[0], signal.SIGKILL)
    running.wait_for("cloud.part_fell", part="ingest")
    running.wait_for("ingest.ready")
    children = children_of(running.process.pid)
    assert running.stop() == 0
    assert not any(is_alive(child) for child in children)


def test_parts_end_when_their_parent_is_killed(cloud: Any, start: Callable[..., Any]) -> None:
    """kill -9 of the parent leaves nothing behind."""
    running = start("--configuration", str(cloud.configuration))
    running.wait_for("cloud.ready")
    children = children_of(running.process.pid)
    running.process.kill()
    running.process.wait()
    end_s = time.monotonic() + 10
    while any(is_alive(child) for child in children) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not any(is_alive(child) for child in children)


def test_a_taken_port_is_one_sentence(cloud: Any) -> None:
    """And status 3, from the parent too, with nothing left running."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", cloud.port))
        taken.listen()
        ended = run("--configuration", str(cloud.configuration))
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1
    assert f"Port {cloud.port} " in ended.stderr


@pytest.mark.parametrize(
    ("change", "by", "says"),
    [
        ("[broker]", "[brokers]", "[brokers]"),
        ("ingester.pem", "nothing.pem", "nothing.pem"),
        ('directory = "keys"', 'directory = "other"', "./foyer cloud keys"),
        ("ingester.pem", "authority.pem", "certificate"),
    ],
)
def test_what_has_to_be_mended_first_is_one_sentence(cloud: Any, change: str, by: str, says: str) -> None:
    """No traceback, and not status 0."""
    cloud.configuration.write_text(cloud.configuration.read_text().replace(change, by))
    ended = run("ingest", "--configuration", str(cloud.configuration))
    assert ended.returncode in (2, 3)
    assert ended.stderr.count("\n") == 1
    assert says in ended.stderr


def test_a_missing_configuration_is_one_sentence(tmp_path: Path) -> None:
    """It names the file."""
    ended = run("--configuration", str(tmp_path / "nowhere.toml"))
    assert ended.returncode == 2
    assert "nowhere.toml" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_keys_prints_public_halves_and_no_private_one(cloud: Any) -> None:
    """What it prints is what the homes need, twice the same."""
    printed = run("keys", "--configuration", str(cloud.configuration))
    expected = {"sealing_key": cloud.sealing_key.hex(), "receipt_key": cloud.receipt_key.hex(), "site_key": cloud.site_key.hex()}
    assert json.loads(printed.stdout) == expected
    for path in (cloud.folder / "keys").glob("*.key"):
        assert path.read_bytes().hex() not in printed.stdout + printed.stderr
