"""A night of ten hours in simulated time: every alarm that it should have, when it should, and no other.

The room is the simulator's (air, walls, window, heater, sounds), the ears are the device's own code in MicroPython with its heap, the
sensor is the chip's emulator behind the device's driver, and the rules are the gateway's. Nothing waits for a clock. Ten minutes of sound
run in every test, all ten hours behind `--long`.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gateway.alarms import CRYING, NO_LIFE, TOO_COLD, TOO_WARM, Room
from gateway.ringing import AGAIN, BEGUN, OVER, Ringing
from simulator.chips import sht4x
from simulator.chips.ics43434 import ICS43434
from simulator.clock import VirtualClock
from simulator.parts.recording import Recording
from simulator.parts.room import Room as Air
from simulator.parts.sound import SoundField
from tests import cryptolib
from tests.firmware.babyphone import sounds
from tools import build, micropython
from tools.replays import babyphone

cryptolib.install()

from firmware.babyphone.climate import Climate, sample_ms  # noqa: E402  which need it
from firmware.drivers import sht4x as driver  # noqa: E402
from tests.simulator.chips.test_sweep import Bus  # noqa: E402

RATE_Hz = 16_000
KID = b"crib"
MINUTE_S, HOUR_S = 60, 3600
CRIES = Path(__file__).parents[1] / "vectors/cries"


_HEARING = """
import sys
from array import array
import uctypes
from firmware.babyphone.listening import Listening
slots = array("i", bytes(4 * 512))
raw = uctypes.bytearray_at(uctypes.addressof(slots), 2048)
listening = Listening()
frames = seconds = 0
while sys.stdin.buffer.readinto(raw) == 2048:
    listening.feed(slots)
    frames += 1
    if (frames + 1) * 512 > (seconds + 1) * 16_000:
        seconds += 1
        print(listening.take_half_dB(), 1 if listening.crying.heard() else 0)
"""


class Told(NamedTuple):
    """An alarm that began, rang again or was over."""

    second: int
    kind: str
    event: str


class Night:
    """One nursery from bedtime on; `told` is what its parents heard of."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.clock = VirtualClock(1000.0)
        self.began_s = self.clock.now_s()
        self.folder = folder
        self.chance = np.random.default_rng(seed)
        self.field = SoundField(seed)
        self.microphone = ICS43434(seed)
        self.microphone.follow(self.field.pressure_Pa)
        self.air = Air(self.began_s, air_Cel=19.0, air_percent=48.0, outside_Cel=2.0)
        self.chip = sht4x.SHT4x(self.began_s, seed)
        self.chip.follow(self.air.air_Cel, self.air.air_percent)
        self.bus = Bus(self.clock)
        self.bus.wires.attach(sht4x.ADDRESS, self.chip)
        self.room = Room(self.began_s)
        self.ringing = Ringing()
        self.told: list[Told] = []
        self.events: list[tuple[int, Callable[[float], object]]] = []
        self.silent: list[tuple[int, int]] = []
        self.second = 0

    # what happens, in seconds after bedtime

    def at(self, second: int, happens: Callable[[float], object]) -> None:
        """Let something happen."""
        self.events.append((second, happens))

    def hears(self, second: int, name: str, sound: sounds.Sound, level_dB: float) -> None:
        """Play a sound whose loudest value has this level."""
        path = sounds.save(self.folder / f"{second}-{name}.wav", sound, 0.5)
        self.at(second, lambda at_s: self.field.play(Recording(path), at_s, level_dB + 6))

    def cries(self, second: int, seconds: int) -> None:
        """A baby cries, as loud as one does beside the device."""
        self.hears(second, "cry", sounds.cry(seconds, self.chance), 92.0)

    def recorded(self, second: int, name: str) -> None:
        """A recorded baby cries."""
        self.at(second, lambda at_s: self.field.play(Recording(CRIES / name), at_s, 95.0))

    # the run

    def run(self, seconds: int) -> None:
        """Let so many seconds pass, through the device's own ears."""
        with ears(self.folder) as hear:
            sensor = driver.SHT4x(self.bus)
            climate = Climate()
            every_s = sample_ms(10_000) / 1000
            due_s = self.began_s
            for self.second in range(1, seconds + 1):
                until_s = self.began_s + self.second
                for second, happens in self.events:
                    if second == self.second - 1:
                        happens(until_s - 1)
                values = self.microphone.samples(self.began_s, (self.second - 1) * RATE_Hz, RATE_Hz, RATE_Hz) << np.int32(8)
                _, crying = hear(values.astype("<i4").tobytes())
                while due_s < until_s:
                    self.clock.advance(max(0.0, due_s - self.clock.now_s()))
                    sensor.start()
                    self.clock.advance(driver.CONVERSION_MS / 1000)
                    climate.feed(*sensor.read())
                    due_s += every_s
                self.clock.advance(max(0.0, until_s - self.clock.now_s()))
                if not any(first <= self.second < last for first, last in self.silent):
                    assert climate.latest is not None
                    self.room.heard(until_s, crying, climate.latest[0] / 100)
                for ring in self.ringing.look(KID, self.room.alarms(until_s), until_s):
                    self.told.append(Told(self.second, ring.kind, ring.event))

    def begun(self, kind: str) -> list[int]:
        """Return when alarms of a kind began."""
        return [told.second for told in self.told if (told.kind, told.event) == (kind, BEGUN)]

    def over(self, kind: str) -> list[int]:
        """Return when they were over."""
        return [told.second for told in self.told if (told.kind, told.event) == (kind, OVER)]


