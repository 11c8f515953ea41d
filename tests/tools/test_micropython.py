"""The fetched MicroPython: 32 bit, bounded, with what the firmware needs; and a sentence where it cannot be had."""

import functools
import http.server
import subprocess
import threading
from hashlib import sha256
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


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        return


def test_what_is_pinned_is_taken_by_its_digest_all_of_it_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a real mirror's shape by apt's own helper: right files are kept; one that is another, or gone, takes the others with it."""
    pool, scratch = tmp_path / "mirror/pool/main", tmp_path / "scratch"
    pool.mkdir(parents=True)
    scratch.mkdir()
    for name in ("one.deb", "other.deb"):
        (pool / name).write_bytes(name.encode())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "mirror"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(micropython, "_mirror", lambda: f"http://127.0.0.1:{server.server_port}/")
    right = {name: sha256(name.encode()).hexdigest() for name in ("one.deb", "other.deb")}
    try:
        for pinned in ({**right, "other.deb": "00" * 32}, {**right, "gone.deb": "00" * 32}):
            monkeypatch.setattr(micropython, "PINNED", pinned)
            with pytest.raises(micropython.MicroPythonMissing):
                micropython._download_pinned(scratch)
            assert not list(scratch.glob("*.deb"))
        monkeypatch.setattr(micropython, "PINNED", right)
        micropython._download_pinned(scratch)
    finally:
        server.shutdown()
        server.server_close()
    assert sorted(file.name for file in scratch.glob("*.deb")) == ["one.deb", "other.deb"]
