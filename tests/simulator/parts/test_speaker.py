"""The speaker beside the microphone, and the lights."""

import numpy as np
import pytest

from simulator.boards import LISTENING_LAMP, NIGHT_LIGHT, SPEAKER_SHUTDOWN, BabyphoneBoard
from simulator.clock import VirtualClock
from simulator.parts.speaker import Speaker

RATE_Hz = 16_000


@pytest.mark.parametrize(("frequency_Hz", "level_dB"), [(1000.0, 104.2), (3000.0, 105.0), (100.0, 85.0)])
def test_a_full_tone_is_as_loud_as_its_size_allows(frequency_Hz: float, level_dB: float) -> None:
    """105 dB at the microphone, and less and less below 300 Hz."""

    def output(at_s: float, count: int, rate_Hz: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return np.asarray(np.sin(2 * np.pi * frequency_Hz * (at_s + np.arange(count) / rate_Hz)), dtype=np.float64)

    pressure_Pa = Speaker(output).pressure_Pa(5.0, RATE_Hz, RATE_Hz)
    assert 20 * np.log10(np.sqrt(np.mean(pressure_Pa**2)) / 20e-6) == pytest.approx(level_dB, abs=0.5)


def test_the_microphone_hears_the_speaker_beside_it() -> None:
    """What the amplifier plays is in the room's sound, and the room alone when it is shut down."""
    clock = VirtualClock(10.0)
    board = BabyphoneBoard(clock, 3, lambda _what, _facts: None)
    board.amplifier.play(np.sin(2 * np.pi * 1000 * np.arange(16_000) / 8000), 10.0, 8000)

    def level_dB() -> float:
        return float(20 * np.log10(np.sqrt(np.mean(board.sound.pressure_Pa(10.5, RATE_Hz // 2, RATE_Hz) ** 2)) / 20e-6))

    assert level_dB() < 50
    board.lines.drive(SPEAKER_SHUTDOWN, 1, 10.0, 0.0)
    assert level_dB() > 100


def test_lights_are_as_bright_as_their_pins_and_dark_without_power() -> None:
    """Share of PWM and level are what one sees, and a reset lets go of both."""
    board = BabyphoneBoard(VirtualClock(10.0), 3, lambda _what, _facts: None)
    board.lines.duty(NIGHT_LIGHT, 1000, 0.25, 11.0)
    board.lines.drive(LISTENING_LAMP, 1, 11.0, 0.0)
    assert (board.look()["night_light"], board.look()["listening_lamp"]) == (0.25, True)
    board.lose_power()
    assert (board.look()["night_light"], board.look()["listening_lamp"]) == (0.0, False)
    assert board.night_light.history == [(11.0, 0.25), (10.0, 0.0)]
