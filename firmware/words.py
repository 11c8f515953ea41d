"""The words on a device's display, English and French: at most 21 letters, one line of a 128-pixel display.

They are written in `protocol/sentences.py` and compiled into `word_table.py`. Whole sentences, with what to do next, stand on the pages
of the home.
"""

from firmware.word_table import OF_FAULT, WORDS


def say(name: str, language: str) -> str:
    """Return the words of this name in the language, "en" or "fr"."""
    return WORDS[name][1 if language == "fr" else 0]


def of_fault(code: int) -> str:
    """Return the name of the words for a fault code."""
    return OF_FAULT.get(code, "again")
