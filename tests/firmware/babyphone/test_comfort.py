"""Light and sound are as they were asked for, for as long as they were asked for; music is music, noise is noise, and neither a cry."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware.babyphone import music
from protocol import commands
from tests.firmware.babyphone import comfort_bodies as bodies
from tests.firmware.babyphone import sounds
from tests.on_micropython import BATCH_KiB, both_pythons, there
from tools.replays import babyphone

Call = Callable[..., object]
C5_Hz = 523.25
MINUTE_MS = 60_000
# The melody as it is sung, by itself: half tones above the lowest C, and eighths.
SUNG = [(4, 1), (4, 1), (7, 3), (4, 1), (4, 2), (7, 4), (4, 1), (7, 1), (12, 2), (11, 3), (9, 1), (9, 2), (7, 2)]


def pitch_Hz(sound: NDArray[np.float64]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 16))
    return float(np.argmax(spectrum)) * music.RATE_Hz / (1 << 16)


def test_the_lullaby_is_the_lullaby() -> None:
    """Each of its first notes has its pitch to a hundredth, at its time."""
    chunks = bodies.played(music.LULLABY, music.LOUDEST, 260)
    sound = np.concatenate([np.array(chunk, dtype=np.float64) for chunk in chunks])
    at = 0
    for half_tones, eighths in SUNG:
        length = eighths * 54 * 64
        note = sound[at + 200 : at + min(length, 3000)]
        assert pitch_Hz(note) == pytest.approx(C5_Hz * 2 ** (half_tones / 12), rel=0.01)
        at += length


@both_pythons
def test_it_never_stops_nor_clips(call: Call) -> None:
    """It begins again when it is over, and no value is above what it may be, in either Python and for each sound."""
    for sound in music.SOUNDS:
        peaks = call(bodies.peaks, sound, 9000, 1000, 25)
        assert max(peaks) <= 9000  # type: ignore[call-overload]
        assert min(peaks) > 100  # type: ignore[call-overload]


def test_both_pythons_play_the_same() -> None:
    """A device's floats are shorter: a value may differ by one in its sine and a thousandth in its pitch, not in what one hears."""
    far = np.array(there(bodies.played, music.LULLABY, 16_000, 40, heap_KiB=BATCH_KiB), dtype=float)
    here = np.array(bodies.played(music.LULLABY, 16_000, 40), dtype=float)
    assert float(np.abs(here - far).max()) < 400


def test_white_noise_is_white() -> None:
    """Each octave of it is as dense as the next, within 1 dB."""
    sound = np.concatenate(bodies.played(music.NOISE, music.LOUDEST, 300)).astype(float)
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / music.RATE_Hz)
    bands = [10 * np.log10(power[(frequencies > low) & (frequencies <= 2 * low)].mean()) for low in (125, 250, 500, 1000, 2000)]
    assert max(bands) - min(bands) < 1.0


@both_pythons
def test_light_and_sound_end_by_their_timers(call: Call) -> None:
    """The light shines for its minutes, the sound for its own; the amplifier is on while something plays, and only then."""
    seen = call(
        bodies.evening,
        [
            ("light", {14: 50, 17: 1}),
            ("play", {15: 1, 16: 60, 17: 2}),
            ("wait", {0: MINUTE_MS + 1000}),
            ("wait", {0: MINUTE_MS}),
            ("light", {14: 100}),
            ("wait", {0: 5 * MINUTE_MS}),
            ("light", {14: 0}),
        ],
    )
    *states, happened = seen  # type: ignore[misc]
    assert states == [
        [50, 0, 40, 0, 16383],
        [50, 1, 60, 2, 16383],
        [0, 1, 60, 1, 0],
        [0, 0, 60, 0, 0],
        [100, 0, 60, 0, 65535],
        [100, 0, 60, 0, 65535],
        [0, 0, 60, 0, 0],
    ]
    assert happened == ["on", "off"]


@both_pythons
def test_the_buttons_do_what_a_hand_in_the_dark_expects(call: Call) -> None:
    """Light: on as it was, off; sound: the lullaby, silence. What the home asked for is ended by them, too."""
    seen = call(
        bodies.evening,
        [
            ("press_light", {}),
            ("press_light", {}),
            ("light", {14: 80, 17: 1}),
            ("press_light", {}),
            ("press_light", {}),
            ("wait", {0: 2 * MINUTE_MS}),
            ("press_sound", {}),
            ("play", {15: 2, 16: 10}),
            ("turn", {16: 70}),
            ("press_sound", {}),
        ],
    )
    *states, happened = seen  # type: ignore[misc]
    assert [state[0] for state in states] == [30, 0, 80, 0, 80, 80, 80, 80, 80, 80]
    assert [state[1:4] for state in states[6:]] == [[1, 40, 30], [2, 10, 30], [2, 70, 30], [0, 70, 0]]
    assert happened == ["on", "off"]


@pytest.mark.parametrize("volume", [10, 40, 70, 100])
def test_volume_is_a_share_as_heard(volume: int) -> None:
    """Its square is what the speaker gets, and never more than half of full scale, which a child's ears are owed."""
    assert bodies.loudest_at(volume) == pytest.approx(music.LOUDEST * volume**2 / 10_000, rel=0.05, abs=8)


def test_the_kinds_and_arguments_are_the_wires() -> None:
    """The numbers written again on the device are those of protocol/commands.py, and each sound of the wire can be played."""
    assert (commands.LEVEL, commands.SOUND, commands.LOUDNESS, commands.MINUTES, commands.KEY) == (14, 15, 16, 17, 18)
    assert (commands.LIGHT, commands.PLAY, commands.VOLUME, commands.LISTEN) == (8, 9, 10, 11)
    _, least, most, _ = commands.ARGUMENTS[commands.PLAY][commands.SOUND]
    assert tuple(range(least, most + 1)) == music.SOUNDS


@pytest.mark.parametrize("sound", music.SOUNDS)
def test_its_own_sound_is_no_cry(tmp_path: Path, sound: int) -> None:
    """The microphone beside the speaker hears the whole lullaby, and white noise, without taking it for a child."""
    own = np.concatenate(bodies.played(sound, 8000, 700)).astype(float)
    path = sounds.save(tmp_path / "own.wav", np.repeat(own, 2), 0.2)
    windows = [line for line in babyphone.replay([path]) if "second" in line]
    assert len(windows) >= 8
    assert not any(window["crying"] for window in windows)
