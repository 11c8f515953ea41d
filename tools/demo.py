"""`foyer demo`: the whole home on one machine, to try by hand, or one scripted evening with `--once`.

By hand it prints three addresses and a test account, and runs until Ctrl-C. With `--once` it needs nobody, and its exit status says
whether every reading arrived, once, unaltered and under the right person.
"""

import argparse
import asyncio
import contextlib
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path

from simulator.errors import SimulatorError
from tools import evening
from tools.broker import BrokerFailed
from tools.build import ROOT, BuildFailed
from tools.evening import EveningFailed, Evidence
from tools.household import Household, Ports
from tools.panel import serve_panel
from tools.services import PortTaken, ServiceFailed
from tools.verdict import Verdict
from tools.ways import STOPS

FIRST_PORT = 8400
HOMES = ROOT / ".foyer/homes"


def main(arguments: list[str]) -> int:
    chosen = _parse(arguments)
    try:
        if chosen.judge:
            return _judge(chosen.judge)
        return _run(_once(chosen) if chosen.once else _by_hand(chosen))
    except (PortTaken, BrokerFailed, ServiceFailed, EveningFailed, BuildFailed, SimulatorError) as error:
        return _sorry(str(error))
    except ExceptionGroup as group:
        known = group.subgroup((PortTaken, BrokerFailed, ServiceFailed, EveningFailed, SimulatorError))
        if known is None or group.split(type(known.exceptions[0]))[1]:
            raise
        return _sorry(str(known.exceptions[0]))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _sorry("The disk is full, so the home cannot keep its readings: make room and start it again.")
        if isinstance(error, PermissionError) and error.filename:
            return _sorry(f"{error.filename} may not be written: allow it, or choose another place.")
        raise


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=os.environ.get("FOYER_COMMAND", "./foyer demo"),
        description="Run the whole home: broker, account store, site, gateway and three simulated devices. Ctrl-C stops it.",
    )
    parser.add_argument("--once", action="store_true", help="play one scripted evening with nobody present, judge it, and stop")
    parser.add_argument("--report", type=Path, metavar="FILE", help="with --once: write what became of each reading to FILE, as JSON")
    parser.add_argument(
        "--first-port", type=_port, metavar="N", help=f"use the five ports from N on (default {FIRST_PORT}; --once: any free)"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="with --once: keep the home's files, and the evidence, in FOLDER")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="judge the evidence of an earlier evening (FOLDER/evidence.json) again")
    parser.add_argument("--radio", choices=("wifi", "ble"), default="wifi", help="how the scale and the cuff reach home (default wifi)")
    chosen = parser.parse_args(arguments)
    if (chosen.report or chosen.keep) and not chosen.once:
        parser.error("--report and --keep go with --once.")
    if chosen.keep and chosen.keep.exists() and any(chosen.keep.iterdir()):
        parser.error(f"{chosen.keep} is not empty: name a new folder.")
    return chosen


def _port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) <= 65530:
        raise argparse.ArgumentTypeError(f"{text} is no port from 1024 to 65530")
    return int(text)


def _run(work: Coroutine[None, None, int]) -> int:
    """Run until it ends or somebody asks it to; Ctrl-C and a polite kill end it in order."""

    async def until_asked() -> int:
        task = asyncio.ensure_future(work)
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            _say("Stopped. Everything that was started has ended.")
            return 130

    return asyncio.run(until_asked())


async def _by_hand(chosen: argparse.Namespace) -> int:
    ports = Ports.from_first(chosen.first_port or FIRST_PORT)
    folder = HOMES / str(ports.site)  # no other demo has it: the port is ours
    shutil.rmtree(folder, ignore_errors=True)
    async with Household(folder, ports, evening.PEOPLE, say=_say, radio=chosen.radio) as household, serve_panel(household) as panel:
        first = household.residents[0]
        others = ", ".join(f"{resident.email} / {resident.password}" for resident in household.residents[1:])
        sys.stdout.write(
            f"""
The home is running.

  The simulator     {panel}
                    step on the scale, wrap the cuff, open the window, pull a plug
  The site          {household.site_address}/en/
                    {first.person.name}: {first.email} / {first.password}
                    (also {others})
  The gateway       {household.page_address}/en/
                    password {household.household_password}; your browser will ask about its certificate once,
                    because a home has an authority of its own. Its SHA-256 is
                    {household.page_fingerprint}

Start here: open the simulator, let {first.person.name} step on the scale, and see the weight arrive on the site.
Ctrl-C stops everything.
"""
        )
        sys.stdout.flush()
        await asyncio.Event().wait()
    return 0


async def _once(chosen: argparse.Namespace) -> int:
    ports = Ports.from_first(chosen.first_port) if chosen.first_port else Ports.free()
    with _folder(chosen.keep) as folder:
        async with Household(folder, ports, evening.PEOPLE, say=_say, radio=chosen.radio) as household:
            outcome = await evening.run(household, _say)
        if chosen.keep:
            evening.write_report(folder / "evidence.json", outcome.evidence.to_json())
    verdict = outcome.evidence.verdict()
    made = evening.report(outcome, verdict)
    if chosen.report:
        evening.write_report(chosen.report, made)
    _tell(made, verdict)
    return 0 if verdict.good else 1


def _judge(path: Path) -> int:
    try:
        evidence = Evidence.from_json(json.loads(path.read_text(encoding="utf-8")))
        verdict = evidence.verdict()
    except (OSError, ValueError, TypeError, KeyError) as error:
        return _sorry(f"{path} holds no evidence of an evening ({type(error).__name__}): name the evidence.json that --keep wrote.")
    _summarise(verdict)
    return 0 if verdict.good else 1


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="foyer-") as name:
        yield Path(name)


def _tell(made: dict[str, object], verdict: Verdict) -> None:
    """Print each reading at each stop of its way, in seconds after it was measured, and the summary."""
    stops = [stop for stop in STOPS if stop != "measured"]
    sys.stdout.write(f"\n{'reading':32}{''.join(f'{stop:>10}' for stop in stops)}   seconds after it was measured\n")
    lines = made["readings"]
    for line in lines if isinstance(lines, list) else []:
        shown = line["shown"] or {}
        values = " ".join(f"{value:g}" for value in shown.values()) or "not shown"
        began = line["stops"].get("measured")
        times = [line["stops"].get(stop) for stop in stops]
        columns = "".join(f"{'-' if at is None or began is None else format(at - began, '.2f'):>10}" for at in times)
        mark = "✗ " + ", ".join(line["faults"]) if line["faults"] else "✓"
        sys.stdout.write(f"{line['kind'] + ' ' + values:24}{line['person']:8}{columns}   {mark}\n")
    _summarise(verdict)


def _summarise(verdict: Verdict) -> None:
    counts = verdict.counts
    sys.stdout.write("\n" + ", ".join(f"{number} {words}" for words, number in counts.items()) + "\n")
    if verdict.good:
        sys.stdout.write("Every reading arrived, once, unaltered, under the right person.\n")
    else:
        sys.stdout.write("Not every reading arrived as it should: see the lines marked ✗, and the report.\n")
    sys.stdout.flush()


def _say(words: str) -> None:
    sys.stdout.write(f"  {words}\n")
    sys.stdout.flush()


def _sorry(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
