"""The fetched MicroPython: 32 bit, bounded, with what the firmware needs; and a sentence where it cannot be had."""

import subprocess
from pathlib import Path

import pytest

from tools import build, micropython

FOUND = micropython.find(build.ROOT / ".foyer/cache")


def run(program: str) -> str:
    assert FOUND is not None
    done = subprocess.run([*FOUND.command, "-X", "heapsize=160k", "-c", program], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def test_it_has_an_esp32s_word_size_and_a_bounded_heap() -> None:
    """The heap is what was asked for, and asking for more than it has ends in MemoryError."""
    assert FOUND is not None
    assert FOUND.word_bits == 32
    assert "MemoryError" in run("bytearray(170 * 1024)")
    assert int(run("import gc; gc.collect(); print(gc.mem_free() + gc.mem_alloc())")) <= 160 * 1024


@pytest.mark.parametrize("module", ["asyncio", "cryptolib", "hashlib", "socket", "vfs"])
def test_it_has_what_the_firmware_imports(module: str) -> None:
    """Each built-in that the firmware leans on is there."""
    assert run(f"import {module}; print('there')") == "there\n"


def test_without_apt_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, with the package's name and the version."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(micropython.MicroPythonMissing, match="install a package named micropython"):
        micropython.fetch(tmp_path)


def test_a_half_unpacked_interpreter_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was unpacked to the end counts; the folder of an interrupted fetch does not."""
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "micropython/usr/bin").mkdir(parents=True)
    (tmp_path / "micropython/usr/bin/micropython").touch()
    assert micropython.find(tmp_path) is None
