"""The technician's bench, for every test that sits at one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.usb.board import BenchDevice
from tests.tools.bench_room import BenchRoom
from tools import build, micropython


@pytest.fixture
def room(tmp_path: Path) -> Iterator[BenchRoom]:
    """A bench with nothing on it."""
    found = micropython.find(build.ROOT / ".foyer/cache")
    if found is None:
        pytest.fail("MicroPython is not here: ./foyer test fetches it")
    made = BenchRoom(tmp_path, found.command)
    yield made
    made.close()


@pytest.fixture
def flashed(room: BenchRoom) -> BenchDevice:
    """A board on it that was blank and is now a scale without keys."""
    device = room.board()
    done = room.flash(device)
    assert done.returncode == 0, done.stdout + done.stderr
    return device
