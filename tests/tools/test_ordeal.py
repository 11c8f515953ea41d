"""The home under everything that happens to a machine: nothing lost, nothing twice, nothing under the wrong person."""

from pathlib import Path

import pytest

from tools.bench import soak
from tools.ordeal import Ordeal, Outcome, Plan, Sample

SAMPLE = Plan(readings=240, per_s=60.0, pause_s=(0.05, 0.2), longest_s=0.6)
CAMPAIGN = Plan(readings=24_000, per_s=100.0, pause_s=(0.5, 4.0))


def equal(outcome: Outcome, plan: Plan) -> bool:
    counts = outcome.counts
    owned, guests = counts["of people and rooms"], counts["of guests, in the inbox"]
    return counts["signed"] == counts["receipted"] == counts["at home"] == owned + guests and counts["in the accounts"] == owned > 0


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_home_comes_through_each_misfortune_once(tmp_path: Path) -> None:
    """Each program killed, each disk full, the broker hung, the clock set, both databases copied: the counts are equal everywhere."""
    outcome = await Ordeal(tmp_path, SAMPLE).run()
    assert outcome.wrong == []
    assert equal(outcome, SAMPLE)
    assert len(outcome.faults) == 8
    assert outcome.copies, "a copy was looked at"


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_campaign_of_misfortunes_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Over at least 20,000 acknowledged readings."""
    outcome = await Ordeal(tmp_path, CAMPAIGN).run()
    assert outcome.wrong == []
    assert equal(outcome, CAMPAIGN)
    assert outcome.counts["receipted"] >= 20_000
    assert all(count >= 5 for count in outcome.faults.values()), outcome.faults


def test_memory_is_judged_by_the_last_life_of_each_program() -> None:
    """Growth before a restart does not count, and the warm-up of the last life does not either."""
    before = [Sample("gateway", 1, float(at), 200.0 + at) for at in range(0, 100, 10)]
    after = [Sample("gateway", 2, float(at), 70.0 if at < 200 else 80.0 + at / 1000) for at in range(100, 1000, 10)]
    other = [Sample("ingester", 3, float(at), 80.0) for at in range(0, 1000, 10)]
    assert {sample.pid for sample in soak.last_life(before + after, "gateway")} == {2}
    outcome = Outcome({"signed": 5}, {}, {}, [], 1.0, [], before + after + other)
    figures = {figure.what: figure for figure in soak.figures_of(outcome, Plan(5, 1.0, (1.0, 1.0)), 100.0)}
    grown = figures["gateway: memory grown, last fifth over first"]
    assert 0 < grown.value < 1
    assert grown.holds
    assert not figures["what is wrong"]._replace(value=1.0).holds
