"""One scripted evening with nobody present: three weigh-ins, a blood pressure, a cooling nursery, and three things that go wrong.

A recorded real person and two simulated ones step on the scale. In between the gateway is killed and started again while a reading
waits on the scale, whose power is cut too; and the broker is stopped for 20 s. What each person is then shown by the site, signed in
to their own account, is held against what the simulator put on the chips (tools/verdict.py).
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from simulator.events import Event
from simulator.people.person import Person
from tools.build import ROOT
from tools.household import Household
from tools.verdict import Finding, Shown, Truth, Values, Verdict, judge
from tools.visitor import Visitor, read_rows
from tools.ways import STOPS, Way

BROKER_AWAY_S = 20.0
CLIMATE_PERIOD_S = 10.0
BETWEEN_PEOPLE_S = 3.0
# The pages of the site, and what the values of their rows are, in the order in which a row gives them.
VALUES = {
    "weight": ("weight_kg",),
    "pressure": ("systolic_mmHg", "diastolic_mmHg"),
    "climate": ("room_Cel", "humidity_percent"),
}
RECORDING = ROOT / "tests/vectors/standing/person2.csv"
RECORDED_KG = 54.2

PEOPLE = [
    Person("Marianne", 62.4, 124.0, 79.0, 66.0, seed=11),
    Person("Benjamin", 81.7, 131.0, 84.0, 71.0, seed=12),
    Person("Clarisse", RECORDED_KG, 112.0, 72.0, 64.0, seed=13),
]


class Evidence(NamedTuple):
    """What the world did, and the pages as each person received them; enough to judge again later."""

    truths: list[Truth]
    pages: dict[str, dict[str, str]]

    def to_json(self) -> dict[str, object]:
        return {"truths": [truth._asdict() for truth in self.truths], "pages": self.pages}

    @classmethod
    def from_json(cls, kept: Mapping[str, object]) -> "Evidence":
        truths, pages = kept["truths"], kept["pages"]
        if not isinstance(truths, list) or not isinstance(pages, dict):
            raise TypeError("not evidence")
        return cls([Truth(**truth) for truth in truths], pages)

    def verdict(self) -> Verdict:
        """Return the Verdict on this evening; rows of the climate that went on being measured after its end do not belong to it."""
        ended_s = max(truth.at_s for truth in self.truths)
        shown = [row for person, pages in self.pages.items() for page in pages.values() for row in rows(person, page)]
        return judge(self.truths, [row for row in shown if row.utc_s <= ended_s + CLIMATE_PERIOD_S / 2])


class Outcome(NamedTuple):
    """How the evening went: its evidence, when each row was first shown, the ways of the readings, and how long it took."""

    evidence: Evidence
    shown_at_s: dict[str, float]
    ways: list[Way]
    seconds: float


class EveningFailed(Exception):
    """Something that the script waits for did not come; the message says what."""


async def run(household: Household, say: Callable[[str], None]) -> Outcome:
    """Play the evening in a household that has just started. Raises EveningFailed: it got stuck."""
    began_s = time.monotonic()
    house = household.house
    scale = house.devices["scale"]
    marianne, benjamin, clarisse = (resident.person for resident in household.residents)
    async with AsyncExitStack() as stack:
        visitors = {resident.person.name: await stack.enter_async_context(household.site_visitor()) for resident in household.residents}
        for resident in household.residents:
            await household.sign_in(resident, visitors[resident.person.name])
        watcher = await stack.enter_async_context(_watching(visitors))

        say(f"{clarisse.name} steps on the scale")
        await house.stand_recorded("scale", RECORDING, 10.0, clarisse.name)
        await _until(lambda: _count(household, "scale", "receipted") >= 1, 30, "the first weight to be receipted")
        await _until(lambda: scale.whose[0] == clarisse.name[0], 5, "the scale's display to say whose weight it is")
        await asyncio.sleep(BETWEEN_PEOPLE_S)

        say(f"The gateway is killed; {benjamin.name} steps on the scale, whose power fails before the reading is away")
        await household.gateway.kill()
        await house.step_on("scale", benjamin, 9.0)
        await _until(lambda: _count(household, "scale", "kept") >= 2, 20, "the second weight to be kept in flash")
        await scale.cut_power()
        await household.restart_gateway()
        await scale.restore_power()
        await _until(lambda: _count(household, "scale", "receipted") >= 2, 60, "the waiting weight to be receipted")

        say(f"The broker is stopped for {BROKER_AWAY_S:.0f} s and the nursery's window opened")
        say(f"{marianne.name} steps on the scale and takes her blood pressure meanwhile")
        await asyncio.to_thread(household.broker.stop)
        house.open_window()
        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(house.step_on("scale", marianne, 9.0))
            meanwhile.create_task(house.wrap_and_press("cuff", marianne))
            await asyncio.sleep(BROKER_AWAY_S)
            say("The broker is back")
            await asyncio.to_thread(household.broker.start)
        house.close_window()
        say("Waiting until everything has arrived")
        truths = await _truths_after_the_next_climate(household)
        with contextlib.suppress(EveningFailed):  # whatever is missing then is the verdict's to say
            await _until(lambda: watcher.count >= len(truths), 30, "every reading to be shown")
        await asyncio.sleep(1.0)  # room for a duplicate to show itself
        evidence = Evidence(truths, await _pages(visitors))
        return Outcome(evidence, dict(watcher.first_seen_s), list(household.ways.ways.values()), time.monotonic() - began_s)


def report(outcome: Outcome, verdict: Verdict) -> dict[str, object]:
    """Return what `--report FILE` holds: each reading at each stop, and the summary."""
    used: set[int] = set()
    lines = []
    for finding in verdict.findings:
        way = _way_of(finding, outcome.ways, used)
        stops = {stop: round(way.stops[stop], 3) for stop in STOPS if way and stop in way.stops}
        if finding.shown and finding.shown.row in outcome.shown_at_s:
            stops["shown"] = round(outcome.shown_at_s[finding.shown.row], 3)
        lines.append(
            {
                "kind": finding.truth.kind,
                "person": finding.truth.person,
                "truth": finding.truth.values,
                "truth_at": round(finding.truth.at_s, 3),
                "shown": finding.shown.values if finding.shown else None,
                "verified": finding.shown.verified if finding.shown else None,
                "faults": list(finding.faults),
                "sequence": way.key.sequence if way else None,
                "stops": stops,
            }
        )
    return {"readings": lines, "summary": {**verdict.counts, "seconds": round(outcome.seconds, 1)}}


def write_report(path: Path, made: Mapping[str, object]) -> None:
    """Write a report beside and rename it, so that a half-written one is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.rename(path)


