"""Memory: what was let go is the machine's again."""

import gc
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.edges import memory

_PIECES = 60_000
_PIECE_BYTES = 1000
"""More than Python's own allocator takes, and a fourth of a page."""
_KEPT_EACH = 64


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def a_burst() -> None:
    """Hold much, let nearly all of it go, and say how much of it is this process's before and after giving back."""
    pieces = [bytes(_PIECE_BYTES) for _ in range(_PIECES)]
    kept = pieces[::_KEPT_EACH]
    del pieces
    before = resident_bytes()
    given = memory.give_back()
    print(int(given), before - resident_bytes(), len(kept))  # the parent reads it


def test_what_a_burst_took_is_the_machines_again_although_some_of_it_lives_on() -> None:
    """Of 60 MB of which a sixty-fourth lives on, scattered over all of it, more than three quarters go back."""
    said = subprocess.run(
        [sys.executable, "-c", "from tests.gateway import test_memory; test_memory.a_burst()"], capture_output=True, check=True
    )
    given, bytes_, _ = map(int, said.stdout.split())
    assert given == 1
    assert bytes_ > _PIECES * _PIECE_BYTES * 3 // 4


def test_a_c_library_that_cannot_be_asked_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no malloc_trim nothing happens, and nothing fails."""
    monkeypatch.setattr(memory, "_trim", None)
    assert memory.give_back() is False


def test_the_programs_themselves_are_not_looked_through_again() -> None:
    """What was there is left out of every later search, and what comes later is still found."""
    memory.settle_down()
    try:
        assert gc.get_freeze_count() > 10_000
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert len(gc.get_objects()) < 1000
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
