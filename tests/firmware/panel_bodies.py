"""The display's pictures, drawn in MicroPython, where `framebuf` is."""

from firmware import words
from firmware.panel import Panel


class Film:
    """Takes what a display's driver would be shown."""

    def __init__(self):
        self.picture = b""

    def show(self, picture):
        self.picture = bytes(picture)

    def off(self):
        self.picture = b""


def picture(number, name, language, initials="", trend=0):
    """Return the 1024 bytes for a number and the words of a name."""
    film = Film()
    Panel(film).draw(number, words.say(name, language), initials, trend)
    return film.picture


def letters(text):
    """Return the 1024 bytes for a line alone."""
    film = Film()
    Panel(film).draw("", text)
    return film.picture
