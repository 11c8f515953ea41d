"""Live listening: no sound without a parent's command, none after its time, each packet closed, and what is opened is the room."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from numpy.typing import NDArray

from protocol import faults
from tests import cryptolib
from tests.on_micropython import BATCH_KiB, here, there

cryptolib.install()

from firmware.babyphone import audible, listening  # noqa: E402  which need it
from tests.firmware.babyphone import comfort_bodies as bodies  # noqa: E402

Call = Callable[..., object]
# packets cross as text: with a device's heap alone they would not fit beside what makes them
both_pythons = pytest.mark.parametrize("call", [here, partial(there, heap_KiB=BATCH_KiB)], ids=["cpython", "micropython"])
KEY, OTHER = bytes(range(16)), bytes(range(1, 17))
RATE_Hz = 8000
FRAMES_A_PACKET = 4


def opened(packet: bytes, key: bytes = KEY) -> bytes:
    return AESCCM(key, 8).decrypt(packet[:13], packet[13:], audible.ASSOCIATED)


def samples(text: bytes) -> NDArray[np.float64]:
    """Decode IMA ADPCM, written again from the recommended practices."""
    guess, place = int.from_bytes(text[:2], "big", signed=True), text[2]
    steps = listening._steps()
    out = []
    for code in (nibble for byte in text[3:] for nibble in (byte & 15, byte >> 4)):
        step = steps[place]
        change = (step >> 3) + sum(step >> shift for bit, shift in ((4, 0), (2, 1), (1, 2)) if code & bit)
        guess = max(-32768, min(32767, guess - change if code & 8 else guess + change))
        place = max(0, min(88, place + (-1, -1, -1, -1, 2, 4, 6, 8)[code & 7]))
        out.append(guess)
    return np.array(out, dtype=np.float64)


@both_pythons
def test_no_sound_is_sent_unasked(call: Call) -> None:
    """Four seconds of a loud room and no command: nothing is sent, and the lamp stays dark."""
    assert call(bodies.listened, 125, []) == [[], [], [0], False]


@both_pythons
def test_it_is_sent_for_as_long_as_asked_and_not_longer(call: Call) -> None:
    """A second asked for, three heard: the packets of one second; the lamp is lit by the first and dark at the end."""
    answers, sent, lamp, heard = call(bodies.listened, 94, [(10, {1: 5, 11: 1, 18: KEY})])  # type: ignore[misc]
    assert answers == [0]
    assert [frame for frame, *_ in sent] == [10 + FRAMES_A_PACKET * (number + 1) - 1 for number in range(8)]
    assert {(path, form) for _, path, form, _ in sent} == {("s", 42)}
    assert lamp == [0, 1, 0]
    assert heard is False
    assert all(len(opened(packet)) == 515 for *_, packet in sent)


@both_pythons
def test_it_ends_when_told_and_another_key_closes_the_next(call: Call) -> None:
    """Seconds of 0 end it at once; a new listening has its own key, and no nonce comes twice."""
    asked = [(0, {1: 5, 11: 600, 18: KEY}), (8, {1: 6, 11: 0}), (12, {1: 7, 11: 600, 18: OTHER}), (20, {1: 8, 11: 600, 18: OTHER})]
    answers, sent, lamp, heard = call(bodies.listened, 29, asked)  # type: ignore[misc]
    assert answers == [0, 0, 0, 0]
    assert [frame for frame, *_ in sent] == [3, 7, 15, 19, 23, 27]
    assert lamp == [0, 1, 0, 1, 0, 1]
    assert heard is True
    assert len({packet[:13] for *_, packet in sent}) == len(sent)
    for number, (*_, packet) in enumerate(sent):
        assert len(opened(packet, KEY if number < 2 else OTHER)) == 515
        with pytest.raises(InvalidTag):
            opened(packet, OTHER if number < 2 else KEY)


@both_pythons
def test_a_lost_link_ends_it(call: Call) -> None:
    """Sound that nobody would hear is not even closed: with the link goes the listening, and the lamp says so."""
    _, sent, lamp, heard = call(bodies.listened, 30, [(0, {1: 5, 11: 600, 18: KEY})], 10)  # type: ignore[misc]
    assert [frame for frame, *_ in sent] == [3, 7]
    assert lamp == [0, 1, 0]
    assert heard is False


@both_pythons
def test_without_a_key_nothing_is_heard(call: Call) -> None:
    """A command that came without its key, as after a gateway's restart, is refused with its reason."""
    assert call(bodies.listened, 20, [(2, {1: 5, 11: 60})]) == [[faults.COMMAND_UNFIT], [], [0], False]


@both_pythons
def test_what_is_opened_is_the_room(call: Call) -> None:
    """The tone that was in the room comes out at its pitch and level, each packet by itself, 25 dB above what the compression adds."""
    _, sent, _, _ = call(bodies.listened, 40, [(0, {1: 5, 11: 60, 18: KEY})])  # type: ignore[misc]
    heard = [samples(opened(packet)) for *_, packet in sent]
    assert len(heard) == 10
    for part in heard[2:]:
        moments = np.arange(len(part)) / RATE_Hz
        basis = np.stack([np.sin(2 * np.pi * 440 * moments), np.cos(2 * np.pi * 440 * moments)])
        weights = 2 * basis @ part / len(part)
        level_dB = 94 + 20 * np.log10(np.hypot(*weights) / 2**0.5 * 8 / 297_286)
        assert level_dB == pytest.approx(80, abs=1.5)
        rest = part - weights @ basis
        assert 10 * np.log10(np.mean((weights @ basis) ** 2) / np.mean(rest**2)) > 25


@both_pythons
def test_its_time_has_an_end_whatever_is_asked(call: Call) -> None:
    """Ten minutes are the most, also for a command that asks for more (threats T22)."""
    assert [call(bodies.ends_s, seconds) for seconds in (1, 60, 600, 10**6)] == [1, 60, 600, 600]
