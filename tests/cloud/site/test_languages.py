"""English and French: nothing missing, nothing left over, numbers and times as people write them."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from cloud import consents
from cloud.site.languages import Tongue, preferred, translations, zone_or_utc
from cloud.site.pages.public import BASES
from cloud.site.premises import FOLDER

METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"newstyle_gettext": "true"}}
KEYWORDS = {"_": None, "gettext": None, "N_": None, "say": None}


def sentences() -> set[str]:
    found = extract_from_dir(str(FOLDER), METHODS, OPTIONS, KEYWORDS)
    return {str(message) for _, _, message, _, _ in found if message}


def test_every_sentence_has_its_french_and_no_french_is_left_over() -> None:
    """What templates and pages say is what the catalogue holds."""
    assert len(sentences()) > 100
    assert sentences() == set(translations("fr"))


def test_the_register_is_said_in_french_too() -> None:
    """Each legal basis that the register shows is among what is translated."""
    assert {consents.LEGAL_BASES[purpose] for purpose in (*consents.NEEDED, *consents.CHOICES)} == set(BASES)


def test_french_says_the_same_facts_and_is_set_as_french_is() -> None:
    """The same %(names)s; a non-breaking space before : ; ! ? and inside guillemets; the curly apostrophe."""
    for english, french in translations("fr").items():
        assert sorted(re.findall(r"%\(\w+\)s", english)) == sorted(re.findall(r"%\(\w+\)s", french)), english
        plain = re.sub(r"<[^>]+>", "", french)
        assert not re.search(r"[^\u00a0][:;!?»](?!\d)", plain), french
        assert not re.search(r"«[^\u00a0]", plain), french
        assert "'" not in plain, french


@pytest.mark.parametrize("purpose", [*consents.ACKNOWLEDGED, *consents.CHOICES])
def test_every_text_is_there_in_both_languages(purpose: str) -> None:
    """And each has its own digest."""
    assert len({consents.text_digest(purpose, language) for language in ("en", "fr")}) == 2


def test_numbers_and_times_are_written_as_people_write_them() -> None:
    """Decimal comma, own time zone, today and yesterday, the year when it is another."""
    noon_utc_s = 1_795_348_800  # 22 November 2026, 12:00 UTC
    english, french = Tongue("en", "Europe/Paris"), Tongue("fr", "Europe/Paris")
    assert (english.number(72.45, 1), french.number(1072.45, 1)) in ((("72.4", "1\u202f072,4")), ("72.5", "1\u202f072,5"))
    assert english.when(noon_utc_s, noon_utc_s) == "today, 13:00"
    assert french.when(noon_utc_s - 86400, noon_utc_s) == "hier, 13:00"
    assert french.when(noon_utc_s - 5 * 86400, noon_utc_s) == "mar. 17 nov., 13:00"
    assert english.when(noon_utc_s - 400 * 86400, noon_utc_s) == "Sat 18 Oct 2025, 14:00"
    assert Tongue("en").clock(noon_utc_s) == "12:00 UTC"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe/Paris/../../x", "A" * 500, "\x00"])
def test_a_zone_that_is_none_is_utc(zone: str) -> None:
    """Whatever a form says."""
    assert zone_or_utc(zone).key == "UTC"


def test_languages_are_chosen_by_preference() -> None:
    """The first of ours wins."""
    assert [preferred(header) for header in ("fr", "de,fr;q=0.8", "en-US,fr", "", "*", ",;q=")] == ["fr", "fr", "en", "en", "en", "en"]


def test_catalogue_is_text_that_a_translator_can_edit() -> None:
    """UTF-8 without a carriage return."""
    data = (Path(FOLDER) / "locale/fr/LC_MESSAGES/site.po").read_bytes()
    assert b"\r" not in data
    assert io.BytesIO(data).read().decode("utf-8")


def test_a_time_that_is_not_sure_says_so() -> None:
    """A reading that waited on a device without a clock stands between two times, or before one, in either language."""
    for language, between, before in (("en", ("between ", " and "), "before "), ("fr", ("entre ", " et "), "avant ")):
        tongue = Tongue(language, "Europe/Paris")
        at_s = 1_795_345_000
        sure = tongue.taken(at_s, 0, at_s)
        assert sure == tongue.when(at_s, at_s)
        unsure = tongue.taken(at_s, 3600, at_s)
        assert unsure == between[0] + tongue.when(at_s - 3600, at_s) + between[1] + sure
        assert tongue.taken(at_s, -1, at_s) == before + sure
