"""A real mosquitto for a whole module, a fresh folder of stores and keys for a test, and processes that end with it."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud import credentials, keys
from tests.cloud import counterpart
from tools import broker as broker_tool
from tools.services import free_ports

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of argon2id costs 64 KiB instead of 64 MiB, unless its real cost is what is tested."""
    if "real_password_cost" not in request.fixturenames:
        monkeypatch.setitem(credentials.PROFILES, credentials.CURRENT, credentials.Profile(64, 1, 1))


@pytest.fixture
def real_password_cost() -> None:
    """Asked for by a test whose subject is what a password costs."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker_tool.Broker]:
    made = broker_tool.make(tmp_path_factory.mktemp("broker"), free_ports(1)[0])
    made.start()
    yield made
    made.stop()


class Running:
    """A process of ours whose log lines can be waited for."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment())
        self.lines: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._new: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.said.append(line.decode())
            if line.startswith(b"{"):
                self._new.put(json.loads(line))
        self._new.put(None)

    def wait_for(self, event: str, timeout_s: float = counterpart.WAIT_S, **facts: Any) -> dict[str, Any]:
        end_s = time.monotonic() + timeout_s
        while True:
            line = self._new.get(timeout=max(0.01, end_s - time.monotonic()))
            assert line is not None, f"ended before {event}: {self.said} {self.process.stderr and self.process.stderr.read()!r}"
            self.lines.append(line)
            if line["event"] == event and all(line.get(name) == value for name, value in facts.items()):
                return line

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        return code


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start `python -m cloud ARGUMENTS`, or other Python arguments, and end it with the test."""
    running: list[Running] = []

    def run(*arguments: str, code: str | None = None) -> Running:
        command = [sys.executable, "-c", code, *arguments] if code else [sys.executable, "-m", "cloud", *arguments]
        running.append(Running(command, ROOT))
        return running[-1]

    yield run
    for each in running:
        each.stop()


class Cloud:
    """A configured account store that is not running yet."""

    def __init__(self, folder: Path, broker: broker_tool.Broker, **stores: tuple[str, str]) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.address = f"http://127.0.0.1:{self.port}"
        self.configuration = counterpart.write_configuration(folder, broker, self.port, **stores)
        public = keys.make_missing(folder / "keys")
        self.sealing_key = bytes.fromhex(public["sealing_key"])
        self.receipt_key = bytes.fromhex(public["receipt_key"])
        self.site_key = bytes.fromhex(public["site_key"])


@pytest.fixture
def cloud(tmp_path: Path, broker: broker_tool.Broker) -> Cloud:
    return Cloud(tmp_path, broker)


@pytest.fixture
def gateway(cloud: Cloud, broker: broker_tool.Broker) -> Iterator[counterpart.Gateway]:
    made = counterpart.Gateway(broker, cloud.receipt_key)
    yield made
    made.stop()
