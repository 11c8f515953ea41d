"""The words on a device's display, English and French: at most 21 letters, one line of a 128-pixel display.

They are written in `protocol/sentences.py`; `tools/build.py` puts those of a device into the file beside this module, a line each: name,
English, French, and the codes of the faults that are said so. They are read from there when they are shown and take nothing of the heap.
Whole sentences, with what to do next, stand on the pages of the home.
"""

FILE = __file__.rpartition("/")[0] + "/words.txt"
_OTHERWISE = "again"


def say(name: str, language: str) -> str:
    """Return the words of this name in the language, "en" or "fr". Raises KeyError: a bug of ours, there are none."""
    with open(FILE, encoding="utf-8") as table:
        for line in table:
            if line.startswith(name + "|"):
                return line.split("|")[2 if language == "fr" else 1]
    raise KeyError(name)


def of_fault(code: int) -> str:
    """Return the name of the words for a fault code."""
    with open(FILE, encoding="utf-8") as table:
        for line in table:
            fields = line.rstrip("\n").split("|")
            if str(code) in fields[3].split(","):
                return fields[0]
    return _OTHERWISE
