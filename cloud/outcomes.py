"""What homes say of releases, counted; and the roll-outs that have halted because of it.

A home counts once for each release, however often it says it: it is known by a MAC of its alias and the release under a key that is in no
database, so what it says of two releases cannot be joined, nor with an account. A failure stands whatever is said afterwards. All that can
follow from any word of any home is that a roll-out halts; whoever operates this store lets it go on, and those who failed until then do
not count against it again.
"""

import time
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, insert, select, update

from cloud import measures, stores, wrapping
from cloud.accounts import HALTS, OUTCOMES
from cloud.logs import Log
from protocol import shelf
from protocol.errors import ProtocolError
from protocol.outcomes import Outcome

HOME_BYTES = 16
KEPT_DAYS = 400
BY_HOMES, BY_OPERATOR = "homes", "operator"

Named = tuple[str, int]  # a release: kind of device and sequence


class Rule(NamedTuple):
    """When a roll-out halts by itself: so many homes at least, and so many in a hundred of those that said how it went."""

    homes: int
    percent: int


class Tally(NamedTuple):
    """How many homes keep a release, and in how many it failed, while it was offered to this share of a hundred; faults: how often each."""

    share: int
    kept: int
    failed: int
    faults: dict[int, int]


class Halt(NamedTuple):
    """Whether a roll-out has halted, since when and through whom; forgiven: homes whose failure no longer counts."""

    since_utc_s: int | None
    by: str
    forgiven: int


NEVER = Halt(None, "", 0)


def must_halt(kept: int, failed: int, forgiven: int, rule: Rule) -> bool:
    """Whether so many failures are too many."""
    counting = failed - forgiven
    return counting >= rule.homes and 100 * counting >= rule.percent * (kept + counting)


def record(connection: Connection, said: Outcome, home: bytes, share: int, day: int) -> bool:
    """Keep what a home says of a release; return whether that is news."""
    own = (OUTCOMES.c.kind == said.kind) & (OUTCOMES.c.sequence == said.sequence) & (OUTCOMES.c.home_mac == home)
    values = {"share": share, "fault": said.fault, "day": day}
    new = stores.insert_new(connection, OUTCOMES).values(kind=said.kind, sequence=said.sequence, home_mac=home, **values)
    if connection.execute(new).rowcount == 1:
        connection.execute(delete(OUTCOMES).where(OUTCOMES.c.day < day - KEPT_DAYS))
        return True
    changed = update(OUTCOMES).where(own & (OUTCOMES.c.fault == 0)).values(values)
    return said.fault != 0 and connection.execute(changed).rowcount == 1


def tallies(connection: Connection, kind: str, sequence: int) -> list[Tally]:
    """Return how a release fares, by the share of homes it was offered to, the smallest first."""
    of_release = (OUTCOMES.c.kind == kind) & (OUTCOMES.c.sequence == sequence)
    counts: dict[int, dict[int, int]] = {}
    for share, fault in connection.execute(select(OUTCOMES.c.share, OUTCOMES.c.fault).where(of_release)):
        faults = counts.setdefault(share, {})
        faults[fault] = faults.get(fault, 0) + 1
    found = []
    for share, faults in sorted(counts.items()):
        kept = faults.pop(0, 0)
        found.append(Tally(share, kept, sum(faults.values()), dict(sorted(faults.items()))))
    return found


def halt_of(connection: Connection, kind: str, sequence: int) -> Halt:
    """Return whether a roll-out has halted."""
    row = connection.execute(select(HALTS).where(HALTS.c.kind == kind, HALTS.c.sequence == sequence)).one_or_none()
    return NEVER if row is None else Halt(row.halted_utc_s, row.by, row.forgiven)


def halted(connection: Connection) -> frozenset[Named]:
    """Return every roll-out that has halted."""
    rows = connection.execute(select(HALTS.c.kind, HALTS.c.sequence).where(HALTS.c.halted_utc_s.is_not(None)))
    return frozenset((row.kind, row.sequence) for row in rows)


def halt(connection: Connection, kind: str, sequence: int, by: str, now_utc_s: int) -> None:
    """Halt a roll-out; one that has halted stays as it is."""
    was = halt_of(connection, kind, sequence)
    if was.since_utc_s is None:
        _keep(connection, kind, sequence, Halt(now_utc_s, by, was.forgiven))


def resume(connection: Connection, kind: str, sequence: int) -> None:
    """Let a roll-out go on: homes in which it failed until now no longer count against it."""
    failed = sum(each.failed for each in tallies(connection, kind, sequence))
    _keep(connection, kind, sequence, Halt(None, BY_OPERATOR, failed))


def judge(connection: Connection, kind: str, sequence: int, rule: Rule, now_utc_s: int) -> bool:
    """Halt a roll-out if too many homes say that it failed; return whether that was now."""
    was, found = halt_of(connection, kind, sequence), tallies(connection, kind, sequence)
    kept, failed = sum(each.kept for each in found), sum(each.failed for each in found)
    if was.since_utc_s is not None or not must_halt(kept, failed, was.forgiven, rule):
        return False
    halt(connection, kind, sequence, BY_HOMES, now_utc_s)
    return True


