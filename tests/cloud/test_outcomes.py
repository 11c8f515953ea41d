"""Failures across homes halt a roll-out: counted once for each home, in any order, with a bound on what homes that lie can do."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select
from sqlalchemy.engine import make_url

from cloud import accounts, measures, outcomes, stores
from cloud.__main__ import main
from cloud.logs import configure
from cloud.outcomes import BY_OPERATOR, Counting, Rule
from protocol import faults, shelf
from protocol import outcomes as words
from protocol.outcomes import Outcome
from tests.cloud.counterpart import WAIT_S, Gateway
from tools import broker as broker_tool
from tools import release, releasing
from tools.services import free_ports

FILES = {"firmware/main.mpy": b"M\x06\x00" + bytes(300), "firmware/boards/s3_scale.mpy": b"M\x06\x00"}
RULE = Rule(3, 10)
SEQUENCE = release.sequence_of("0.1.2")
FAILED, KEPT = Outcome("scale", SEQUENCE, faults.UPDATE_UNPROVED), Outcome("scale", SEQUENCE, 0)


@contextmanager
def store() -> Iterator[Connection]:
    engine = stores.open_store(make_url("sqlite://"))
    accounts.METADATA.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def laid(folder: Path, version: str = "0.1.2", share: int = 10) -> Path:
    """Lay a scale's release onto a shelf, vouched for to a share of homes; return the shelf."""
    key = release.signing_key(folder / "desk/release.pem")
    said = release.Facts(version, release.sequence_of(version), "Better.", "Mieux.")
    data = release.pack("scale", {**FILES, shelf.KEYS_FILE: release.point(key.public_key())}, key, said)
    there = folder / "shelf"
    there.mkdir(exist_ok=True)
    (there / f"scale-{version}.foyer").write_bytes(data)
    (there / "release.pub").write_bytes((folder / "desk/release.pub").read_bytes())
    vouched = ["vouch", "--shelf", str(there), "--key", str(folder / "desk/release.pem"), "--share", str(share)]
    assert releasing.main(vouched) == 0
    return there


class Heard:
    """A store that hears homes, without a broker."""

    def __init__(self, folder: Path, engine: Engine, rule: Rule = RULE) -> None:
        self.engine = engine
        self.folder = laid(folder)
        self.counting = Counting(engine, b"k" * 32, self.folder, rule, configure("test"))

    def say(self, alias: str, said: Outcome, day: int = 0) -> None:
        self.counting.hear(alias, said, day * 86400)

    @property
    def counts(self) -> tuple[int, int]:
        with self.engine.connect() as connection:
            found = outcomes.tallies(connection, "scale", SEQUENCE)
        return sum(each.kept for each in found), sum(each.failed for each in found)

    @property
    def halted(self) -> bool:
        with self.engine.connect() as connection:
            return ("scale", SEQUENCE) in outcomes.halted(connection)


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    engine = stores.open_store(make_url(f"sqlite:///{tmp_path}/accounts.db"))
    accounts.METADATA.create_all(engine)
    yield Heard(tmp_path, engine)
    engine.dispose()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from([0, 0, faults.UPDATE_UNPROVED, faults.SOFTWARE_FAULT])), max_size=40),
    st.builds(Rule, st.integers(1, 4), st.integers(0, 60)),
    st.integers(0, 40),
)
def test_in_any_order_each_home_counts_once_and_the_rollout_halts_when_the_rule_says_so(
    said: list[tuple[int, int]], rule: Rule, resumed_at: int
) -> None:
    """Against a model of sets; the operator lets it go on somewhere in between, and who failed until then counts no more."""
    kept: set[int] = set()
    failed: set[int] = set()
    forgiven, stopped = 0, False
    with store() as connection:
        for number, (home, fault) in enumerate(said):
            news = outcomes.record(connection, Outcome("scale", 6, fault), bytes([home]) * 16, 1, 0)
            assert news == (home not in failed and (fault != 0 or home not in kept))
            if fault:
                failed.add(home)
                kept.discard(home)
            elif home not in failed:
                kept.add(home)
            counting = len(failed) - forgiven
            stopped = stopped or (counting >= rule.homes and counting * 100 >= rule.percent * (len(kept) + counting))
            outcomes.judge(connection, "scale", 6, rule, 7)
            assert (("scale", 6) in outcomes.halted(connection)) == stopped
            if number == resumed_at:
                outcomes.resume(connection, "scale", 6)
                forgiven, stopped = len(failed), False
        found = outcomes.tallies(connection, "scale", 6)
        assert sum(each.kept for each in found) == len(kept)
        assert sum(each.failed for each in found) == len(failed)
        assert outcomes.tallies(connection, "cuff", 6) == outcomes.tallies(connection, "scale", 7) == []


