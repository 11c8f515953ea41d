"""Under systemd: ready when it serves, alive while writes go through, and kept in its box by the unit."""

import asyncio
import configparser
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from gateway.edges import supervisor
from gateway.edges.buffer import Buffer
from tests.gateway.process import ROOT

UNIT = ROOT / "tools/foyer-gateway.service"


@pytest.mark.anyio
async def test_systemd_hears_that_writes_go_through_and_nothing_when_they_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog is answered after a write; with the writer stuck nothing is said, so systemd starts it anew."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "40000")
        supervisor.notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
        buffer = await Buffer.open(tmp_path / "home.db", 64)
        watching = asyncio.create_task(supervisor.watch(buffer))
        assert [await asyncio.to_thread(systemd.recv, 100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        stuck, asked = asyncio.Event(), asyncio.get_running_loop()
        released = asyncio.run_coroutine_threadsafe

        def wait(_: object) -> None:
            released(stuck.wait(), asked).result()

        blocked = asyncio.create_task(buffer.write(wait))
        await asyncio.sleep(0.05)
        systemd.setblocking(False)
        while True:
            try:
                systemd.recv(100)
            except BlockingIOError:
                break
        await asyncio.sleep(0.2)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        stuck.set()
        await blocked
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await buffer.close()


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, no watchdog, another process's watchdog: all are ordinary."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    supervisor.notify("READY=1")
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert supervisor.watchdog_pause_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    assert supervisor.watchdog_pause_s() == 30.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert supervisor.watchdog_pause_s() is None


def test_the_unit_keeps_the_gateway_in_its_box() -> None:
    """Notify, a watchdog, a user of its own, and every wall that systemd offers a network service."""
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    assert (service["Type"], service["DynamicUser"], service["ProtectSystem"], service["UMask"]) == ("notify", "yes", "strict", "0077")
    assert int(service["WatchdogSec"]) >= 30
    assert service["CapabilityBoundingSet"] == ""
    for wall in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute", "RestrictNamespaces"):
        assert service[wall] == "yes", wall
    for command in (service["ExecStartPre"], service["ExecStart"]):
        assert "-m gateway" in command


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine; the unit's text is tested above")
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    """It understands every line, and rates the exposure low."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/foyer/.venv/bin/python", "/bin/true").replace("/opt/foyer", "/tmp"))  # noqa: S108
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert UNIT.name not in verified.stderr, verified.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)], capture_output=True, text=True, check=False
    )
    exposure = re.search(r"exposure level for \S+ ([0-9.]+)", rated.stdout)
    assert exposure is not None, rated.stderr
    assert float(exposure[1]) <= 2.0
