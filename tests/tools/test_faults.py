"""Every fault of the bench has its sentences, and its place in the troubleshooting page."""

import re

import pytest

from tools import build
from tools.faults import WORDS

PAGE = (build.ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_fault_is_one_sentence_and_a_next_step(name: str) -> None:
    """Both end as sentences do, and are short enough to be read by somebody in a hurry."""
    for text in WORDS[name]:
        assert text[0].isupper() or text.startswith("{")
        assert text.endswith((".", "}."))
        assert len(text) < 160


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_fault_is_found_by_what_the_person_sees(name: str) -> None:
    """A piece of its sentence between the names and numbers begins as a line of docs/troubleshooting.md does."""
    pieces = [piece.strip(" .:;,(").split() for piece in re.split(r"\{[^}]*\}|[;:]", WORDS[name].happened)]
    assert any(" ".join(piece[:5]) in PAGE for piece in pieces if len(piece) > 1 or name == "stopped"), pieces