def test_a_home_counts_once_however_often_it_says_it_and_a_failure_stands(heard: Heard) -> None:
    """Replayed, turned round, a thousand times: one home's word, and no roll-out halts by it."""
    for said in (KEPT, FAILED, FAILED, KEPT, *[FAILED] * 1000):
        heard.say("aa", said)
    assert heard.counts == (0, 1)
    assert not heard.halted


def test_fewer_homes_than_the_rule_says_halt_nothing_and_once_forgiven_they_never_do(heard: Heard) -> None:
    """The bound on gateways that lie: two of them are nothing; three stop a small roll-out, and after the operator's word count no more."""
    for alias in ("aa", "bb"):
        heard.say(alias, FAILED)
    assert not heard.halted
    heard.say("cc", FAILED)
    assert heard.halted
    with stores.writing(heard.engine) as connection:
        outcomes.resume(connection, "scale", SEQUENCE)
    for alias in ("aa", "bb", "cc", "dd", "ee"):
        heard.say(alias, FAILED)
    assert not heard.halted
    heard.say("ff", FAILED)
    assert heard.halted


def test_a_few_failures_among_many_homes_are_chance(heard: Heard) -> None:
    """Three of forty are 7.5 %; a fifth of forty-two is more than a tenth."""
    for number in range(37):
        heard.say(f"good{number}", KEPT)
    for alias in ("aa", "bb", "cc"):
        heard.say(alias, FAILED)
    assert not heard.halted
    for alias in ("dd", "ee"):
        heard.say(alias, FAILED)
    assert heard.halted


def test_what_is_said_of_a_release_that_is_not_on_the_shelf_is_not_kept(heard: Heard) -> None:
    """So a gateway cannot fill the store with numbers that it invents, nor halt what is to come."""
    for sequence in (1, SEQUENCE - 1, SEQUENCE + 1, (1 << 32) - 1):
        heard.say("aa", Outcome("scale", sequence, 1))
    heard.say("aa", Outcome("cuff", SEQUENCE, 1))
    heard.say("", FAILED)  # nobody's: the broker always names one
    with heard.engine.connect() as connection:
        assert connection.execute(select(accounts.OUTCOMES)).all() == []
        assert outcomes.halted(connection) == frozenset()


def test_neither_an_alias_nor_a_home_over_two_releases_can_be_told_from_the_store(heard: Heard, tmp_path: Path) -> None:
    """The same home has another MAC for each release, and without the key nobody finds it by its alias."""
    laid(tmp_path, "0.1.3")
    heard.say("00112233445566aa", FAILED)
    heard.say("00112233445566aa", FAILED._replace(sequence=release.sequence_of("0.1.3")))
    with heard.engine.connect() as connection:
        rows = connection.execute(select(accounts.OUTCOMES)).all()
    assert len({row.home_mac for row in rows}) == 2
    assert b"00112233445566aa" not in b"".join(path.read_bytes() for path in tmp_path.glob("accounts.db*"))


def test_a_word_is_forgotten_after_four_hundred_days(heard: Heard) -> None:
    """It served long before."""
    heard.say("aa", FAILED)
    heard.say("bb", KEPT, outcomes.KEPT_DAYS + 1)
    assert heard.counts == (1, 0)


def test_it_is_counted_by_the_share_it_was_offered_to_and_shown_without_anybody_in_it(heard: Heard, tmp_path: Path) -> None:
    """At 10 %, then at all: the operator's lines and figures have versions, counts and faults."""
    heard.say("aa", FAILED)
    heard.say("bb", KEPT)
    laid(tmp_path, share=100)
    heard.say("cc", KEPT)
    with heard.engine.connect() as connection:
        lines = outcomes.described(connection, heard.folder, RULE)
    assert lines == [
        "scale-0.1.2: offered to 100 %, going on; kept in 2 homes, failed in 1, of which 0 no longer count",
        f"  at 10 %: kept in 1, failed in 1 (fault {faults.UPDATE_UNPROVED} in 1)",
        "  at 100 %: kept in 1, failed in 0",
        "A roll-out halts by itself from 3 homes and 10 % of those that said how it went.",
    ]
    release_ = {"kind": "scale", "version": "0.1.2"}
    assert measures.REGISTRY.get_sample_value("foyer_release_homes", {**release_, "outcome": "failed"}) == 1
    assert measures.REGISTRY.get_sample_value("foyer_release_homes", {**release_, "outcome": "kept"}) == 2
    for alias in ("dd", "ee"):
        heard.say(alias, FAILED)
    assert measures.REGISTRY.get_sample_value("foyer_release_halted", release_) == 1
    with stores.writing(heard.engine) as connection:
        outcomes.resume(connection, "scale", SEQUENCE)
    heard.counting.show_all()
    assert measures.REGISTRY.get_sample_value("foyer_release_halted", release_) == 0


