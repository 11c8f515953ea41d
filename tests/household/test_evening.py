"""The scripted evening through the command a person would type, and what its verdict is worth."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.household import secrecy
from tools.evening import PEOPLE
from tools.ways import STOPS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(420)


class Evening(NamedTuple):
    """A finished evening: what the command said, its report, and the folder it kept."""

    status: int
    said: str
    report: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("evening")
    report = folder / "report.json"
    done = subprocess.run(
        [ROOT / "foyer", "demo", "--once", "--report", report, "--keep", folder / "home"],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    said = done.stdout + done.stderr
    assert report.exists(), said
    return Evening(done.returncode, said, json.loads(report.read_text()), folder / "home")


def test_every_reading_arrives_once_unaltered_under_the_right_person(evening: Evening) -> None:
    """A killed gateway, a stopped broker and a power cut lose nothing, repeat nothing and change nothing."""
    summary = evening.report["summary"]
    assert evening.status == 0, evening.said
    assert summary["readings"] == summary["arrived"] == len(evening.report["readings"]) >= 8
    assert [summary[fault] for fault in ("duplicates", "altered", "misassigned", "unexplained")] == [0, 0, 0, 0]


def test_the_evening_has_every_kind_and_person_in_it(evening: Evening) -> None:
    """A recorded person and two simulated ones weigh in, one takes a blood pressure, the nursery cools."""
    readings = evening.report["readings"]
    assert [line["person"] for line in readings if line["kind"] == "weight"] == ["Clarisse", "Benjamin", "Marianne"]
    assert [line["person"] for line in readings if line["kind"] == "pressure"] == ["Marianne"]
    room = [line["shown"]["room_Cel"] for line in readings if line["kind"] == "climate"]
    assert min(room) < room[0] - 0.3


def test_weights_are_within_a_tenth_of_a_kilogram_of_the_plate(evening: Evening) -> None:
    """What the account shows is what stood there."""
    for line in (line for line in evening.report["readings"] if line["kind"] == "weight"):
        assert abs(line["shown"]["weight_kg"] - line["truth"]["weight_kg"]) <= 0.1


def test_each_reading_passes_its_stops_in_order(evening: Evening) -> None:
    """Signed before kept, kept before sent, committed before receipted, in the cloud before shown."""
    must = [stop for stop in STOPS if stop not in ("sent", "receipted", "published", "assigned")]
    for line in evening.report["readings"]:
        times = [line["stops"][stop] for stop in must]
        assert times == sorted(times), line
        assert line["stops"]["committed"] <= line["stops"]["receipted"]


def test_every_shown_reading_was_verified_back_to_its_device(evening: Evening) -> None:
    """The site says of each that the device's signature holds."""
    assert all(line["verified"] for line in evening.report["readings"])


def drop(page: str) -> str:
    return re.sub(r"<tr data-id.*?</tr>", "", page, count=1, flags=re.DOTALL)


def duplicate(page: str) -> str:
    row = re.search(r"<tr data-id.*?</tr>", page, re.DOTALL)
    assert row
    return page.replace(row[0], row[0] + row[0].replace(data_id(row[0]), "0" * 32))


def alter(page: str) -> str:
    return re.sub(r'data-value="([0-9.]+)"', lambda value: f'data-value="{float(value[1]) + 0.4}"', page, count=1)


def data_id(row: str) -> str:
    found = re.search(r'data-id="([0-9a-f]+)"', row)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("plant", "fault"), [(drop, "arrived"), (duplicate, "duplicates"), (alter, "altered")], ids=["drop", "duplicate", "altered value"]
)
def test_a_planted_fault_ends_in_a_non_zero_exit(evening: Evening, tmp_path: Path, plant: Callable[[str], str], fault: str) -> None:
    """The verdict finds what somebody did to a page between the store and the person's eyes."""
    evidence = json.loads((evening.folder / "evidence.json").read_text())
    evidence["pages"]["Marianne"]["weight"] = plant(evidence["pages"]["Marianne"]["weight"])
    status, said = judged(evidence, tmp_path)
    counts = {words: int(number) for number, words in re.findall(r"(\d+) (\w+)", said)}
    assert status == 1, said
    assert counts["arrived"] < counts["readings"] if fault == "arrived" else counts[fault] == 1


