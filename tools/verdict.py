"""Whether every reading arrived: what was put on the chips, held against what the account's owner is shown.

Nothing that Foyer says of itself counts here. A truth is what the simulator's world did (a load on the plate, a pressure in the
artery, the air at the sensor); a shown reading is a row of a page of the site, as a signed-in visitor received it. Each truth wants
exactly one row, in the right person's account, near its time, with its value.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

WEIGHT_WITHIN_KG = 0.1
# The first oscillometric estimate of a simulated artery; real accuracy is judged on real recordings.
PRESSURE_WITHIN_mmHg = 10.0
ROOM_WITHIN_Cel = 0.15
ROOM_WITHIN_PERCENT = 1.5
# The steps from world to row: settling, and the minute a reading without a clock may be off.
TIME_WITHIN_S = {"weight": 15.0, "pressure": 90.0, "climate": 6.0}

Values = dict[str, float]


class Truth(NamedTuple):
    """What happened: kind ("weight", "pressure", "climate"), whose account must show it, the values, and when (s since 1970)."""

    kind: str
    person: str
    values: Values
    at_s: float


class Shown(NamedTuple):
    """A row of the site: in whose account, its id, kind, values and time as shown, and whether its signature was said to verify."""

    person: str
    row: str
    kind: str
    values: Values
    utc_s: float
    verified: bool


class Finding(NamedTuple):
    """What became of one truth: its row, if any, and the faults found ("missing", "duplicate", "altered", "misassigned")."""

    truth: Truth
    shown: Shown | None
    faults: tuple[str, ...]


class Verdict(NamedTuple):
    """The findings, one a truth, and the rows that no truth explains."""

    findings: list[Finding]
    unexplained: list[Shown]

    @property
    def counts(self) -> dict[str, int]:
        return {
            "readings": len(self.findings),
            "arrived": sum(finding.shown is not None and "misassigned" not in finding.faults for finding in self.findings),
            "duplicates": sum("duplicate" in finding.faults for finding in self.findings),
            "altered": sum("altered" in finding.faults for finding in self.findings),
            "misassigned": sum("misassigned" in finding.faults for finding in self.findings),
            "unexplained": len(self.unexplained),
        }

    @property
    def good(self) -> bool:
        return bool(self.findings) and not self.unexplained and all(not finding.faults for finding in self.findings)


def agrees(kind: str, truth: Values, shown: Values) -> bool:
    """Return whether shown values are the truth's, within what this kind of measurement may be off."""
    limits = {
        "weight": {"weight_kg": WEIGHT_WITHIN_KG},
        "pressure": {"systolic_mmHg": PRESSURE_WITHIN_mmHg, "diastolic_mmHg": PRESSURE_WITHIN_mmHg},
        "climate": {"room_Cel": ROOM_WITHIN_Cel, "humidity_percent": ROOM_WITHIN_PERCENT},
    }[kind]
    return all(name in shown and abs(truth[name] - shown[name]) <= limit + 1e-9 for name, limit in limits.items())


def judge(truths: Sequence[Truth], shown: Iterable[Shown]) -> Verdict:
    """Return the Verdict: every truth paired with the row nearest to it in time and value, and what is wrong with each pair."""
    left = list(shown)
    pairs: dict[int, Shown] = {}
    faults: dict[int, list[str]] = {number: [] for number in range(len(truths))}
    # Right rows first, so that a wrong one cannot take the place of a right one.
    for tolerant in (_is_right, _is_misassigned, _is_altered):
        for number, truth in enumerate(truths):
            if number in pairs:
                continue
            fitting = [row for row in left if tolerant(truth, row)]
            if fitting:
                best = min(fitting, key=lambda row: abs(row.utc_s - truth.at_s))
                left.remove(best)
                pairs[number] = best
                if tolerant is _is_misassigned:
                    faults[number].append("misassigned")
                if tolerant is _is_altered:
                    faults[number].append("altered")
                if not best.verified:
                    faults[number].append("altered")
    unexplained: list[Shown] = []
    for row in left:
        twins = [number for number, pair in pairs.items() if _is_twin(pair, row)]
        if twins:
            faults[twins[0]].append("duplicate")
        else:
            unexplained.append(row)
    for number in faults:
        if number not in pairs:
            faults[number].append("missing")
    findings = [Finding(truth, pairs.get(number), tuple(dict.fromkeys(faults[number]))) for number, truth in enumerate(truths)]
    return Verdict(findings, unexplained)


def _is_near(truth: Truth, row: Shown) -> bool:
    return truth.kind == row.kind and abs(truth.at_s - row.utc_s) <= TIME_WITHIN_S[truth.kind]


def _is_right(truth: Truth, row: Shown) -> bool:
    return _is_near(truth, row) and truth.person == row.person and agrees(truth.kind, truth.values, row.values)


def _is_misassigned(truth: Truth, row: Shown) -> bool:
    return _is_near(truth, row) and truth.person != row.person and agrees(truth.kind, truth.values, row.values)


def _is_altered(truth: Truth, row: Shown) -> bool:
    return _is_near(truth, row) and truth.person == row.person


def _is_twin(pair: Shown, row: Shown) -> bool:
    return pair.kind == row.kind and pair.values == row.values and abs(pair.utc_s - row.utc_s) <= TIME_WITHIN_S[row.kind]
