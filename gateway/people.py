"""Whose reading is it? Weights go to the nearest known person, and doubt goes to a person, never to a guess.

Each person is a Gaussian around their usual weight. A weight belongs to the likeliest one if it lies within four standard deviations
of them and they are at least twenty times likelier than the next; otherwise it waits in the inbox for one touch. A cuff belongs to whom
the household says, a babyphone to its room. What is decided here is a subject's number; names are for the page only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from protocol import readings

# A day's swing of an adult is about 1 kg, and grows with the body.
_SIGMA_LEAST_g = 1000.0
_SIGMA_SHARE = 0.02
_FARTHEST_SIGMAS = 4.0
_LIKELIER = 20.0
# Of each assigned weighing's difference, how much the usual weight follows: a month of daily weighings moves it fully.
_FOLLOWS = 0.2

LIGHTEST_USUAL_g = 2000
HEAVIEST_USUAL_g = 250_000


@dataclass(frozen=True, slots=True)
class Person:
    """What recognition needs of somebody: the subject's number and the usual weight in grams."""

    subject: int
    usual_g: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose a reading is; None: a person must say. probability: of the likeliest, among those known, 0..1."""

    subject: int | None
    probability: float
    reason: str


def _sigma_g(usual_g: int) -> float:
    return max(_SIGMA_LEAST_g, _SIGMA_SHARE * usual_g)


def by_weight(weight_g: int, people: Sequence[Person]) -> Assignment:
    """Return whose weight it is, or that it is in doubt and why: nobody known, nobody near, or two alike."""
    if not people:
        return Assignment(None, 0.0, "nobody_known")
    scored = sorted(((_density(weight_g, person), person) for person in people), key=lambda pair: pair[0], reverse=True)
    best, person = scored[0]
    total = sum(density for density, _ in scored)
    probability = best / total if total > 0 else 0.0
    if all(abs(weight_g - known.usual_g) > _FARTHEST_SIGMAS * _sigma_g(known.usual_g) for known in people):
        return Assignment(None, probability, "nobody_near")
    if len(scored) > 1 and best < _LIKELIER * scored[1][0]:
        return Assignment(None, probability, "two_alike")
    if abs(weight_g - person.usual_g) > _FARTHEST_SIGMAS * _sigma_g(person.usual_g):
        return Assignment(None, probability, "nobody_near")
    return Assignment(person.subject, probability, "nearest")


def assign(kind: int, weight_g: int | None, people: Sequence[Person], used_by: int | None, room: int | None) -> Assignment:
    """Return whose reading of `kind` it is; used_by and room: what the household said of its device."""
    if kind == readings.SCALE and weight_g is not None:
        return by_weight(weight_g, people)
    if kind == readings.CUFF:
        return Assignment(used_by, 1.0 if used_by is not None else 0.0, "device" if used_by is not None else "nobody_said")
    if kind == readings.CLIMATE:
        return Assignment(room, 1.0 if room is not None else 0.0, "device" if room is not None else "nobody_said")
    return Assignment(None, 0.0, "of_the_device")


def needs_somebody(kind: int) -> bool:
    """Say whether a reading of this kind is somebody's or a room's; the others are the device's own word about itself."""
    return kind in (readings.SCALE, readings.CUFF, readings.CLIMATE)


def followed(usual_g: int, weight_g: int) -> int:
    """Return the usual weight after a weighing was assigned: it follows slowly, so one odd day moves it little."""
    return round(usual_g + _FOLLOWS * (weight_g - usual_g))


def _density(weight_g: int, person: Person) -> float:
    sigma_g = _sigma_g(person.usual_g)
    return exp(-(((weight_g - person.usual_g) / sigma_g) ** 2) / 2) / sigma_g
