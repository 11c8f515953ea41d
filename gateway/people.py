"""Whose reading is it? A weighing is compared with what was learnt of each body, and doubt goes to a person, never to a guess.

Of each body two things are followed, weight and (by bare feet) impedance: where they are believed to be, how sure that is, and how fast it
blurs while nobody steps on. That is a Kalman filter of a slow random walk, so drift over weeks is followed and one odd day moves it
little. A weighing's likelihood under each body, under a stranger's, and under somebody known with a child in their arms gives each a
probability by Bayes' rule. It is assigned if one person has at least 98 %, and the page shows the number; otherwise it waits in the inbox.

A cuff belongs to whom the household says, a babyphone to its room. What is decided here is a subject's number; names are for the page.
Source: docs/decisions/0011, which has the error rates measured on simulated families (tests/gateway/families.py).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, pi, sqrt
from typing import Any

from protocol import readings

LIGHTEST_USUAL_g = 2000
HEAVIEST_USUAL_g = 250_000

SURE = 0.98
# Below this even the likeliest is so far off that a stranger is the better guess.
_NEAR = 0.5
# How many weighings a body is learnt anew from.
HISTORY = 60

# A weighing's scatter about the body's own slow weight: meals, water, and half of it clothes.
_SCATTER_LEAST_g, _SCATTER_SHARE = 120.0, 0.008
# Now and then a coat, shoes, or a full suitcase.
_COAT_PRIOR, _COAT_g, _COAT_SCATTER_g = 0.06, 1300.0, 900.0
# How far the weight itself walks in the square root of a day.
_WALK_LEAST_g, _WALK_SHARE = 30.0, 0.0016
# What somebody says they weigh.
_SAID_LEAST_g, _SAID_SHARE = 400.0, 0.02

# Impedance, as the logarithm of ohms: of one body from day to day, its walk, and of people in general.
_OHM_SCATTER, _OHM_WALK = 0.035, 0.006
_PEOPLE_OHM, _PEOPLE_OHM_SCATTER = log(520.0), 0.16

# Strangers: how often one steps on, and over what range each weight is as likely.
_STRANGER_PRIOR, _STRANGER_RANGE_g = 0.04, 110_000.0

# Somebody known, weighed alone a moment ago on the same scale, with a child in their arms.
ARMS_WITHIN_S = 600
HEAVIEST_IN_ARMS_g = 20_000
_ARMS_PRIOR, _ARMS_SCATTER_g = 0.2, 150.0
# A child grows faster than the walk between two visits to the scale.
_ARMS_WIDEST_SIGMAS = 5.0
_ARMS_DOUBT = 0.01

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Body:
    """What is known of a body: grams and their variance, logarithm of ohms (None: never measured) and its variance; at_s: UTC."""

    weight_g: float
    weight_var: float
    ohm: float | None = None
    ohm_var: float = 0.0
    at_s: float = 0.0

    def as_json(self) -> str:
        """Return it as it is kept."""
        return json.dumps([self.weight_g, self.weight_var, self.ohm, self.ohm_var, self.at_s])


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a weighing may belong to: the subject's number and their body; in_arms: a child who may be carried onto the scale."""

    subject: int
    body: Body
    in_arms: bool = False


@dataclass(frozen=True, slots=True)
class Weighing:
    """One weighing: grams, ohms if bare feet gave any, when in UTC seconds."""

    weight_g: int
    ohm: int | None
    utc_s: float


@dataclass(frozen=True, slots=True)
class Alone:
    """A weighing of somebody known on the same scale, not long before or after: its reading, whose, and its grams."""

    reading: int
    subject: int
    weight_g: int


