"""What comforts a child: the night light and the speaker, how bright, how loud, and how long still.

Asked for by the home or by the device's own two buttons; both end by their timers. The light's brightness and the speaker's loudness are
percent as a person feels them: what goes to the parts is their square.
"""

from array import array

from micropython import const

from firmware.babyphone.music import CHUNK, LOUDEST, LULLABY, Music

# arguments as in `protocol/commands.py`, which is loaded only while a command is read
_LEVEL = const(14)
_SOUND = const(15)
_LOUDNESS = const(16)
_MINUTES = const(17)
_MINUTE_MS = const(60_000)
_SOUND_MINUTES = const(30)
_FIRST_VOLUME = const(40)
_FIRST_LEVEL = const(30)
_AHEAD = const(2)  # chunks of silence before the first: what something else may take of this task's time


class Comfort:
    """shine(duty): drives the night light, 0..65535; speaker: as `drivers/max98357a.py`; clock: as in `clock.py`."""

    def __init__(self, shine, speaker, clock):
        self._shine = shine
        self._speaker = speaker
        self._clock = clock
        self._music = Music()
        self._samples = array("h", bytes(2 * CHUNK))
        self._gain = 0  # follows the volume without a click
        self._dark_ms = self._silent_ms = None
        self._last_level = _FIRST_LEVEL
        self.level = 0
        self.sound = 0  # 0: none
        self.volume = _FIRST_VOLUME

    # commands: each returns 0

    def light(self, command) -> int:
        """Shine at a level, for some minutes or until told otherwise; level 0 is off."""
        minutes = command.get(_MINUTES)
        self._light(command[_LEVEL])
        self._dark_ms = self._clock.up_ms() + minutes * _MINUTE_MS if minutes and self.level else None
        return 0

    def play(self, command) -> int:
        """Play a sound for some minutes."""
        self.volume = command.get(_LOUDNESS, self.volume)
        self._play(command[_SOUND], command.get(_MINUTES, _SOUND_MINUTES))
        return 0

    def turn(self, command) -> int:
        """Play as loud as this, now and from now on."""
        self.volume = command[_LOUDNESS]
        return 0

    def hush(self) -> None:
        """Play nothing more."""
        if self.sound:
            self.sound = self._gain = 0
            self._speaker.off()

    # buttons

    def press_light(self) -> None:
        """Light off or on again."""
        self._dark_ms = None
        self._light(0 if self.level else self._last_level)

    def press_sound(self) -> None:
        """Sound off, or the lullaby."""
        if self.sound:
            self.hush()
        else:
            self._play(LULLABY, _SOUND_MINUTES)

    # every 64 ms

    def go_on(self) -> None:
        """Give the speaker its next chunk, and end what is over."""
        now_ms = self._clock.up_ms()
        if self._dark_ms is not None and now_ms >= self._dark_ms:
            self._dark_ms = None
            self._light(0)
        if self.sound and now_ms >= self._silent_ms:
            self.hush()
        if self.sound:
            wanted = LOUDEST * self.volume * self.volume // 10_000
            self._gain += (wanted - self._gain + 3) >> 2
            self._music.fill(self._samples, self._gain)
            self._speaker.write(self._samples)

    @property
    def minutes_left(self) -> int:
        """How long the sound goes on, rounded up."""
        return max(0, -(-(self._silent_ms - self._clock.up_ms()) // _MINUTE_MS)) if self.sound else 0

    def _light(self, level):
        self.level = level
        if level:
            self._last_level = level
        self._shine(65_535 * level * level // 10_000)

    def _play(self, sound, minutes):
        self._silent_ms = self._clock.up_ms() + minutes * _MINUTE_MS
        if sound == self.sound:  # only longer, or louder
            return
        self._music.begin(sound)
        if not self.sound:
            self._speaker.on()
            for index in range(CHUNK):
                self._samples[index] = 0
            for _ in range(_AHEAD):
                self._speaker.write(self._samples)
        self.sound = sound