def rows(person: str, page: str) -> list[Shown]:
    """Return the readings in the tables of one page of the site, as the page's own markup gives them."""
    return [_shown(person, row.data) for row in read_rows(page) if "kind" in row.data]


def _shown(person: str, data: Mapping[str, str]) -> Shown:
    names = VALUES[data["kind"]]
    values = dict(zip(names, map(float, data["value"].split("/")), strict=True))
    return Shown(person, data["id"], data["kind"], values, float(data["utc"]), data["verified"] == "true")


def truths_of(events: Sequence[Event], owner_of_cuff: str, owner_of_room: str, until_s: float) -> list[Truth]:
    """Return what the world did up to a moment: every weigh-in, every pressure in the artery, every period at the climate sensor."""
    truths = [Truth("climate", owner_of_room, values, at_s) for values, at_s in climate_periods(events) if at_s <= until_s]
    for event in events:
        facts = event.facts
        if event.at_s > until_s:
            continue
        if event.what == "stood":
            truths.append(Truth("weight", str(facts["person"]), _numbers(facts, weight_kg="load_kg"), event.at_s))
        elif event.what == "measured_pressure":
            values = _numbers(facts, systolic_mmHg="systolic_mmHg", diastolic_mmHg="diastolic_mmHg")
            truths.append(Truth("pressure", owner_of_cuff, values, event.at_s))
    return sorted(truths, key=lambda truth: truth.at_s)


