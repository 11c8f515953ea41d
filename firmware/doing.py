"""What every device does when its home asks: show itself, say its status, speak otherwise, start again.

Each function is quick and returns 0, or the fault code that says why not; a device's own kinds stand beside what it measures.
"""

from micropython import const

from firmware import once
from firmware.errors import SettingsBroken
from protocol import faults

# kinds and arguments as in `protocol/commands.py`, which is loaded only while a command is read
STOP = const(2)
IDENTIFY = const(3)
REPORT = const(5)
CHOOSE = const(6)
RESTART = const(7)
_SECONDS = const(11)
_LANGUAGE = const(12)
_UNIT = const(13)
_PHONES = const(22)
_SHOWN_S = const(10)
LANGUAGES = ("en", "fr")
UNITS = ("kg", "lb", "st")


class Doing:
    """display, reporting, chosen (the settings, changed in place) as in `ground.py`; restart(): ends this life in order; meet(): the
    same, and in the next a phone may bond.
    """

    def __init__(self, commands, display, reporting, chosen, clock, restart, meet):
        self._commands = commands
        self._display = display
        self._reporting = reporting
        self._chosen = chosen
        self._clock = clock
        self._restart = restart
        self._meet = meet
        self._shown_until_ms = None
        for kind, do in ((STOP, self._stop), (IDENTIFY, self._identify), (REPORT, self._report), (CHOOSE, self._choose)):
            commands.can(kind, do)
        commands.can(RESTART, self._start_again)

    def look(self) -> None:
        """Show again what was shown before, when it is time."""
        if self._shown_until_ms is not None and self._clock.up_ms() >= self._shown_until_ms:
            self._stop(None)

    def _identify(self, command):
        self._shown_until_ms = self._clock.up_ms() + 1000 * command.get(_SECONDS, _SHOWN_S)
        self._display.wave(True)
        return 0

    def _stop(self, _command):
        if self._shown_until_ms is not None:
            self._shown_until_ms = None
            self._display.wave(False)
        return 0

    def _report(self, _command):
        self._reporting.ask()
        return 0

    def _choose(self, command):
        changed = {}
        if _LANGUAGE in command:
            changed["language"] = LANGUAGES[command[_LANGUAGE]]
        if _UNIT in command:
            changed["unit"] = UNITS[command[_UNIT]]
        if _PHONES in command:
            changed["phones"] = command[_PHONES]
        from firmware.flash import settings  # spares memory: people choose now and then

        try:
            kept = settings.load()
            kept.update(changed)
            settings.save(kept)
        except SettingsBroken:
            return faults.COMMAND_UNFIT  # a device with both radios has none left for phones
        except OSError:
            return faults.FLASH_BROKEN
        finally:
            once.forget("firmware.flash.settings")
        if _PHONES in command:
            self._commands.afterwards(self._meet if command[_PHONES] else self._restart)
            return 0
        self._chosen.update(changed)
        self._display.speak(self._chosen["language"])
        return 0

    def _start_again(self, _command):
        self._commands.afterwards(self._restart)
        return 0
