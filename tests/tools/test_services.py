"""Services: started when they say so, heard, killed, stopped; and what is said when one fails."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tools.services import PortTaken, Service, ServiceFailed, free_ports, require_free

READY = "import json, sys, time; print(json.dumps({'event': 'up', 'port': 7}), flush=True); "


def live(folder: Path, program: str, work: Callable[[Service], Awaitable[None]]) -> Service:
    """Run a Python one-liner as a service and do something with it; it has ended afterwards."""
    service = Service("thing", [sys.executable, "-c", program], folder / "thing.log")

    async def run() -> None:
        try:
            await work(service)
        finally:
            await service.stop()

    asyncio.run(run())
    assert not service.running
    return service


def test_a_service_has_started_when_it_says_so(tmp_path: Path) -> None:
    """The facts of its ready event come back, and what it says is kept in its log."""

    async def work(service: Service) -> None:
        assert (await service.start("up"))["port"] == 7
        assert service.running

    live(tmp_path, READY + "time.sleep(60)", work)
    assert '"event": "up"' in (tmp_path / "thing.log").read_text()


def test_a_service_that_ends_early_is_named_with_its_last_word(tmp_path: Path) -> None:
    """Its last plain line is what a person is told."""

    async def work(service: Service) -> None:
        with pytest.raises(ServiceFailed, match=r"The thing ended before it was ready: no certificate"):
            await service.start("up")

    live(tmp_path, "import sys; print('no certificate'); sys.exit(3)", work)


def test_a_silent_service_is_given_up_and_ended(tmp_path: Path) -> None:
    """Waiting has an end, and nothing is left running."""

    async def work(service: Service) -> None:
        with pytest.raises(ServiceFailed, match="did not answer within"):
            await service.start("up", 0.3)

    live(tmp_path, "import time; time.sleep(60)", work)


def test_a_killed_service_starts_again(tmp_path: Path) -> None:
    """What it said before does not count for the new start."""

    async def work(service: Service) -> None:
        await service.start("up")
        first = service.pid
        await service.kill()
        assert not service.running
        await service.start("up")
        assert service.pid != first
        assert len(service.said) == 1

    live(tmp_path, READY + "time.sleep(60)", work)


def test_a_service_that_will_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    """A polite request that is ignored is followed by one that cannot be, for the whole group."""
    program = (
        "import signal, subprocess, sys, json, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(json.dumps({'event': 'up', 'child': child.pid}), flush=True); time.sleep(60)"
    )
    children: list[int] = []

    async def work(service: Service) -> None:
        children.append(int(str((await service.start("up"))["child"])))
        await service.stop(timeout_s=0.5)

    live(tmp_path, program, work)
    end = time.monotonic() + 5
    while Path(f"/proc/{children[0]}").exists() and "Z" not in status_of(children[0]) and time.monotonic() < end:
        time.sleep(0.05)
    assert "Z" in status_of(children[0]) or not Path(f"/proc/{children[0]}").exists()


def status_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_free_ports_are_free_and_different() -> None:
    """As many as were asked for, each once, and each may be bound."""
    ports = free_ports(6)
    assert len(set(ports)) == 6
    for port in ports:
        require_free(port, "the test")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_taken_port_is_named_with_its_purpose(kind: socket.SocketKind) -> None:
    """TCP or UDP, the sentence says which port and what it was for."""
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port}, for the site, is taken"):
            require_free(port, "the site")


def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """The kernel ends a service whose starter was killed."""
    program = (
        "import asyncio, sys; from pathlib import Path; from tools.services import Service\n"
        "async def main():\n"
        f"    service = Service('thing', [sys.executable, '-c', {READY + 'time.sleep(60)'!r}], Path({str(tmp_path / 'log')!r}))\n"
        "    await service.start('up'); print(service.pid, flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    read, write = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", program],
        {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )
    os.close(write)
    with os.fdopen(read) as said:
        child = int(said.readline())
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        end = time.monotonic() + 5
        while status_of(child) not in ("Z", "X") and time.monotonic() < end:
            time.sleep(0.05)
    assert status_of(child) in ("Z", "X")