def test_a_swap_of_persons_ends_in_a_non_zero_exit(evening: Evening, tmp_path: Path) -> None:
    """Two people shown each other's weight is found."""
    evidence = json.loads((evening.folder / "evidence.json").read_text())
    pages = evidence["pages"]
    pages["Marianne"]["weight"], pages["Benjamin"]["weight"] = pages["Benjamin"]["weight"], pages["Marianne"]["weight"]
    status, said = judged(evidence, tmp_path)
    assert status == 1
    assert "2 misassigned" in said


def test_untouched_evidence_is_judged_good_again(evening: Evening) -> None:
    """The verdict is a function of the evidence alone."""
    evidence = json.loads((evening.folder / "evidence.json").read_text())
    status, _ = judged(evidence, evening.folder)
    assert status == 0


def judged(evidence: dict[str, Any], folder: Path) -> tuple[int, str]:
    path = folder / "judged.json"
    path.write_text(json.dumps(evidence))
    done = subprocess.run([ROOT / "foyer", "demo", "--judge", path], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def columns(database: Path, question: str) -> list[bytes]:
    with sqlite3.connect(database) as connection:
        return [row[0] for row in connection.execute(question)]


def secrets_of(folder: Path) -> dict[str, bytes]:
    """Return everything that neither the readings store nor the broker may hold."""
    enrolments = [json.loads(path.read_text()) for path in (folder / "home/enrolments").glob("*.json")]
    secrets = {
        f"signed payload {number}": signed for number, signed in enumerate(columns(folder / "home/home.db", "SELECT signed FROM readings"))
    }
    secrets |= {f"name {person.name}": person.name.encode() for person in PEOPLE}
    secrets |= {f"e-mail of {person.name}": f"{person.name}@home.example".encode() for person in PEOPLE}
    secrets |= {f"serial number {each['serial']}": each["serial"].encode() for each in enrolments}
    secrets |= {f"key of {each['serial']}": bytes.fromhex(each["public_key"]) for each in enrolments}
    accounts = columns(folder / "cloud/accounts.db", "SELECT account_id FROM accounts")
    return secrets | {f"account id {number}": account for number, account in enumerate(accounts)}


def test_neither_readings_store_nor_broker_holds_a_name_or_a_signed_payload(evening: Evening) -> None:
    """A byte search of the store, its write-ahead log and the broker's files finds nothing that tells who or what."""
    secrets = secrets_of(evening.folder)
    assert len(secrets) > 20
    readings = [path for path in secrecy.files_below(evening.folder / "cloud") if path.name.startswith("readings")]
    kept = [*secrecy.files_below(evening.folder / "broker/kept"), evening.folder / "broker/broker.log"]
    assert readings
    assert secrecy.find([*readings, *kept], secrets) == []


def test_the_accounts_store_holds_no_pseudonym_and_no_address(evening: Evening) -> None:
    """The link between an account and its rows is nowhere in clear."""
    pseudonyms = columns(evening.folder / "cloud/readings.db", "SELECT DISTINCT pseudonym FROM sealed_rows")
    secrets = {f"pseudonym {number}": pseudonym for number, pseudonym in enumerate(pseudonyms)}
    secrets |= {f"e-mail of {person.name}": f"{person.name}@home.example".encode() for person in PEOPLE}
    accounts = [path for path in secrecy.files_below(evening.folder / "cloud") if path.name.startswith("accounts")]
    assert len(pseudonyms) == 4
    assert accounts
    assert secrecy.find(accounts, secrets) == []


@pytest.mark.parametrize("form", [lambda secret: secret, lambda secret: secret.hex().encode(), lambda secret: secret[5:40]])
def test_the_search_finds_what_is_planted(evening: Evening, tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    """A payload put into a copy of the store, whole, in hexadecimal or in part, is found there."""
    secrets = secrets_of(evening.folder)
    planted = tmp_path / "readings.db"
    signed = secrets["signed payload 0"]
    planted.write_bytes((evening.folder / "cloud/readings.db").read_bytes() + form(signed))
    assert secrecy.find([planted], secrets) == ["signed payload 0 in readings.db"]


def test_no_log_holds_a_name_an_address_or_a_value(evening: Evening) -> None:
    """The gateway's and the account store's logs tell nothing of anybody."""
    people = {f"name {person.name}": person.name.encode() for person in PEOPLE}
    people |= {f"address of {person.name}": f"{person.name}@home.example".encode() for person in PEOPLE}
    assert secrecy.find([evening.folder / "gateway.log", evening.folder / "cloud.log"], people) == []
