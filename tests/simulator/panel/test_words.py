"""Both languages say the same, and write as people who read them write."""

import string

import pytest

from simulator.panel.words import LANGUAGES, WORDS, Tongue, preferred


def facts(sentence: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field is not None}


@pytest.mark.parametrize("name", WORDS)
def test_a_sentence_has_the_same_facts_in_both_languages(name: str) -> None:
    """Nothing is lost between them, and neither is empty."""
    english, french = WORDS[name]
    assert english
    assert french
    assert facts(english) == facts(french)


def test_french_keeps_its_signs_and_numbers_together() -> None:
    """Non-breaking spaces before : ; ! ? and units, a decimal comma, a real minus."""
    french = Tongue("fr")
    assert all(f" {sign}" not in french.say(name) for name in WORDS for sign in ":;!?")
    assert french.number(-0.5, 1, "°C") == "−0,5\N{NO-BREAK SPACE}°C"
    assert Tongue("en").number(-0.04, 1) == "0.0"


def test_a_name_is_said_as_it_is() -> None:
    """What is filled in is not mended."""
    assert Tongue("fr").say("did_stepped_on", person="D'Arcy : :") == "D'Arcy : : monte sur la balance."


@pytest.mark.parametrize(("accepted", "language"), [("fr-CA,en;q=0.5", "fr"), ("de, fr", "fr"), ("de", "en"), ("", "en"), ("en,fr", "en")])
def test_the_browsers_language_is_taken(accepted: str, language: str) -> None:
    """The first of ours that it accepts, else English."""
    assert preferred(accepted) == language
    assert language in LANGUAGES