Hear = Callable[[bytes], tuple[int | None, bool]]


@contextmanager
def ears(folder: Path) -> Iterator[Hear]:
    """The device's listening in MicroPython: takes a second of slots, gives its level in half dB and whether a baby cries."""
    command = babyphone._device(folder)
    script = folder / "hearing.py"
    script.write_text(_HEARING, encoding="utf-8")
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    with subprocess.Popen([*command[:-1], str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as device:
        assert device.stdin is not None
        assert device.stdout is not None

        def hear(slots: bytes) -> tuple[int | None, bool]:
            device.stdin.write(slots)  # type: ignore[union-attr]  # PIPE above
            device.stdin.flush()  # type: ignore[union-attr]
            level, crying = device.stdout.readline().split()  # type: ignore[union-attr]
            return (None if level == b"None" else int(level)), crying == b"1"

        try:
            yield hear
        finally:
            device.stdin.close()
            device.wait(20)


@pytest.fixture(autouse=True)
def interpreter_is_here() -> None:
    assert micropython.find(build.ROOT / ".foyer/cache") is not None


def test_ten_minutes_of_a_night(tmp_path: Path) -> None:
    """Talk, a tune, a door and rain ring nothing; a crying baby rings within 15 s, and half a minute after the last cry it is over."""
    night = Night(tmp_path, 5)
    night.hears(20, "talk", sounds.talk(40, night.chance, 180), 75.0)
    night.hears(90, "tune", sounds.tune(40, night.chance, 262, 0, 3.0), 75.0)
    night.hears(150, "door", sounds.doors(20, night.chance), 85.0)
    night.cries(240, 60)
    night.recorded(310, "cry06.wav")
    night.hears(420, "rain", sounds.rustle(120, night.chance, 0.0), 60.0)
    night.run(600)
    (began,), (over,) = night.begun(CRYING), night.over(CRYING)
    assert 240 < began <= 255
    assert 300 + 30 <= over <= 317 + 40
    assert {told.kind for told in night.told} == {CRYING}
    assert [told.event for told in night.told] == [BEGUN, AGAIN, OVER]


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_night_of_ten_hours(tmp_path: Path) -> None:
    """Three times crying, a window that is forgotten, a heater that is forgotten, a lost device: one alarm each, and no other.

    Between them what no parent wants to get up for: talk, tunes, laughter, doors, rain, a passing lorry, one short cry, a window for three
    minutes, and hours of nothing.
    """
    night = Night(tmp_path, 8)
    chance = night.chance
    cries = [(int(1.5 * HOUR_S), 180), (4 * HOUR_S + 600, 90), (8 * HOUR_S, 240)]
    for second, seconds in cries:
        night.cries(second, seconds)
    night.hears(15 * MINUTE_S, "talk", sounds.talk(180, chance, 210), 75.0)
    night.hears(25 * MINUTE_S, "lullaby", sounds.tune(240, chance, 262, 0, 3.0), 70.0)
    night.hears(35 * MINUTE_S, "doors", sounds.doors(60, chance), 85.0)
    night.hears(50 * MINUTE_S, "laughter", sounds.laughter(60, chance, 300), 75.0)
    night.hears(2 * HOUR_S, "rain", sounds.rustle(40 * MINUTE_S, chance, 0.0), 60.0)
    night.hears(3 * HOUR_S, "one cry", sounds.cry(2, chance), 85.0)
    night.hears(3 * HOUR_S + 1800, "lorry", sounds.hum(30, chance, 55.0), 80.0)
    night.hears(9 * HOUR_S, "morning", sounds.talk(300, chance, 120), 75.0)
    window_s, heater_s, lost_s, draught_s = 5 * HOUR_S, 7 * HOUR_S, 6 * HOUR_S + 1800, int(2.2 * HOUR_S)
    night.at(draught_s, night.air.open_window)
    night.at(draught_s + 3 * MINUTE_S, night.air.close_window)
    night.at(window_s, night.air.open_window)
    night.at(window_s + 40 * MINUTE_S, night.air.close_window)
    night.at(heater_s, lambda at_s: night.air.heat(1.0, at_s))
    night.at(heater_s + 40 * MINUTE_S, lambda at_s: night.air.heat(0.0, at_s))
    night.silent = [(lost_s, lost_s + 100)]
    night.run(10 * HOUR_S)
    for (second, seconds), began, over in zip(cries, night.begun(CRYING), night.over(CRYING), strict=True):
        assert second < began <= second + 15
        assert second + seconds + 29 <= over <= second + seconds + 40
    (cold,), (warm,), (lost,) = night.begun(TOO_COLD), night.begun(TOO_WARM), night.begun(NO_LIFE)
    assert window_s + 10 * MINUTE_S < cold < window_s + 40 * MINUTE_S
    assert heater_s + 10 * MINUTE_S < warm < heater_s + 60 * MINUTE_S
    assert lost_s < lost <= lost_s + 30
    assert night.over(NO_LIFE)[0] in range(lost_s + 100, lost_s + 103)
    assert len(night.over(TOO_COLD)) == len(night.over(TOO_WARM)) == 1
    assert {told.kind for told in night.told} == {CRYING, TOO_COLD, TOO_WARM, NO_LIFE}
