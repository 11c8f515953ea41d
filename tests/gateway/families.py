"""Simulated families on a scale: who they are, how they drift, when they step on, and what the scale then says. Seeded, so each repeats.

Written without a look at the model in gateway/people.py: bodies swing over the day and the week, wear clothes, catch colds, lose weight
on purpose, grow, and are joined by guests. Sources for the sizes: an adult's weight swings by about 1 kg over a day and 0.35 % over a week
(Orsama et al., Obesity Facts 2014); foot-to-foot impedance repeats within 3 % from day to day (Kyle et al., Clinical Nutrition 2004).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

DAY_S = 86_400


@dataclass
class Somebody:
    """One who lives there; a child grows."""

    subject: int
    weight_g: float
    ohm: float
    a_day: float
    drift_g_a_day: float
    is_child: bool = False
    cold_g: float = 0.0


@dataclass(frozen=True)
class Step:
    """One step on the scale, and who it truly was (None: a guest)."""

    utc_s: float
    truly: int | None
    grams: int
    ohm: int | None


@dataclass
class Family:
    """A household of 2 to 5, from a seed."""

    seed: int
    random: Random = field(init=False)
    people: list[Somebody] = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        random = self.random
        adults = [self._somebody(number + 1, random.gauss((84, 69)[number % 2], 13)) for number in range(random.choice((1, 2, 2, 2, 3)))]
        children = [
            self._somebody(len(adults) + number + 1, random.uniform(14, 62), True) for number in range(random.choice((0, 1, 1, 2, 2)))
        ]
        self.people = adults + children

    def _somebody(self, subject: int, weight_kg: float, is_child: bool = False) -> Somebody:
        random = self.random
        weight_g = max(weight_kg, 45.0 if not is_child else 12.0) * 1000
        drift = random.gauss(8, 4) if is_child else random.choice((0, 0, 0, random.gauss(0, 25), -70))
        ohm = random.gauss(600 if is_child else 510, 65)
        return Somebody(subject, weight_g, ohm, random.choice((2.2, 1.0, 1.0, 0.5, 0.14)), drift, is_child)

    def steps(self, days: int) -> Iterator[Step]:
        """Yield what happens on the scale, in order."""
        random = self.random
        for day in range(days):
            today: list[Step] = []
            for who in self.people:
                who.weight_g += who.drift_g_a_day + random.gauss(0, 0.0012 * who.weight_g)
                if random.random() < 0.004:
                    who.cold_g = -0.02 * who.weight_g
                who.cold_g *= 0.85
                for _ in range(_poisson(random, who.a_day)):
                    today.append(self._step(who, day, random.gauss(7.2, 1.2) if random.random() < 0.7 else random.gauss(21, 1.2)))
            if random.random() < 0.03:
                today.append(self._guest(day))
            yield from sorted(today, key=lambda step: step.utc_s)

    def _step(self, who: Somebody, day: int, hour: float) -> Step:
        random = self.random
        swing_g = 0.006 * who.weight_g * math.sin((hour - 7) / 14 * math.pi / 2)
        clothes_g = random.choice((0, 200, 400, 800)) if random.random() < 0.93 else random.uniform(1500, 3000)
        weight_g = who.weight_g + who.cold_g + swing_g + clothes_g * min(1.0, who.weight_g / 60_000) + random.gauss(0, 60)
        is_bare = random.random() < 0.75 and clothes_g < 1500
        ohm = round(who.ohm * math.exp(random.gauss(0, 0.03) - 0.02 * swing_g / 500)) if is_bare else None
        return Step(1_700_000_000 + day * DAY_S + hour * 3600, who.subject, round(weight_g / 100) * 100, ohm)

    def _guest(self, day: int) -> Step:
        random = self.random
        ohm = round(random.gauss(520, 75)) if random.random() < 0.5 else None
        return Step(1_700_000_000 + day * DAY_S + 15 * 3600, None, round(random.uniform(15, 105) * 10) * 100, ohm)


def _poisson(random: Random, mean: float) -> int:
    count, left = 0, math.exp(-mean)
    product = random.random()
    while product > left:
        count += 1
        product *= random.random()
    return count