def test_the_operator_halts_a_rollout_and_lets_it_go_on(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """By its name; a name that is not on the shelf is one sentence."""
    laid(cloud.folder)
    cloud.configuration.write_text(cloud.configuration.read_text() + 'releases = "shelf"\n')
    engine = stores.open_store(make_url(f"sqlite:///{cloud.folder}/accounts.db"))
    stores.upgrade(engine, "accounts")
    command = ["releases", "--configuration", str(cloud.configuration)]
    capsys.readouterr()
    for arguments, state in (
        ([], "going on"),
        (["--halt", "scale-0.1.2"], "halted by operator at"),
        (["--resume", "scale-0.1.2"], "going on"),
    ):
        assert main([*command, *arguments]) == 0
        assert capsys.readouterr().out.startswith(f"scale-0.1.2: offered to 10 %, {state}")
    for name in ("scale-0.1.3", "cuff-0.1.2", "scale", "../scale-0.1.2", "scale-0.1.02"):
        assert main([*command, "--halt", name]) == 3
        assert "There is no release" in capsys.readouterr().err
    with engine.connect() as connection:
        assert outcomes.halt_of(connection, "scale", SEQUENCE).by == BY_OPERATOR
    engine.dispose()


def asked(address: str) -> tuple[int, bytes]:
    answer = requests.get(address, timeout=WAIT_S)
    return answer.status_code, answer.content


def test_gateways_over_a_real_broker_halt_a_rollout_and_no_further_home_gets_it(
    cloud: Any, start: Callable[..., Any], broker: broker_tool.Broker
) -> None:
    """Three homes whose devices gave it back; one that replays, one that speaks as another, and garbage change nothing before or after."""
    laid(cloud.folder)
    (port,) = free_ports(1)
    cloud.configuration.write_text(cloud.configuration.read_text() + f'releases = "shelf"\n[metrics]\nsite_port = {port}\n')
    start("ingest", "--configuration", str(cloud.configuration)).wait_for("ingest.ready")
    site = start("site", "--configuration", str(cloud.configuration))
    site.wait_for("site.ready")
    file, halted = f"{cloud.address}/releases/scale-0.1.2.foyer", f"{cloud.address}/releases/{shelf.HALTED_FILE}"
    homes = [Gateway(broker, cloud.receipt_key) for _ in range(5)]
    try:
        assert asked(file)[0] == 200
        assert shelf.decode_halted(asked(halted)[1]) == frozenset()
        good, *bad = homes
        good.publish(words.encode(KEPT), "link")
        site.wait_for("outcome.counted", fault=0)
        for home in bad[:2]:
            home.publish(words.encode(FAILED), "link")
            site.wait_for("outcome.counted", fault=FAILED.fault)
        for _ in range(20):
            bad[0].publish(words.encode(FAILED), "link")
        # as another home: the broker lets nobody write below another's alias
        forged = bad[0].client.publish(f"foyer/1/{good.alias}/link", words.encode(FAILED), qos=1)
        forged.wait_for_publish(WAIT_S)
        bad[0].publish(words.encode(FAILED)[:-1], "link")
        bad[0].publish(words.encode(Outcome("scale", SEQUENCE + 1, 1)), "link")
        site.wait_for("outcome.refused")  # and so everything before it was heard
        assert shelf.decode_halted(asked(halted)[1]) == frozenset()
        assert asked(file)[0] == 200
        bad[2].publish(words.encode(FAILED), "link")
        site.wait_for("rollout.halted", kind="scale", version="0.1.2")
        assert shelf.decode_halted(asked(halted)[1]) == {("scale", SEQUENCE)}
        assert asked(file)[0] == 404
        assert 'foyer_release_halted{kind="scale",version="0.1.2"} 1.0' in asked(f"http://127.0.0.1:{port}/metrics")[1].decode()
        good.publish(words.encode(KEPT), "link")
        command = [sys.executable, "-m", "cloud", "releases", "--configuration", str(cloud.configuration)]
        said = subprocess.run([*command, "--resume", "scale-0.1.2"], capture_output=True, text=True, check=True).stdout
        assert "kept in 1 homes, failed in 3, of which 3 no longer count" in said
        assert asked(file)[0] == 200
        bad[3].publish(words.encode(FAILED), "link")
        site.wait_for("outcome.counted")
        assert shelf.decode_halted(asked(halted)[1]) == frozenset()
    finally:
        for home in homes:
            home.stop()
    lines = "".join(site.said)
    assert not any(home.alias in lines for home in homes), "no log names a home"
