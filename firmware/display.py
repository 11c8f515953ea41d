"""What the device shows: one number as large as fits and one line of words, on its panel if it has one and on the console always."""

from firmware import words
from firmware.errors import ChipError


class Display:
    """Shows pairs of number and words in the language of the settings; what is there already is not drawn again."""

    def __init__(self, language: str, write=print):
        self._language = language
        self._write = write
        self._shown = None
        self._panel = None
        self._reading: str | None = None  # the number of the reading whose way the words tell, or None
        self._sequence = 0  # of that reading
        self._is_home = False  # that reading is at home: what happens to others is no news of it
        self._arrived = "arrived"
        self._person = ("", 0)
        self._last = ("", "starting")
        self._waving = False
        self.lost: str | None = None  # why nothing reaches the home, in the words of that name; None: as far as known it does

    def speak(self, language: str) -> None:
        """Use this language, "en" or "fr", from now on."""
        self._language = language

    def light(self, panel) -> None:
        """Draw on this panel too from now on, as in `panel.py`; None: there is none."""
        self._panel = panel

    def off(self) -> None:
        """Show nothing, for the device falls asleep."""
        self._shown = None
        if self._panel:
            try:
                self._panel.off()
            except ChipError:
                pass  # a display that is gone is dark

    def show(self, number: str, name: str) -> None:
        """Show a number (may be empty) with the words of that name in `words.py`."""
        self._forget()
        self._draw(number, name)

    def fault(self, code: int) -> None:
        """Show what went wrong."""
        self._forget()
        self._draw(f"! {code}", words.of_fault(code))

    def reading(self, number: str, sequence: int, arrived: str = "arrived") -> None:
        """Show a reading that is kept; from now on `way` changes its words. arrived: the name of what is said when it is at home."""
        self._forget()
        self._reading = number
        self._sequence = sequence
        self._arrived = arrived
        self._draw(number, "on_its_way")

    @property
    def shows_reading(self) -> bool:
        """Whether a kept reading's number is what is shown."""
        return self._reading is not None

    def person(self, sequence: int, initials: str, trend: int) -> None:
        """The home knows whose this reading is, and whether it rises (1) or falls (-1); nothing is said unless it is the shown one."""
        if self._reading is not None and sequence == self._sequence:
            self._person = (initials, trend)

    def way(self, name: str, sequence: int | None = None) -> None:
        """Tell how far a reading has come, or (None) what has happened to the way of all; other people's readings change nothing."""
        if sequence is None:
            self.lost = name
        elif name == "arrived":
            self.lost = None
        if self._reading is None or self._is_home or sequence not in (None, self._sequence):
            return
        self._is_home = name == "arrived"
        self._draw(self._reading, self._arrived if self._is_home else name)

    def wave(self, on: bool) -> None:
        """Say "here I am" in place of what is shown; off: show again what would be there by now."""
        self._waving = on
        self._draw(*self._last)

    def _forget(self):
        self._reading = None
        self._is_home = False
        self._person = ("", 0)

    def _draw(self, number, name):
        self._last = (number, name)
        if self._waving:
            number, name = "", "here"
        shown = (number, words.say(name, self._language), self._person[0], self._person[1])
        if shown == self._shown:
            return
        self._shown = shown
        self._write('foyer display "%s" "%s" "%s" %d' % shown)
        if self._panel:
            try:
                self._panel.draw(*shown)
            except ChipError:
                self._panel = None  # what it measures is worth more than what it shows
