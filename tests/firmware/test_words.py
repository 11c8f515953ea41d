"""The words of the display are the ones that `protocol/sentences.py` holds, and each device carries its own."""

from protocol.sentences import WORDS
from tools import build, wording


def test_the_words_in_the_tree_are_what_the_sentences_say() -> None:
    """Run `python -m tools.wording` after changing a word."""
    assert wording.TABLE.read_text(encoding="utf-8") == wording.table()


def test_a_device_carries_its_own_words_only() -> None:
    """A scale cannot say that a cuff is loose; what a fault is called, it can say."""
    for device in build.DEVICES:
        rows = [line.split("|") for line in wording.table(device).splitlines()]
        assert {row[0] for row in rows} == set(WORDS["all"]) | set(WORDS[device])
        assert all(len(row) == 4 for row in rows)
        assert build.files(device, build.ROOT / ".foyer/cache")[wording.ON_DEVICE].decode() == wording.table(device)
