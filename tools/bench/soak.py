"""An hour at 50 readings a second while things go wrong: counts are equal everywhere at the end, and memory stays flat.

Programs are killed in the first half only; in the second the gateway lives on through full disks, dead brokers and clocks that are set, so
its memory can be watched for half an hour. The first ten minutes of a life are not judged: caches fill, and aiocoap remembers each
exchange for four minutes (RFC 7252 section 4.8.2, EXCHANGE_LIFETIME 247 s).
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import mean

from tools.bench.figures import Figure
from tools.ordeal import Ordeal, Outcome, Plan, Sample

HOUR = Plan(readings=180_000, per_s=50.0, pause_s=(15.0, 45.0), quiet_after=0.5)
_WARM_S = 600.0


def measure(plan: Plan = HOUR, warm_s: float = _WARM_S) -> list[Figure]:
    """Carry out the soak; return the counts, the faults, and how memory grew in the last life of each program."""
    folder = Path(tempfile.mkdtemp(prefix="foyer-soak-"))
    outcome = asyncio.run(Ordeal(folder, plan, _say).run())
    if outcome.passed:
        shutil.rmtree(folder)
    else:
        _say(f"wrong: {'; '.join(outcome.wrong)}; everything is left in {folder}")
    return figures_of(outcome, plan, warm_s)


def figures_of(outcome: Outcome, plan: Plan, warm_s: float) -> list[Figure]:
    """Return an outcome as figures."""
    figures = [
        Figure("what is wrong", float(len(outcome.wrong)), "findings", 0),
        Figure("readings signed", float(outcome.counts["signed"]), "readings", plan.readings, at_most=False),
    ]
    figures += [Figure(name, float(count), "readings") for name, count in outcome.counts.items() if name != "signed"]
    figures += [Figure(name, float(count), "times") for name, count in sorted(outcome.faults.items())]
    figures += [Figure(f"devices: {name}", float(count), "times") for name, count in outcome.devices.items()]
    figures.append(Figure("it took", outcome.took_s, "s"))
    for program in ("gateway", "ingester"):
        life = last_life(outcome.memory, program)
        warm = [each for each in life if each.at_s - life[0].at_s >= warm_s] or life
        fifth = max(1, len(warm) // 5)
        grown_MB = mean(each.resident_MB for each in warm[-fifth:]) - mean(each.resident_MB for each in warm[:fifth])
        figures += [
            Figure(f"{program}: last life watched for", warm[-1].at_s - warm[0].at_s, "s"),
            Figure(f"{program}: memory at the end", warm[-1].resident_MB, "MB", 120),
            Figure(f"{program}: memory grown, last fifth over first", grown_MB, "MB", 3),
        ]
    return figures


def last_life(samples: list[Sample], program: str) -> list[Sample]:
    """Return the samples of the process that was the program's last."""
    own = [sample for sample in samples if sample.program == program]
    return [sample for sample in own if sample.pid == own[-1].pid]


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
