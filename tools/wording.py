"""The words of a device's display, from `protocol/sentences.py` to a module of the firmware.

A device carries the words that it can say and no others. `firmware/word_table.py` in the tree holds those of all devices, for tests; run
this file to write it anew. `tools/build.py` compiles each device its own.
"""

import sys
from pathlib import Path

from protocol.sentences import WORDS, WORDS_OF_FAULT

TABLE = Path(__file__).parent.parent / "firmware/word_table.py"
MODULE = "firmware.word_table"
_OPENING = """The words of the display, each in English and French, and which of them a fault is; written by tools/wording.py."""


def source(device: str | None = None) -> str:
    """Return the module's source for a device ("scale", "cuff", "babyphone"), or for all of them."""
    said = {name: pair for who, words in WORDS.items() if device is None or who in ("all", device) for name, pair in words.items()}
    of_fault = {code: name for code, name in WORDS_OF_FAULT.items() if name in said}
    words = "".join(f'    "{name}": ("{english}", "{french}"),\n' for name, (english, french) in said.items())
    codes = "".join(f'    {code}: "{name}",\n' for code, name in of_fault.items())
    return f'"""{_OPENING}"""\n\nWORDS = {{\n{words}}}\nOF_FAULT = {{\n{codes}}}\n'


if __name__ == "__main__":
    TABLE.write_text(source(), encoding="utf-8")
    sys.stdout.write(f"{TABLE}: written\n")
