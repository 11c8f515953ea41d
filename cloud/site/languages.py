"""How the site speaks: sentences in English and French, numbers, units and times as people write them.

The English sentence is its own name; the French ones stand in `locale/fr/LC_MESSAGES/site.po` and are read once, at start. A test
finds sentences without French. Times are shown in the zone of the person's browser, remembered with their session.
"""

import datetime
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from starlette.convertors import Convertor, register_url_convertor

LANGUAGES = ("en", "fr")
NAMES = {"en": "English", "fr": "Français"}
_LOCALES = {"en": "en_GB", "fr": "fr_FR"}
_CATALOGUE = Path(__file__).parent / "locale" / "fr" / "LC_MESSAGES" / "site.po"

Translate = Callable[[str], str]


def N_(sentence: str) -> str:
    """Mark a sentence that is translated where it is shown."""
    return sentence


@cache
def translations(language: str) -> dict[str, str]:
    """Return the sentences of a language by their English; empty for English itself."""
    if language == "en":
        return {}
    with _CATALOGUE.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id and message.string}


class Tongue:
    """One language, in one time zone."""

    def __init__(self, language: str, zone: str = "UTC") -> None:
        self.language = language
        self.zone = zone
        self._locale = _LOCALES[language]
        self._zone = zone_or_utc(zone)

    def say(self, sentence: str, **facts: object) -> str:
        """Return a sentence in this language with its %(facts)s filled in."""
        said = translations(self.language).get(sentence, sentence)
        return said % facts if facts else said

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with so many decimals: 72.4 or 72,4."""
        return format_decimal(value, "#,##0" + ("." + "0" * digits if digits else ""), locale=self._locale)

    def when(self, utc_s: int, now_utc_s: int) -> str:
        """Return a time as one says it: "today, 19:42"; the day and month when it is longer ago, the year when it is another."""
        moment, now = self._local(utc_s), self._local(now_utc_s)
        clock = self.clock(utc_s)
        days = (now.date() - moment.date()).days
        if days == 0:
            return self.say("today, %(clock)s", clock=clock)
        if days == 1:
            return self.say("yesterday, %(clock)s", clock=clock)
        return f"{self.day(utc_s, now_utc_s)}, {clock}"

    def taken(self, utc_s: int, uncertainty_s: int, now_utc_s: int) -> str:
        """Return when a reading was taken, as sure as it is; uncertainty_s: as in `opening.Reading`."""
        until = self.when(utc_s, now_utc_s)
        if uncertainty_s < 0:
            return self.say("before %(until)s", until=until)
        if not uncertainty_s:
            return until
        return self.say("between %(since)s and %(until)s", since=self.when(utc_s - uncertainty_s, now_utc_s), until=until)

    def day(self, utc_s: int, now_utc_s: int) -> str:
        """Return "Sat 21 Nov", with the year when it is not this one."""
        moment, now = self._local(utc_s), self._local(now_utc_s)
        return format_date(moment, "EEE d MMM" if moment.year == now.year else "EEE d MMM y", locale=self._locale)

    def span(self, first_utc_s: int, last_utc_s: int) -> str:
        """Return the days of a time: "21 November 2026", or from one to another; the same year and month are said once."""
        first, last = self._local(first_utc_s).date(), self._local(last_utc_s).date()
        until = format_date(last, "d MMMM y", locale=self._locale)
        if first == last:
            return until
        pattern = "d MMMM y" if first.year != last.year else "d MMMM" if first.month != last.month else "d"
        return f"{format_date(first, pattern, locale=self._locale)} – {until}"

    def change(self, value: float, digits: int = 0) -> str:
        """Return a difference with its sign, which "0" has not."""
        return ("+" if round(value, digits) > 0 else "") + self.number(round(value, digits) + 0.0, digits).replace("-", "−")

    def clock(self, utc_s: int) -> str:
        """Return "19:42", saying UTC when nobody told us where the person is."""
        return format_datetime(self._local(utc_s), "HH:mm", locale=self._locale) + (" UTC" if self.zone == "UTC" else "")

    def date(self, utc_s: int) -> str:
        """Return "21 November 2026"."""
        return format_date(self._local(utc_s), "d MMMM y", locale=self._locale)

    def iso(self, utc_s: int) -> str:
        """Return "2026-11-21", as a form's field for a day has it."""
        return self._local(utc_s).date().isoformat()

    def _local(self, utc_s: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(utc_s, self._zone)


def zone_or_utc(name: str) -> ZoneInfo:
    """Return the time zone a browser named, or UTC when there is none of that name."""
    if re.fullmatch(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+){0,2}", name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            pass
    return ZoneInfo("UTC")


def preferred(accepted: str) -> str:
    """Return the language of an Accept-Language header; English unless French comes first."""
    for part in accepted.lower().split(","):
        named = part.split(";")[0].strip()[:2]
        if named in LANGUAGES:
            return named
    return "en"


class _LanguageConvertor(Convertor[str]):
    regex = "|".join(LANGUAGES)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("language", _LanguageConvertor())