def climate_periods(events: Sequence[Event], period_s: float = CLIMATE_PERIOD_S) -> list[tuple[Values, float]]:
    """Return, for each whole period since the sensor's first conversion, the mean that it was asked for, and when it ended.

    A babyphone that is told to measure every `period_s` reads its sensor several times a period, and once to begin with.
    """
    periods = []
    gathered: list[Event] = []
    due_s: float | None = None
    for event in (event for event in events if event.what == "climate"):
        gathered.append(event)
        due_s = event.at_s if due_s is None else due_s
        if event.at_s >= due_s:
            means = {name: sum(float(str(each.facts[name])) for each in gathered) / len(gathered) for name in ("Cel", "percent")}
            periods.append(({"room_Cel": means["Cel"], "humidity_percent": means["percent"]}, event.at_s))
            gathered = []
            due_s += period_s
    return periods


def _numbers(facts: Mapping[str, object], **names: str) -> Values:
    return {ours: float(str(facts[theirs])) for ours, theirs in names.items()}


async def _truths_after_the_next_climate(household: Household) -> list[Truth]:
    """Wait for one more period of the climate sensor and end the evening with it."""
    began_s = time.time()

    def ends() -> list[float]:
        return [at_s for _, at_s in climate_periods(household.events) if at_s > began_s]

    await _until(lambda: bool(ends()), 3 * CLIMATE_PERIOD_S, "one more measurement of the nursery's climate")
    owner = household.residents[0].person.name
    return truths_of(household.events, owner, owner, ends()[0])


def _count(household: Household, device: str, stop: str) -> int:
    return sum(way.key.device == device and stop in way.stops for way in household.ways.ways.values())


async def _until(condition: Callable[[], bool], timeout_s: float, words: str) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise EveningFailed(f"Waited {timeout_s:.0f} s for {words}, and it did not come.")
        await asyncio.sleep(0.05)


class _Watcher:
    """Looks at every account's readings again and again, and remembers when each row was first there."""

    def __init__(self, visitors: Mapping[str, Visitor]) -> None:
        self.first_seen_s: dict[str, float] = {}
        self._visitors = visitors

    @property
    def count(self) -> int:
        return len(self.first_seen_s)

    async def run(self) -> None:
        while True:
            for visitor in self._visitors.values():
                for page in VALUES:
                    answer = await visitor.json(f"/en/{page}.json")
                    if isinstance(answer, dict):
                        for reading in answer["readings"]:
                            self.first_seen_s.setdefault(str(reading["id"]), time.time())
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def _watching(visitors: Mapping[str, Visitor]) -> AsyncIterator[_Watcher]:
    watcher = _Watcher(visitors)
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _pages(visitors: Mapping[str, Visitor]) -> dict[str, dict[str, str]]:
    """Return every account's pages as they are shown now, with all their rows."""
    return {person: {page: (await visitor.get(f"/en/{page}?rows=all")).text for page in VALUES} for person, visitor in visitors.items()}


def _way_of(finding: Finding, ways: Sequence[Way], used: set[int]) -> Way | None:
    """Return the way that was measured nearest to a truth, each way once; for the report's times only."""
    kinds = {"weight": 0, "pressure": 1, "climate": 2}
    fitting = [
        (abs(way.stops["measured"] - finding.truth.at_s), number)
        for number, way in enumerate(ways)
        if number not in used and way.kind == kinds[finding.truth.kind] and "measured" in way.stops
    ]
    if not fitting:
        return None
    number = min(fitting)[1]
    used.add(number)
    return ways[number]
