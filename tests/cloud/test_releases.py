"""The shelf lists whole releases and hands out what it lists, and nothing else."""

from pathlib import Path

import pytest

from cloud import releases
from tools import flash, release


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A release of these sources as `foyer device build` packs it, and its version."""
    key = release.signing_key(tmp_path_factory.mktemp("keys") / "release.pem")
    made = release.of_sources("scale")
    return release.pack("scale", made.files, key), made.version


def lay(folder: Path, packed: bytes, name: str = "scale-0.1.0") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.foyer").write_bytes(packed)


def test_a_release_is_listed_with_what_it_says_of_itself(tmp_path: Path, built: tuple[bytes, str]) -> None:
    """Kind, version and the file's checksum; without the other files nothing can be installed from a browser."""
    lay(tmp_path / "shelf", built[0])
    (found,) = releases.on_shelf(tmp_path / "shelf")
    assert (found.kind, found.version, found.sha256) == ("scale", built[1], release.sha256(built[0]))
    assert releases.install_manifest(tmp_path / "shelf", "scale", "/releases") is None


def test_what_is_no_whole_release_is_not_listed(tmp_path: Path, built: tuple[bytes, str]) -> None:
    """Cut short, of another kind of file, too large, or nothing at all."""
    shelf = tmp_path / "shelf"
    for number, data in enumerate((b"", built[0][:100], b"PK\x03\x04" * 50, built[0] + bytes(1 << 20))):
        lay(shelf, data, f"broken-{number}")
    assert releases.on_shelf(shelf) == []
    assert releases.on_shelf(tmp_path / "nowhere") == []
    assert releases.on_shelf(None) == []


def test_a_browser_installs_the_interpreter_and_the_files(tmp_path: Path, built: tuple[bytes, str]) -> None:
    """Both parts, each where the flash has it; the files' image ends with its last used block."""
    shelf = tmp_path / "shelf"
    lay(shelf, built[0])
    image = b"\x00" * 5000 + b"\xff" * 20_000
    (shelf / "scale-0.1.0-files.bin").write_bytes(flash.without_erased_end(image))
    (shelf / "micropython.bin").write_bytes(b"\xe9")
    manifest = releases.install_manifest(shelf, "scale", "/releases")
    assert manifest is not None
    builds = manifest["builds"]
    assert isinstance(builds, list)
    (one,) = builds
    assert one["chipFamily"] == "ESP32-S3"
    assert [(part["path"], part["offset"]) for part in one["parts"]] == [
        ("/releases/micropython.bin", 0),
        ("/releases/scale-0.1.0-files.bin", 0x200000),
    ]
    assert (shelf / "scale-0.1.0-files.bin").stat().st_size == 8192


@pytest.mark.parametrize("name", ["", ".", "..", "../secret", "secret", "scale-0.1.0.foyer/", "/etc/passwd", "scale-0.1.0-files.bin"])
def test_only_what_is_listed_is_handed_out(tmp_path: Path, built: tuple[bytes, str], name: str) -> None:
    """Neither a file beside it nor one above it, nor one that is not there."""
    lay(tmp_path / "shelf", built[0])
    (tmp_path / "secret").write_text("a key")
    (tmp_path / "shelf/secret").write_text("a key")
    assert releases.file_of(tmp_path / "shelf", name) is None
    assert releases.file_of(tmp_path / "shelf", "scale-0.1.0.foyer") == tmp_path / "shelf/scale-0.1.0.foyer"
