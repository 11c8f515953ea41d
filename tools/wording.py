"""The words of a device's display, from `protocol/sentences.py` to the file beside `firmware/words.py`.

A device carries the words that it can say and no others; `tools/build.py` puts them on it. `firmware/words.txt` in the tree holds those of
all devices, for tests; run this file to write it anew.
"""

import sys
from pathlib import Path

from protocol.sentences import WORDS, WORDS_OF_FAULT

TABLE = Path(__file__).parent.parent / "firmware/words.txt"
ON_DEVICE = "firmware/words.txt"


def table(device: str | None = None) -> str:
    """Return the file's text for a device ("scale", "cuff", "babyphone"), or for all of them: name|English|French|fault codes."""
    said = {name: pair for who, words in WORDS.items() if device is None or who in ("all", device) for name, pair in words.items()}
    codes = {name: ",".join(str(code) for code, words in WORDS_OF_FAULT.items() if words == name) for name in said}
    return "".join(f"{name}|{english}|{french}|{codes[name]}\n" for name, (english, french) in said.items())


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
    sys.stdout.write(f"{TABLE}: written\n")
