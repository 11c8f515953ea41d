"""What the device shows: one number as large as fits and one line of words. For now both go to the console."""

from firmware import words


class Display:
    """Shows pairs of number and words in the language of the settings; a pair that is there already is not drawn again."""

    def __init__(self, language: str, write=print):
        self._language = language
        self._write = write
        self._shown = None
        self._panel = None
        self._reading: str | None = None  # the number of the reading whose way the words tell, or None

    def speak(self, language: str) -> None:
        """Use this language, "en" or "fr", from now on."""
        self._language = language

    def light(self, panel) -> None:
        """Draw on this panel too from now on: draw(number, words), off(); None: there is none."""
        self._panel = panel

    def off(self) -> None:
        """Show nothing, for the device falls asleep."""
        if self._panel:
            self._panel.off()

    def show(self, number: str, name: str) -> None:
        """Show a number (may be empty) with the words of that name in `words.py`."""
        self._reading = None
        self._draw(number, name)

    def fault(self, code: int) -> None:
        """Show what went wrong."""
        self._reading = None
        self._draw(f"! {code}", words.of_fault(code))

    def reading(self, number: str) -> None:
        """Show a reading that is kept; from now on `way` changes its words."""
        self._reading = number
        self._draw(number, "on_its_way")

    @property
    def shows_reading(self) -> bool:
        """Whether a kept reading's number is what is shown."""
        return self._reading is not None

    def way(self, name: str) -> None:
        """Tell how far the shown reading has come; when something else is shown, that stays."""
        if self._reading is not None:
            self._draw(self._reading, name)

    def _draw(self, number, name):
        pair = (number, words.say(name, self._language))
        if pair != self._shown:
            self._shown = pair
            self._write(f'foyer display "{pair[0]}" "{pair[1]}"')
            if self._panel:
                self._panel.draw(pair[0], pair[1])
