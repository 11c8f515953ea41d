"""Every fault code has its sentence, in both languages, and every sentence its code."""

import pytest

from protocol import faults, sentences
from protocol.sentences import SENTENCES, sentence


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    """Nothing a device can report is without words."""
    assert set(SENTENCES) == set(faults.FAULTS)


def test_every_constant_has_a_number_of_its_own() -> None:
    """Two names for one number would be two sentences for one fault."""
    names = [name for name in vars(faults) if name.isupper() and name != "FAULTS"]
    assert len(names) == len(faults.FAULTS)
    assert {faults.FAULTS[getattr(faults, name)] for name in names} == set(names)
    assert all(0 < code < 1 << 16 for code in faults.FAULTS)


@pytest.mark.parametrize("code", sorted(faults.FAULTS))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_sentence_says_what_happened_what_it_means_and_what_to_do(code: int, language: str) -> None:
    """Three sentences at least, none of them long, no numbers and no names of chips."""
    text = sentence(code, language)
    pieces = [piece for piece in text.replace(" ; ", ". ").split(". ") if piece]
    assert len(pieces) >= 3, text
    assert text.endswith(".")
    assert all(len(piece) <= 110 for piece in pieces), text
    assert not any(character.isdigit() for character in text)


def test_languages_differ() -> None:
    """A forgotten translation shows."""
    assert not [code for code, texts in SENTENCES.items() if texts["en"] == texts["fr"] or set(texts) != {"en", "fr"}]


def test_a_code_from_a_newer_device_still_gets_a_sentence() -> None:
    """In both languages, with its number."""
    assert "9999" in sentence(9999, "en")
    assert "9999" in sentence(9999, "fr")
    assert sentences.sentence(50) == SENTENCES[50]["en"]