@dataclass(frozen=True, slots=True)
class Carried:
    """A child's weight as the difference of two weighings; reading: that of the one who carried, alone."""

    child: int
    reading: int
    carrier: int
    weight_g: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose a reading is; None: a person must say. probability: of the likeliest person, 0..1."""

    subject: int | None
    probability: float
    reason: str


def said(usual_g: int) -> Body:
    """Return what is known of a body of which somebody only said what it weighs."""
    return Body(usual_g, max(_SAID_LEAST_g, _SAID_SHARE * usual_g) ** 2)


def body_of(usual_g: int, kept: str | None) -> Body:
    """Return the body that was kept as JSON, or, when nothing was learnt yet, the one that was said."""
    return said(usual_g) if kept is None else Body(*json.loads(kept))


def learnt(body: Body, weighing: Weighing) -> Body:
    """Return a body after one more weighing that is its own."""
    now = _later(body, weighing.utc_s)
    # a coat tells little about the body under it
    scatter = _scatter_g(now.weight_g) ** 2 + (_COAT_g**2 if weighing.weight_g - now.weight_g > _COAT_g else 0.0)
    gain = now.weight_var / (now.weight_var + scatter)
    ohm, ohm_var = now.ohm, now.ohm_var
    if weighing.ohm is not None:
        measured = log(weighing.ohm)
        if ohm is None:
            ohm, ohm_var = measured, _OHM_SCATTER**2
        else:
            ohm_gain = ohm_var / (ohm_var + _OHM_SCATTER**2)
            ohm, ohm_var = ohm + ohm_gain * (measured - ohm), (1 - ohm_gain) * ohm_var
    weight_g = now.weight_g + gain * (weighing.weight_g - now.weight_g)
    return Body(weight_g, (1 - gain) * now.weight_var, ohm, ohm_var, max(now.at_s, weighing.utc_s))


def learnt_anew(usual_g: int, history: Iterable[Weighing]) -> Body | None:
    """Return the body that weighings, oldest first, show; None: there are none. What was said counts little beside the first of them."""
    body: Body | None = None
    for weighing in history:
        first = Body(weighing.weight_g, said(usual_g).weight_var, at_s=weighing.utc_s)
        body = learnt(first if body is None else body, weighing)
    return body


def assign(
    kind: int,
    weighing: Weighing | None,
    people: Sequence[Person],
    used_by: int | None,
    room: int | None,
    alone: Sequence[Alone] = (),
) -> Assignment:
    """Return whose reading of `kind` it is.

    used_by and room: what the household said of its device; alone: weighings on the same scale in the last minutes.
    """
    if kind == readings.SCALE and weighing is not None:
        return by_weight(weighing, people, alone)
    if kind == readings.CUFF:
        return Assignment(used_by, 1.0 if used_by is not None else 0.0, "device" if used_by is not None else "nobody_said")
    if kind == readings.CLIMATE:
        return Assignment(room, 1.0 if room is not None else 0.0, "device" if room is not None else "nobody_said")
    return Assignment(None, 0.0, "of_the_device")


def by_weight(weighing: Weighing, people: Sequence[Person], alone: Sequence[Alone] = ()) -> Assignment:
    """Return whose weighing it is, or that it is in doubt and why: nobody known, nobody near, two alike, perhaps a child in arms."""
    if not people:
        return Assignment(None, 0.0, "nobody_known")
    share = (1 - _STRANGER_PRIOR) / len(people)
    scored = sorted(((share * _likelihood(weighing, person.body), person.subject) for person in people), key=lambda pair: -pair[0])
    stranger = _STRANGER_PRIOR / _STRANGER_RANGE_g * (1.0 if weighing.ohm is None else _people_ohm(weighing.ohm))
    carried = _ARMS_PRIOR * sum(_carried_density(weighing, person, one) for person in people if person.in_arms for one in alone)
    total = sum(score for score, _ in scored) + stranger + carried
    best, subject = scored[0]
    probability = best / total
    if carried / total > _ARMS_DOUBT:
        return Assignment(None, probability, "in_arms")
    if probability >= SURE:
        return Assignment(subject, probability, "nearest")
    return Assignment(None, probability, "two_alike" if (total - stranger) / total >= _NEAR else "nobody_near")


def carried(weighing: Weighing, people: Sequence[Person], alone: Sequence[Alone]) -> list[Carried]:
    """Return what this weighing says of a child, if it was one in somebody's arms, for each who was weighed alone, the likeliest first."""
    found = [
        (_carried_density(weighing, person, one), Carried(person.subject, one.reading, one.subject, weighing.weight_g - one.weight_g))
        for person in people
        if person.in_arms
        for one in alone
        if one.subject != person.subject
    ]
    return [each for density, each in sorted(found, key=lambda pair: -pair[0]) if density > 0 and each.weight_g > 0]


def needs_somebody(kind: int) -> bool:
    """Say whether a reading of this kind is somebody's or a room's; the others are the device's own word about itself."""
    return kind in (readings.SCALE, readings.CUFF, readings.CLIMATE)


def weighing_of(fields: Mapping[int, Any], utc_s: float) -> Weighing | None:
    """Return the weighing in the fields of a reading; None: it is none."""
    grams, ohm = fields.get(readings.GRAMS), fields.get(readings.IMPEDANCE)
    if fields.get(readings.KIND) != readings.SCALE or not isinstance(grams, int):
        return None
    return Weighing(grams, ohm if isinstance(ohm, int) and ohm > 0 else None, utc_s)


def _scatter_g(weight_g: float) -> float:
    return max(_SCATTER_LEAST_g, _SCATTER_SHARE * weight_g)


def _later(body: Body, utc_s: float) -> Body:
    """Return a body as it is known some time later: as before, less surely. A weighing that comes late makes nothing surer."""
    days = max(0.0, utc_s - body.at_s) / _DAY_S if body.at_s else 0.0
    walked = max(_WALK_LEAST_g, _WALK_SHARE * body.weight_g) ** 2 * days
    return Body(body.weight_g, body.weight_var + walked, body.ohm, body.ohm_var + _OHM_WALK**2 * days, body.at_s)


def _likelihood(weighing: Weighing, body: Body) -> float:
    now = _later(body, weighing.utc_s)
    spread = now.weight_var + _scatter_g(now.weight_g) ** 2
    bare = _normal(weighing.weight_g, now.weight_g, spread)
    coat = _normal(weighing.weight_g, now.weight_g + _COAT_g, spread + _COAT_SCATTER_g**2) if now.weight_g > HEAVIEST_IN_ARMS_g else bare
    by_weight_ = (1 - _COAT_PRIOR) * bare + _COAT_PRIOR * coat
    if weighing.ohm is None:
        return by_weight_
    if now.ohm is None:
        return by_weight_ * _people_ohm(weighing.ohm)
    return by_weight_ * _normal(log(weighing.ohm), now.ohm, now.ohm_var + _OHM_SCATTER**2)


def _people_ohm(ohm: int) -> float:
    return _normal(log(ohm), _PEOPLE_OHM, _PEOPLE_OHM_SCATTER**2)


def _carried_density(weighing: Weighing, child: Person, alone: Alone) -> float:
    """Return the density of this weighing if it was `alone`'s carrier with the child; impedance says nothing then."""
    if alone.subject == child.subject:
        return 0.0
    now = _later(child.body, weighing.utc_s)
    spread = now.weight_var + _scatter_g(now.weight_g) ** 2 + _ARMS_SCATTER_g**2
    off = weighing.weight_g - alone.weight_g - now.weight_g
    if abs(off) > _ARMS_WIDEST_SIGMAS * sqrt(spread):
        return 0.0
    return _normal(off, 0.0, spread) * (1.0 if weighing.ohm is None else _people_ohm(weighing.ohm))


def _normal(value: float, mean: float, variance: float) -> float:
    return exp(-((value - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)
