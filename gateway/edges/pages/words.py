"""The page's words, numbers and times in each language: .po files read at the start, and Babel for the rest.

A word that is missing raises at once, in a test, and never shows as a key. Times are the home's local time.
"""

import datetime
from collections.abc import Mapping
from importlib import resources

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po

LANGUAGES = ("en", "fr")
_PLACES = {"en": Locale("en", "GB"), "fr": Locale("fr", "FR")}


class Words:
    """One language."""

    def __init__(self, language: str, words: Mapping[str, str]) -> None:
        self.language = language
        self._words = words
        self._place = _PLACES[language]

    def __call__(self, name: str, /, **facts: object) -> str:
        """Return the words of a name, with facts put in. Raises KeyError: there is no such name."""
        return self._words[name].format(**facts) if facts else self._words[name]

    @property
    def names(self) -> set[str]:
        """Every name that has words."""
        return set(self._words)

    def number(self, value: float, places: int) -> str:
        """Return a number with so many decimal places."""
        pattern = "#,##0" + ("." + "0" * places if places else "")
        return str(numbers.format_decimal(value, format=pattern, locale=self._place))

    def clock(self, utc_s: float, *, seconds: bool = False) -> str:
        """Return the time of day, like 19:42 or 19:42:07."""
        return str(dates.format_time(_local(utc_s), "HH:mm:ss" if seconds else "HH:mm", locale=self._place))

    def day(self, utc_s: float) -> str:
        """Return the day, like 14 March 2026."""
        return str(dates.format_date(_local(utc_s), "d MMMM y", locale=self._place))

    def moment(self, utc_s: float, now_s: float) -> str:
        """Return when, as one says it: the time today, yesterday with its time, else the date with its time."""
        then, now = _local(utc_s), _local(now_s)
        days = (now.date() - then.date()).days
        clock = self.clock(utc_s)
        if days == 0:
            return self("when.today", clock=clock)
        if days == 1:
            return self("when.yesterday", clock=clock)
        form = "d MMM" if then.year == now.year else "d MMM y"
        return self("when.date", date=dates.format_date(then, form, locale=self._place), clock=clock)


def read() -> dict[str, Words]:
    """Return the words of every language."""
    folder = resources.files("gateway.edges.pages") / "locale"
    found = {}
    for language in LANGUAGES:
        with (folder / f"{language}.po").open("rb") as file:
            catalogue = read_po(file, locale=language)
        found[language] = Words(language, {str(entry.id): str(entry.string) for entry in catalogue if entry.id})
    return found


def _local(utc_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(utc_s).astimezone()
