"""`foyer replay babyphone`: recordings of a room through the device's own listening, in MicroPython with the device's heap.

A recording is a WAV file of 8 000 or 16 000 samples a second; its full scale is taken for the microphone's (120 dB SPL), so a phone's
recording is told louder than it was. For each window of 5 s one line of JSON {second, loudness_dBA, crying}, the last one over the last
5 s of the file; then one for the file {file, crying, windows, crying_windows}: whether any window is of crying, of how
many, and how many are.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.parts.recording import NoRecording, Recording
from tools import build, micropython

WINDOW_s = 5
RATE_Hz = 16_000
RATES_Hz = (8000, RATE_Hz)
HEAP_KiB = 160
SHORTEST_s = 0.5
LONGEST_s = 24 * 3600
LEAST_NEW_s = 1.0  # what is left of a file after its last whole window is judged when it is as long as this
FRAME = 512  # samples that the device takes at once
TIMEOUT_s = 60.0
_PIECE = 1 << 16

# Says after each second: its end in frames, its level in half dB, and whether the last five seconds are of crying.
_SCRIPT = f"""
import sys
from array import array
import uctypes
from firmware.babyphone.listening import Listening
slots = array("i", bytes(4 * {FRAME}))
raw = uctypes.bytearray_at(uctypes.addressof(slots), 4 * {FRAME})
listening = Listening()
frames = seconds = 0
while True:
    more = sys.stdin.buffer.readinto(raw) == len(raw)
    if more:
        listening.feed(slots)
        frames += 1
    if (more and frames * {FRAME} >= (seconds + 1) * {RATE_Hz}) or not more:
        seconds += 1
        print(frames, listening.take_half_dB(), 1 if listening.crying.heard() else 0)
    if not more:
        break
"""


class Unreadable(Exception):
    """A file cannot be replayed; the message says why."""


def replay(paths: Sequence[Path]) -> Iterator[dict[str, object]]:
    """Yield for each file its windows and a line for the whole, or one line {file, refused: why}."""
    with tempfile.TemporaryDirectory() as folder:
        command: list[str] | None = None
        for path in paths:
            try:
                recording = Recording(path)
                _check(recording)
                command = command or _device(Path(folder))
                windows = list(_windows(_seconds(command, Path(folder), recording), recording.seconds))
            except (NoRecording, Unreadable) as error:
                yield {"file": path.name, "refused": error.why if isinstance(error, NoRecording) else str(error)}
                continue
            yield from windows
            crying = sum(bool(window["crying"]) for window in windows)
            yield {"file": path.name, "crying": crying > 0, "windows": len(windows), "crying_windows": crying}


def _check(recording: Recording) -> None:
    if recording.rate_Hz not in RATES_Hz:
        raise Unreadable(f"it has {recording.rate_Hz} samples a second; 8000 or 16000 can be replayed")
    if recording.seconds < SHORTEST_s:
        raise Unreadable("it is shorter than half a second")
    if recording.seconds > LONGEST_s:
        raise Unreadable("it is longer than a day")


def _device(folder: Path) -> list[str]:
    """Lay out the device's code in a folder; return the command that runs it. Raises Unreadable: there is no MicroPython."""
    interpreter = micropython.find(build.ROOT / ".foyer/cache")
    if interpreter is None:
        raise Unreadable("MicroPython is not here: ./foyer setup fetches it")
    files = build.files("babyphone", build.ROOT / ".foyer/cache", build.simulated(interpreter.word_bits))
    for name, data in files.items():
        if name.startswith("firmware/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    script = folder / "replaying.py"
    script.write_text(_SCRIPT, encoding="utf-8")
    return [*interpreter.command, "-X", f"heapsize={HEAP_KiB}k", str(script)]


def _slots(recording: Recording) -> Iterator[bytes]:
    """Yield the recording as the microphone would send it: 24 bits to the left in 32, whole frames, the last one filled up with silence."""
    twice = recording.rate_Hz != RATE_Hz
    before = 0.0
    for first in range(0, recording.count, _PIECE):
        samples = recording.samples(first, _PIECE)
        if twice:  # a value between two is their mean: what that adds above 4 kHz is weak, and no pitch
            doubled: NDArray[np.float64] = np.empty(2 * len(samples))
            doubled[0::2] = (np.concatenate(([before], samples[:-1])) + samples) / 2
            doubled[1::2] = samples
            before, samples = float(samples[-1]), doubled
        counts = np.clip(np.rint(samples * 2**23), -(2**23), 2**23 - 1).astype("<i4") << 8
        yield np.concatenate([counts, np.zeros(-len(counts) % FRAME, "<i4")]).tobytes()


def _seconds(command: Sequence[str], folder: Path, recording: Recording) -> list[tuple[int | None, bool]]:
    """Return for each second, and for what is left at the end, its level in half dB and whether the five before it are of crying."""
    with tempfile.TemporaryFile(dir=folder) as said, tempfile.TemporaryFile(dir=folder) as complaints:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=said, stderr=complaints, env={**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
        ) as device:
            try:
                assert device.stdin is not None  # noqa: S101 -- PIPE makes it
                for piece in _slots(recording):
                    device.stdin.write(piece)
                device.stdin.close()
                device.wait(TIMEOUT_s)
            except BrokenPipeError:
                device.wait(TIMEOUT_s)
            except BaseException:
                device.kill()
                raise
        said.seek(0)
        complaints.seek(0)
        if device.returncode != 0:
            raise Unreadable(f"the device's code failed: {complaints.read().decode(errors='replace').strip().splitlines()[-1:]}")
        rows = [line.split() for line in said.read().decode().splitlines()]
    return [(None if level == "None" else int(level), crying == "1") for _, level, crying in rows]


def _windows(seconds: Sequence[tuple[int | None, bool]], length_s: float) -> Iterator[dict[str, object]]:
    """Yield a line for each whole window, and for the last 5 s if a second or more of them is new."""
    whole = int(length_s)
    for end in range(WINDOW_s, whole + 1, WINDOW_s):
        yield _window(end - WINDOW_s, seconds[end - WINDOW_s : end], seconds[end - 1][1])
    if whole < WINDOW_s or length_s - whole // WINDOW_s * WINDOW_s >= LEAST_NEW_s:
        yield _window(max(0.0, round(length_s - WINDOW_s, 1)), seconds[-WINDOW_s:], seconds[-1][1])


def _window(second: float, levels: Sequence[tuple[int | None, bool]], crying: bool) -> dict[str, object]:
    powers = [10 ** (half_dB / 20) for half_dB, _ in levels if half_dB is not None]
    loudness = round(20 * float(np.log10(sum(powers) / len(powers)))) / 2 if powers else None
    return {"second": second, "loudness_dBA": loudness, "crying": crying}
