"""Light, sound and live listening under both Pythons."""

import math
from array import array

from firmware.babyphone.audible import Audible
from firmware.babyphone.comfort import Comfort
from firmware.babyphone.listening import FRAME, Listening
from firmware.babyphone.music import CHUNK, LULLABY, Music


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now_ms = 0

    def up_ms(self) -> int:
        return self.now_ms


class Speaker:
    """Notes what it is told; of what it plays the loudest value."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.loudest = 0
        self.chunks = 0

    def on(self) -> None:
        self.happened.append("on")

    def off(self) -> None:
        self.happened.append("off")

    def write(self, samples: "array[int]") -> None:
        self.chunks += 1
        self.loudest = max(self.loudest, max(abs(value) for value in samples))


class Lamp:
    """A pin that remembers."""

    def __init__(self) -> None:
        self.levels: list[int] = []

    def value(self, level: int) -> None:
        if not self.levels or self.levels[-1] != level:
            self.levels.append(level)


class Way:
    """A link to a home that observes, until it is lost; `sent` holds [when, path, format, packet]."""

    def __init__(self) -> None:
        self.observes = True
        self.sent: list[list[object]] = []
        self.frame = 0

    def say(self, path: str, packet: bytes, form: int) -> None:
        self.sent.append([self.frame, path, form, packet])


def played(sound: int, gain: int, chunks: int) -> list[list[int]]:
    """Return some chunks of a sound."""
    music = Music()
    music.begin(sound)
    samples = array("h", bytes(2 * CHUNK))
    kept = []
    for _ in range(chunks):
        music.fill(samples, gain)
        kept.append(list(samples))
    return kept


def peaks(sound: int, gain: int, chunks: int, every: int) -> list[int]:
    """Return the largest value of each `every`-th chunk of a sound."""
    music = Music()
    music.begin(sound)
    samples = array("h", bytes(2 * CHUNK))
    kept = []
    for number in range(chunks):
        music.fill(samples, gain)
        if number % every == 0:
            kept.append(max(abs(value) for value in samples))
    return kept


def evening(steps: list[tuple[str, dict[int, int]]]) -> list[object]:
    """Do what each step says: a method of Comfort with a command, or "wait" {0: milliseconds}; return what was seen after each.

    Each is [level, sound, volume, minutes left, duty]; the last is [what the speaker was told, whether it was ever fed while off].
    """
    clock, speaker, duties = Clock(), Speaker(), [0]
    comfort = Comfort(duties.append, speaker, clock)
    seen: list[object] = []
    for what, command in steps:
        if what == "wait":
            for _ in range(command[0] // 64):
                clock.now_ms += 64
                comfort.go_on()
        elif command:
            getattr(comfort, what)(command)
        else:
            getattr(comfort, what)()
        seen.append([comfort.level, comfort.sound, comfort.volume, comfort.minutes_left, duties[-1]])
    seen.append(speaker.happened)
    return seen


def loudest_at(volume: int) -> int:
    """Return the largest value that the speaker was given in two seconds at a volume."""
    clock, speaker = Clock(), Speaker()
    comfort = Comfort(lambda _duty: None, speaker, clock)
    comfort.play({15: LULLABY, 16: volume})
    for _ in range(32):
        clock.now_ms += 64
        comfort.go_on()
    return speaker.loudest


def listened(frames: int, commands: list[tuple[int, dict[int, object]]], lost: int | None = None) -> list[object]:
    """Hear a tone of 440 Hz at 80 dB for some frames of 32 ms, with commands before the frames of these numbers; lost: when the link goes.

    Returns [what each command returned, [frame, path, format, packet] of each that was sent, levels of the lamp, whether heard at the end].
    """
    clock, lamp, way = Clock(), Lamp(), Way()
    audible = Audible(lamp, way, clock, 7)
    listening = Listening()
    peak = 297286 * math.sqrt(2) * 10 ** ((80 - 94) / 20)
    slots = array("i", bytes(4 * FRAME))
    answers = []
    for frame in range(frames):
        way.frame = frame
        way.observes = lost is None or frame < lost
        answers += [audible.listen(command) for number, command in commands if number == frame]
        for index in range(FRAME):
            slots[index] = int(peak * math.sin(2 * math.pi * 440 / 16000 * ((frame * FRAME + index) % 400))) * 256
        listening.feed(slots)
        audible.take(listening)
        clock.now_ms += 32
    return [answers, way.sent, lamp.levels, audible.heard]


class Silence:
    """What is fed to nobody."""

    def head(self, _out: bytearray) -> None:
        pass

    def compress(self, _out: bytearray, _put: int) -> None:
        pass


def ends_s(seconds: int) -> int:
    """Return after how many seconds a listening of so many is over."""
    clock = Clock()
    audible = Audible(Lamp(), Way(), clock, 7)
    audible.listen({1: 5, 11: seconds, 18: bytes(16)})
    while audible.heard:
        clock.now_ms += 1000
        audible.take(Silence())
    return clock.now_ms // 1000
