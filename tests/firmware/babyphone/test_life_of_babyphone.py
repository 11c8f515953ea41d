"""Whole evenings of a babyphone: the compiled firmware with its heap of 160 KiB on the simulator's parts, which hear, see and press."""

import asyncio
import secrets
from pathlib import Path

import numpy as np
import pytest

from protocol import commands, readings
from simulator.boards import BabyphoneBoard
from simulator.house import Device, House
from tests.firmware.babyphone import sounds
from tests.firmware.babyphone.test_audible import opened, samples
from tests.firmware.babyphone.test_comfort import SUNG, C5_Hz, pitch_Hz
from tests.firmware.home import Home
from tests.firmware.living import live, ready, until

SETTINGS = {"climate_ms": 10_000}
LIGHT, SOUND, VOLUME, MINUTES, HEARD = 32, 33, 34, 35, 36


class Parent:
    """Gives the device commands, one after the other, and waits for each answer."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.number = 0

    async def ask(self, kind: int, **arguments: int | bytes) -> None:
        self.number += 1
        self.home.ask({commands.KIND: kind, commands.NUMBER: self.number, **{int(key[1:]): value for key, value in arguments.items()}})
        await until(lambda: any(result[commands.NUMBER] == self.number for result in self.home.results), 30)
        assert self.home.results[-1][commands.OUTCOME] == commands.DONE

    async def sees(self, **facts: int) -> None:
        """Wait until the live values say so."""
        wanted = {globals()[name.upper()]: value for name, value in facts.items()}
        await until(lambda: bool(self.home.live) and all(self.home.live[-1].get(key, 0) == value for key, value in wanted.items()), 20)


def board_of(device: Device) -> BabyphoneBoard:
    assert isinstance(device.board, BabyphoneBoard)
    return device.board


def test_light_and_sound_are_seen_and_heard_in_the_room(tmp_path: Path) -> None:
    """The parts show what the commands and the buttons asked for: brightness, melody, loudness, silence; the live values tell the same."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        home, board = homes["babyphone"], board_of(devices["babyphone"])
        parent = Parent(home)
        await until(lambda: bool(home.presences), 40)
        await parent.ask(commands.LIGHT, _14=50)
        assert board.night_light.share == pytest.approx(0.25, abs=0.001)
        await parent.ask(commands.PLAY, _15=1, _16=80, _17=10)
        began_s = board.clock.now_s()
        await parent.sees(light=50, sound=1, volume=80, minutes=10)
        await asyncio.sleep(4)
        heard = board.amplifier.output(began_s - 1.0, 6 * 8000, 8000)
        start = int(np.argmax(np.abs(heard) > 0.02))
        at = start
        for half_tones, eighths in SUNG[:3]:
            length = eighths * 54 * 64
            assert pitch_Hz(heard[at + 400 : at + min(length, 3400)]) == pytest.approx(C5_Hz * 2 ** (half_tones / 12), rel=0.02)
            at += length
        assert 0.1 < np.abs(heard).max() <= 0.5 * 0.8**2 + 0.01
        assert not home.live[-1][readings.CRYING], "its own lullaby is no cry"
        await parent.ask(commands.VOLUME, _16=20)
        await parent.sees(volume=20)
        await parent.ask(commands.STOP)
        assert not board.amplifier.is_on
        await parent.sees(sound=0, light=50)
        board.light_button.press(board.clock.now_s())
        await parent.sees(light=0)
        assert board.night_light.share == 0
        board.sound_button.press(board.clock.now_s())
        await parent.sees(sound=1)
        assert board.amplifier.is_on
        assert ready(devices["babyphone"])["boot"] == 1
        assert not [line for line in devices["babyphone"].console if "fault" in line]

    live(tmp_path, {"babyphone": "babyphone"}, script, settings=SETTINGS)


def test_a_parent_hears_the_room_and_the_lamp_says_so(tmp_path: Path) -> None:
    """Nothing before, the room while asked, nothing after; the lamp is lit from the first packet to the end; readings go on.

    Meanwhile a lullaby plays, a reading is signed and the heap is looked at every three seconds: all of it has room at once.
    """

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["babyphone"], homes["babyphone"]
        board, parent, key = board_of(device), Parent(home), secrets.token_bytes(16)
        await until(lambda: bool(home.presences), 40)
        recording = sounds.save(tmp_path / "tone.wav", np.sin(2 * np.pi * 700 * np.arange(30 * 16_000) / 16_000), 1.0)
        house.play_wav(recording, full_scale_dB=75.0)
        await parent.ask(commands.LIGHT, _14=10)
        assert home.sound == []
        await parent.ask(commands.LISTEN, _11=8, _18=key)
        await until(lambda: len(home.sound) > 0, 20)
        assert board.listening_lamp.share == 1
        await parent.sees(heard=1)
        received = len(home.got)
        await parent.ask(commands.PLAY, _15=2, _16=10)
        await parent.sees(heard=0, sound=2)
        assert board.listening_lamp.share == 0
        assert [share for _, share in board.listening_lamp.history] == [1, 0]
        last = len(home.sound)
        await until(lambda: len(home.got) > received + 1, 40)
        assert len(home.sound) == last, "not a packet after its end"
        numbers = [int.from_bytes(packet[9:13], "big") for packet in home.sound]
        assert numbers == list(range(len(numbers)))
        assert 5 <= len(numbers) <= 63, "eight seconds of eight packets each, less what a busy computer keeps from it"
        tone = samples(opened(home.sound[4], key))
        assert pitch_Hz(tone) == pytest.approx(700, rel=0.02)
        assert not [line for line in device.console if "fault" in line]
        assert ready(device)["boot"] == 1

    often = ("firmware/watch.py", "_HEAP_LOOKS = const(60)", "_HEAP_LOOKS = const(3)")
    live(tmp_path, {"babyphone": "babyphone"}, script, [often], SETTINGS)


def test_a_home_that_lost_its_keys_is_met_again_in_the_middle_of_it_all(tmp_path: Path) -> None:
    """A lullaby plays and a parent listens when the gateway starts anew: the listening ends, the rest goes on, and the heap suffices."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["babyphone"], homes["babyphone"]
        board, parent = board_of(device), Parent(home)
        await until(lambda: bool(home.presences), 40)
        await parent.ask(commands.PLAY, _15=1, _16=60)
        await parent.ask(commands.LISTEN, _11=600, _18=secrets.token_bytes(16))
        await until(lambda: len(home.sound) > 3, 20)
        introductions, received = home.introductions, len(home.got)
        home.lose_keys()
        await until(lambda: home.introductions > introductions and len(home.got) > received + 1, 90)
        await parent.sees(heard=0, sound=1)
        assert board.listening_lamp.share == 0
        assert board.amplifier.is_on
        assert ready(device)["boot"] == 1
        assert not [line for line in device.console if "fault code=3" in line]

    live(tmp_path, {"babyphone": "babyphone"}, script, settings={"climate_ms": 5000, "retry_ms": 200})
