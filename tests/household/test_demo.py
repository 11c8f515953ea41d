"""The demo as a person meets it at the terminal: it says where things are, stops cleanly, and says in one sentence what it cannot do."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.services import free_ports

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)


def five_free_ports() -> int:
    """Return the first of five neighbouring free ports."""
    while True:
        first = free_ports(1)[0]
        probes = [socket.socket() for _ in range(5)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except (OSError, OverflowError):
            continue
        finally:
            for probe in probes:
                probe.close()
        return first


def processes_of(session: int, home: str) -> list[str]:
    """Return the command lines of everything that this run of the demo started: by its mark, or by its home's folder."""
    mark = f"FOYER_TEST_RUN={session}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            # a device's process is given no environment of ours
            if mark in (entry / "environ").read_bytes().split(b"\0") or home in command:
                found.append(command)
        except OSError:
            continue  # it ended meanwhile, or is not ours to look at
    return found


class Demo(NamedTuple):
    """A demo that has said that the home is running."""

    process: subprocess.Popen[str]
    said: str
    mark: int
    home: str

    def processes(self) -> list[str]:
        return processes_of(self.mark, self.home)


@pytest.fixture
def running() -> Iterator[Demo]:
    mark, first = time.monotonic_ns(), five_free_ports()
    process = subprocess.Popen(
        [ROOT / "foyer", "demo", "--first-port", str(first)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "FOYER_TEST_RUN": str(mark)},
    )
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if "Ctrl-C stops everything" in line:
            break
    yield Demo(process, said, mark, f".foyer/homes/{first}/")
    process.kill()
    process.wait()
    process.stdout.close()


def test_ctrl_c_stops_everything_that_was_started(running: Demo) -> None:
    """Broker, store, gateway and three devices run while the demo does, and none of them after it."""
    assert "Marianne: marianne@home.example" in running.said, running.said
    programs = running.processes()
    assert sum(".flash" in command for command in programs) == 3
    assert sum("mosquitto" in command for command in programs) == 1
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(40) == 130
    assert running.processes() == []


def test_killing_the_demo_leaves_nothing_behind(running: Demo) -> None:
    """Even `kill -9` of the demo itself takes everything with it."""
    running.process.kill()
    running.process.wait()
    end = time.monotonic() + 20
    while running.processes() and time.monotonic() < end:
        time.sleep(0.1)
    assert running.processes() == []


def test_a_taken_port_is_one_sentence_and_a_non_zero_exit() -> None:
    """The sentence names the port and what it is for."""
    first = five_free_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", first + 1))
        other.listen()
        done = subprocess.run([ROOT / "foyer", "demo", "--first-port", str(first)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {first + 1}, for the gateway's page, is taken")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--report", "x.json"], "go with --once"),
        (["--first-port", "80"], "no port from 1024"),
        (["--judge", "nowhere.json"], "holds no evidence"),
        (["--once", "--keep", "/proc"], "not empty"),
        (["--sideways"], "unrecognized arguments"),
    ],
)
def test_bad_options_are_one_sentence_and_a_non_zero_exit(arguments: list[str], words: str) -> None:
    """No traceback, and nothing is started."""
    done = subprocess.run([ROOT / "foyer", "demo", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
