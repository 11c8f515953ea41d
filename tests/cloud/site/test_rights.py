"""Letters by post: the operator's command line does what the pages do, reads nothing, and leaves a trace."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloud import audit
from tests.cloud.counterpart import Device, Person, weight
from tests.cloud.site.test_take import NOW_UTC_S, everything

ROOT = Path(__file__).parents[3]


def letter(site: Any, deed: str, address: str = "ada@example.org") -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "cloud",
        "letter",
        "--configuration",
        str(site.folder / "cloud.toml"),
        "--do",
        deed,
        "--address",
        address,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_is_handed_out_is_sealed(site: Any) -> None:
    """Every table of the person, no address, label or key in it; both logs say that it was handed out."""
    browser, person = site.browser(), Person("Zwetlana")
    browser.register()
    browser.post("/en/recovery-code")
    browser.link(person)
    site.store(person, [person.row(Device(), weight(70_000), NOW_UTC_S)])
    told = letter(site, "export")
    tables = json.loads(told.stdout)["tables"]
    assert {name for name, rows in tables.items() if rows} == {
        "links",
        "accounts",
        "addresses",
        "consents",
        "link_boxes",
        "link_codes",
        "log_entries",
        "sessions",
    }
    for secret in ("ada@example.org", "Zwetlana", person.pseudonym.hex(), person.seeds.root_key.hex()):
        assert secret not in told.stdout
    assert "the sealed export was handed out" in browser.get("/en/log").text
    with site.premises.accounts.connect() as connection:
        assert [each.what for each in audit.read(connection, audit.OPERATOR, audit.OPERATOR_KEY)] == ["letter-export"]


def test_a_locked_account_is_nobodys_until_it_is_unlocked(site: Any) -> None:
    """Sessions end at once, the password does not sign in; afterwards everything is as before."""
    browser = site.browser()
    browser.register()
    assert letter(site, "lock").returncode == 0
    assert browser.get("/en/home").url.path == "/en/sign-in"
    assert site.browser().sign_in().status_code == 400
    assert letter(site, "unlock", "eve@example.org").returncode == 3
    assert letter(site, "unlock").returncode == 0
    assert site.browser().sign_in().url.path == "/en/home"


def test_an_erasure_by_letter_leaves_nothing_that_opens(site: Any) -> None:
    """The receipt says what became of the rows that nobody but their owner can find; a second letter finds no account."""
    browser, person = site.browser(), Person("Ada")
    browser.register()
    browser.link(person)
    told = letter(site, "erase")
    assert '"rows_of_readings_erased": 0' in told.stdout
    assert "cannot be found without their owner" in told.stdout
    assert site.browser().sign_in().status_code == 400
    assert list((site.folder / "keys/erasure").iterdir()) == []
    assert not any(person.pseudonym in data for data in everything(site.folder).values())
    again = letter(site, "erase")
    assert (again.returncode, again.stderr.strip()) == (3, "No account has this address.")


@pytest.mark.parametrize("missing", ["--do", "--address"])
def test_a_letter_without_its_facts_is_one_sentence(site: Any, missing: str) -> None:
    """Exit status 3 and what is missing."""
    arguments = ["--do", "lock"] if missing == "--address" else ["--address", "ada@example.org"]
    command = [sys.executable, "-m", "cloud", "letter", "--configuration", str(site.folder / "cloud.toml"), *arguments]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr.strip()) == (3, "A letter needs --do and --address.")
