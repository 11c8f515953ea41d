"""What a scale's display is told of whose weight it shows: their initials and which way their weight goes. Nothing else of anybody.

The initials are what the display can write: capital letters of A to Z. Two people with the same get a number behind them, in the order in
which the household added them. The way a weight goes is told from weeks, not from one breakfast: the mean of the last seven days
against that of the four weeks before, and nothing at all while there is no week before.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean

from protocol import receipts

_RECENT_S = 7 * 86_400
BEFORE_S = 35 * 86_400  # weighings older than this tell nothing about now
# An adult's weight swings by some kilogram within a day, so a mean of few weighings strays by a share of it.
_SWING_g = 1000.0
_LEAST_g = 300.0
_LARGEST_NUMBER = 9
_BEFORE_NUMBER = receipts.MAX_INITIALS - 1


def initials(subject: int, names: Mapping[int, str]) -> str:
    """Return the initials of a person among all people of the home (number: name), at most three letters.

    Empty: the display has no letter for any part of the name, or ten people share the same.
    """
    letters = {number: _letters(name) for number, name in sorted(names.items())}
    own, count = letters[subject], Counter(letters.values())
    if not own or count[own] == 1:
        return own
    short = own[:_BEFORE_NUMBER]
    alike = [number for number, theirs in letters.items() if theirs[:_BEFORE_NUMBER] == short and count[theirs] > 1]
    place = alike.index(subject) + 1
    return f"{short}{place}" if place <= _LARGEST_NUMBER else ""


def trend(weighings: Sequence[tuple[float, int]]) -> int:
    """Return RISING, FALLING or STEADY for somebody's weighings, (utc_s, grams) of the last five weeks in any order."""
    if not weighings:
        return receipts.STEADY
    now_s = max(utc_s for utc_s, _ in weighings)
    recent = [grams for utc_s, grams in weighings if now_s - utc_s < _RECENT_S]
    before = [grams for utc_s, grams in weighings if _RECENT_S <= now_s - utc_s < BEFORE_S]
    if not before:
        return receipts.STEADY
    moved_g = fmean(recent) - fmean(before)
    if abs(moved_g) <= max(_LEAST_g, _SWING_g * sqrt(1 / len(recent) + 1 / len(before)) / 2):
        return receipts.STEADY
    return receipts.RISING if moved_g > 0 else receipts.FALLING


def _letters(name: str) -> str:
    """Return the first letters of a name's words, without accents; words that begin with none of A to Z are left out."""
    plain = unicodedata.normalize("NFKD", name.replace("-", " "))
    first = [next((letter for letter in word.upper() if "A" <= letter <= "Z"), "") for word in plain.split()]
    found = [letter for letter in first if letter]
    if len(found) > receipts.MAX_INITIALS:
        found = [*found[: receipts.MAX_INITIALS - 1], found[-1]]
    return "".join(found)
