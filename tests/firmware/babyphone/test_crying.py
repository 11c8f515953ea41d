"""A crying baby is heard, and what is no crying baby is not; on the device's own code in MicroPython with its heap."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.firmware.babyphone import sounds
from tools import build, micropython
from tools.replays import babyphone

CRIES = Path(__file__).parents[2] / "vectors/cries"
CACHE = build.ROOT / ".foyer/cache"


def windows(paths: list[Path]) -> Iterator[tuple[str, bool, int, int]]:
    """For each file: its name, whether crying was found, in how many of how many windows."""
    for line in babyphone.replay(paths):
        assert "refused" not in line, line
        if "file" in line:
            yield str(line["file"]), bool(line["crying"]), int(str(line["crying_windows"])), int(str(line["windows"]))


def test_recorded_crying_is_found() -> None:
    """In at least four of five phone recordings, and so in the half that the first fit did not see (the final one did)."""
    found = {name: crying for name, crying, _, _ in windows(sorted(CRIES.glob("cry*.wav")))}
    assert len(found) == 24
    assert sum(found.values()) >= 20
    even = [crying for name, crying in found.items() if int(name[3:5]) % 2 == 0]
    assert sum(even) >= 10


@pytest.mark.parametrize("peak", [0.9, 0.02])
def test_crying_is_found_however_loud_it_is(tmp_path: Path, peak: float) -> None:
    """In every window of a synthetic cry, near and far."""
    path = sounds.save(tmp_path / "cry.wav", sounds.cry(30, np.random.default_rng(3)), peak)
    assert list(windows([path])) == [("cry.wav", True, 6, 6)]


def test_what_is_no_baby_does_not_cry(tmp_path: Path) -> None:
    """Talk, tunes, machines, rain, doors and laughter: at most one window in twenty."""
    chance = np.random.default_rng(8)
    made = {f"talk{Hz}": sounds.talk(20, chance, Hz) for Hz in (95, 120, 180, 220, 250)}
    made |= {f"piano{Hz}": sounds.tune(20, chance, Hz, 0, 3.0) for Hz in (196, 262, 330)}
    made |= {f"violin{Hz}": sounds.tune(20, chance, Hz, 0.01, 0.1) for Hz in (196, 294, 392)}
    made |= {f"hum{Hz}": sounds.hum(10, chance, Hz) for Hz in (50, 100, 300, 450)}
    made |= {f"rustle{fall}": sounds.rustle(20, chance, fall) for fall in (0.0, 0.5, 1.0)}
    made |= {f"laughter{Hz}": sounds.laughter(20, chance, Hz) for Hz in (220, 300, 380, 460)}
    made["doors"] = sounds.doors(30, chance)
    results = list(windows([sounds.save(tmp_path / f"{name}.wav", sound, chance.uniform(0.05, 0.9)) for name, sound in made.items()]))
    alarms, judged = sum(crying for _, _, crying, _ in results), sum(number for *_, number in results)
    assert judged >= 80
    assert alarms * 20 <= judged, [result for result in results if result[1]]


@pytest.mark.parametrize("minutes", [4, pytest.param(60, marks=pytest.mark.long)])
def test_a_quiet_room_never_cries(tmp_path: Path, minutes: int) -> None:
    """Not once in an hour."""
    path = sounds.save(tmp_path / "quiet.wav", sounds.rustle(60 * minutes, np.random.default_rng(2), 0.5), 0.0006)
    assert list(windows([path])) == [("quiet.wav", False, 0, 12 * minutes)]


def test_viper_and_bytecode_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Window by window, level and verdict alike, also at full scale, where a number out of its 31 bits would show."""
    chance = np.random.default_rng(4)
    paths = [CRIES / "cry01.wav", sounds.save(tmp_path / "loud.wav", np.sign(sounds.rustle(6, chance, 0.5)), 1.0)]
    paths.append(sounds.save(tmp_path / "faint.wav", sounds.rustle(5, chance, 0.0), 0.0002))
    viper = list(babyphone.replay(paths))
    monkeypatch.setattr(build, "simulated", lambda _bits: None)
    assert list(babyphone.replay(paths)) == viper
    interpreter = micropython.find(CACHE)
    assert interpreter is not None


def test_the_same_sound_at_8_kHz_is_the_same_crying(tmp_path: Path) -> None:
    """What a phone kept of it is enough."""
    cry = sounds.cry(20, np.random.default_rng(5))
    spectrum = np.fft.rfft(cry)
    spectrum[np.fft.rfftfreq(len(cry), 1 / sounds.RATE_Hz) > 3700] = 0
    half = np.fft.irfft(spectrum, len(cry))[::2]
    paths = [sounds.save(tmp_path / "16.wav", cry), sounds.save(tmp_path / "8.wav", half, 0.3, 8000)]
    assert [result[1:] for result in windows(paths)] == [(True, 4, 4)] * 2


def test_a_strange_file_gets_one_sentence(tmp_path: Path) -> None:
    """Empty, no sound, another rate, gone, or cut in the middle of its head; the others are still replayed."""
    whole = (CRIES / "cry02.wav").read_bytes()
    strange = {"empty": b"", "text": b"not a sound at all", "head": whole[:30], "silent": whole[:44], "short": whole[:400]}
    for name, data in strange.items():
        (tmp_path / f"{name}.wav").write_bytes(data)
    sounds.save(tmp_path / "rate.wav", sounds.rustle(1, np.random.default_rng(1), 0), rate_Hz=22_050)
    paths = [tmp_path / f"{name}.wav" for name in (*strange, "rate", "absent")]
    lines = list(babyphone.replay([*paths, tmp_path, CRIES / "cry02.wav"]))
    assert all(isinstance(line["refused"], str) and "Traceback" not in str(line["refused"]) for line in lines[: len(paths) + 1])
    assert lines[-1] == {"file": "cry02.wav", "crying": True, "windows": 2, "crying_windows": 2}


def test_an_unfinished_wav_file_is_replayed_as_far_as_it_goes(tmp_path: Path) -> None:
    """A program that writes into a pipe never fills in the length."""
    path = sounds.save(tmp_path / "pipe.wav", sounds.cry(7, np.random.default_rng(5)))
    whole = bytearray(path.read_bytes())
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(whole)
    assert list(windows([path])) == [("pipe.wav", True, 2, 2)]