class Counting:
    """Hears homes; folder: the shelf of releases, None: there is none; key: known homes are named by it, and it is in no database."""

    def __init__(self, engine: Engine, key: bytes, folder: Path | None, rule: Rule, log: Log) -> None:
        self._engine = engine
        self._key = key
        self._folder = folder
        self._rule = rule
        self._log = log

    def hear(self, alias: str, said: Outcome, now_utc_s: int) -> None:
        """Take a home's word; of a release that is not on the shelf it is no word for us, so nobody can fill the store with inventions."""
        if self._folder is None or not alias or not (self._folder / shelf.file_name(said.kind, said.sequence)).is_file():
            self._log.info("outcome.refused")
            return
        named = said.kind.encode() + said.sequence.to_bytes(4, "big") + alias.encode()
        home, share = wrapping.mac(self._key, named)[:HOME_BYTES], share_of(self._folder, said.kind, said.sequence)
        with stores.writing(self._engine) as connection:
            if not record(connection, said, home, share, now_utc_s // 86400):
                return
            now_halted = judge(connection, said.kind, said.sequence, self._rule, now_utc_s)
            self._show(connection, said.kind, said.sequence)
        version = shelf.version_of(said.sequence)
        self._log.info("outcome.counted", kind=said.kind, version=version, fault=said.fault)
        if now_halted:
            self._log.error("rollout.halted", kind=said.kind, version=version)

    def show_all(self) -> None:
        """Have the figures say what is known of each release on the shelf."""
        with self._engine.connect() as connection:
            for kind, sequence in on_shelf(self._folder):
                self._show(connection, kind, sequence)

    def _show(self, connection: Connection, kind: str, sequence: int) -> None:
        found, version = tallies(connection, kind, sequence), shelf.version_of(sequence)
        for outcome, count in (("kept", sum(each.kept for each in found)), ("failed", sum(each.failed for each in found))):
            measures.RELEASE_HOMES.labels(kind, version, outcome).set(count)
        measures.RELEASE_HALTED.labels(kind, version).set(halt_of(connection, kind, sequence).since_utc_s is not None)


def on_shelf(folder: Path | None) -> list[Named]:
    """Return which releases lie in a folder, by their files' names, the newest of each kind first."""
    found = [] if folder is None or not folder.is_dir() else [named(path.name) for path in folder.glob(f"*{shelf.ENDING}")]
    return sorted((each for each in found if each is not None), key=lambda each: (shelf.KINDS.index(each[0]), -each[1]))


def named(name: str) -> Named | None:
    """Return the release that "scale-0.1.2" or its file is, or None."""
    kind, _, version = name.removesuffix(shelf.ENDING).partition("-")
    sequence = shelf.number_of(version)
    return (kind, sequence) if kind in shelf.KINDS and sequence is not None and shelf.version_of(sequence) == version else None


def share_of(folder: Path, kind: str, sequence: int) -> int:
    """Return to how many homes in a hundred a release is offered by the shelf's word of the newest, 0: it does not speak of it."""
    try:
        path = folder / shelf.NEWEST_FILE
        _, offers = shelf.look_newest(path.read_bytes() if path.stat().st_size <= shelf.MAX_NEWEST_BYTES else b"")
    except (OSError, ProtocolError):
        return 0
    return next((each.share for each in offers if (each.kind, each.sequence) == (kind, sequence)), 0)


def described(connection: Connection, folder: Path | None, rule: Rule) -> list[str]:
    """Return what whoever operates this store may want to know of each release on its shelf, one line for each and for each share."""
    lines = []
    for kind, sequence in on_shelf(folder):
        assert folder is not None  # noqa: S101  # nothing lies in none
        halt_, found = halt_of(connection, kind, sequence), tallies(connection, kind, sequence)
        state = "going on" if halt_.since_utc_s is None else f"halted by {halt_.by} at {_moment(halt_.since_utc_s)} UTC"
        kept, failed = sum(each.kept for each in found), sum(each.failed for each in found)
        lines.append(
            f"{kind}-{shelf.version_of(sequence)}: offered to {share_of(folder, kind, sequence)} %, {state};"
            f" kept in {kept} homes, failed in {failed}, of which {halt_.forgiven} no longer count"
        )
        for each in found:
            faults = ", ".join(f"fault {fault} in {count}" for fault, count in each.faults.items())
            lines.append(f"  at {each.share} %: kept in {each.kept}, failed in {each.failed}{f' ({faults})' if faults else ''}")
    return [*lines, f"A roll-out halts by itself from {rule.homes} homes and {rule.percent} % of those that said how it went."]


def _moment(utc_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(utc_s))


def _keep(connection: Connection, kind: str, sequence: int, halt_: Halt) -> None:
    own = (HALTS.c.kind == kind) & (HALTS.c.sequence == sequence)
    values = {"halted_utc_s": halt_.since_utc_s, "by": halt_.by, "forgiven": halt_.forgiven}
    if connection.execute(update(HALTS).where(own).values(values)).rowcount == 0:
        connection.execute(insert(HALTS).values(kind=kind, sequence=sequence, **values))
