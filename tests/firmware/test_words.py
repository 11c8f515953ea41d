"""The words of the display are the ones that `protocol/sentences.py` holds, and each device carries its own."""

from protocol.sentences import WORDS
from tools import build, wording


def test_the_table_in_the_tree_is_what_the_sentences_say() -> None:
    """Run `python -m tools.wording` after changing a word."""
    assert wording.TABLE.read_text(encoding="utf-8") == wording.source()


def test_a_device_carries_its_own_words_only() -> None:
    """A scale cannot say that a cuff is loose."""
    for device in build.DEVICES:
        table: dict[str, object] = {}
        exec(wording.source(device), table)  # noqa: S102  what is written here is what is compiled
        assert set(table["WORDS"]) == set(WORDS["all"]) | set(WORDS[device])  # type: ignore[call-overload]
        assert set(table["OF_FAULT"].values()) <= set(table["WORDS"])  # type: ignore[attr-defined,call-overload]
